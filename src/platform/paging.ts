import { createHash } from 'node:crypto';
import { platformErrors } from './errors';

/**
 * Keyset pages: a token names the last row that was returned and the filters it belongs to, so that a page never
 * skips or repeats a row and a token can not be carried to another list. Tokens are opaque, not secret: every list
 * checks its own access, whatever the token says.
 */

/** One page and the way to the next. */
export interface Page<Row> {
  readonly rows: readonly Row[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
}

function fingerprint(filters: Readonly<Record<string, unknown>>): string {
  return createHash('sha256').update(JSON.stringify(filters)).digest('base64url').slice(0, 12);
}

/** Keys that are ids. */
const ID_KEY = /^[\x20-\x7e]{1,64}$/;
/** Keys that are positions in a log: whole numbers that a number holds exactly. */
export const POSITION_KEY = /^[1-9]\d{0,14}$/;

/**
 * Reads the key a token names; undefined for the first page. A token of another list or filter is refused, and so is a
 * forged one whose key is not of the list's kind: the database would stumble over it.
 */
export function readPageToken(
  token: string,
  filters: Readonly<Record<string, unknown>>,
  kind: RegExp = ID_KEY,
): string | undefined {
  if (token === '') return undefined;
  const [version, mark, key] = Buffer.from(token, 'base64url').toString('utf8').split('\n');
  if (version !== '1' || mark !== fingerprint(filters) || key === undefined || !kind.test(key)) {
    const description = 'is not a token of this list with these filters';
    throw platformErrors.INVALID_REQUEST({ fieldViolations: [{ field: 'page_token', description }] });
  }
  return key;
}

/** Cuts a page out of rows read with `limit pageSize + 1`, in the list's order. */
export function cutPage<Row>(
  rows: readonly Row[],
  pageSize: number,
  filters: Readonly<Record<string, unknown>>,
  keyOf: (row: Row) => string,
): Page<Row> {
  const page = rows.slice(0, pageSize);
  const last = page.at(-1);
  if (rows.length <= pageSize || last === undefined) return { rows: page, nextPageToken: '' };
  const token = Buffer.from(`1\n${fingerprint(filters)}\n${keyOf(last)}`, 'utf8').toString('base64url');
  return { rows: page, nextPageToken: token };
}
