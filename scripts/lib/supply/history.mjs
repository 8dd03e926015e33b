/** What the commits of a repository added, from `git log -p`. Pure. */

/**
 * The lines that each commit added to each file, as `{ commit, path, text }`. Reads what `git log -p -U0 --format='commit %H'` says:
 * a line of a file never begins like one of a heading, because a sign stands before it.
 */
export function addedTexts(log) {
  const added = [];
  let commit = '';
  let entry;
  for (const line of log.split('\n')) {
    const begun = /^commit ([0-9a-f]{40,64})$/.exec(line);
    if (begun !== null) {
      commit = begun[1];
      entry = undefined;
    } else if (line.startsWith('diff --git ')) {
      entry = { commit, path: undefined, lines: [] };
      added.push(entry);
    } else if (entry !== undefined && entry.path === undefined && line.startsWith('+++ ')) {
      entry.path = line.slice('+++ b/'.length);
    } else if (entry?.path !== undefined && line.startsWith('+')) {
      entry.lines.push(line.slice(1));
    }
  }
  return added
    .filter(({ lines }) => lines.length > 0)
    .map(({ lines, ...where }) => ({ ...where, text: lines.join('\n') }));
}
