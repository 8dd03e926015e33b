/** Lists of users in files: an id a line. Pure. */

/** The ids of a list, each once, in the order of the file; and the numbers of the lines that hold no id. */
export interface UserList {
  readonly userIds: readonly string[];
  readonly faultyLines: readonly number[];
}

/** As the service has it: 1 to 64 printable ASCII characters, no space at either end. */
const USER_ID = /^[\x21-\x7e](?:[\x20-\x7e]{0,62}[\x21-\x7e])?$/;

/** Reads a list. Empty lines are left out; a mark of the byte order and either kind of line end are taken as such. */
export function parseUserList(text: string): UserList {
  const lines = text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .map((line, i) => ({ line, number: i + 1 }))
    .filter(({ line }) => line !== '');
  return {
    userIds: [...new Set(lines.map(({ line }) => line).filter((line) => USER_ID.test(line)))],
    faultyLines: lines.filter(({ line }) => !USER_ID.test(line)).map(({ number }) => number),
  };
}
