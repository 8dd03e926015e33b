/** Which licences the packages of a lock file may have. Pure. */

/** Licences under which a package may be part of what is delivered. */
const ALLOWED = new Set([
  ...['0BSD', 'Apache-2.0', 'BlueOak-1.0.0', 'BSD-2-Clause', 'BSD-3-Clause', 'CC0-1.0', 'ISC', 'MIT', 'MIT-0'],
]);

/** Further licences of what only builds and tests: nothing of it is delivered. */
const ALLOWED_TO_BUILD = new Set(['CC-BY-4.0']);

/** Whether an SPDX expression allows use: all parts of an AND, one part of an OR. AND binds closer. */
function isAllowed(expression, isDev) {
  const tokens = expression.match(/\(|\)|[^\s()]+/g) ?? [];
  let at = 0;
  const primary = () => {
    const token = tokens[at++];
    if (token !== '(') return ALLOWED.has(token) || (isDev && ALLOWED_TO_BUILD.has(token));
    const inner = alternatives();
    return tokens[at++] === ')' && inner;
  };
  const together = () => {
    let allowed = primary();
    while (tokens[at] === 'AND') {
      at += 1;
      // Both sides are read whatever the first came to.
      allowed = primary() && allowed;
    }
    return allowed;
  };
  const alternatives = () => {
    let allowed = together();
    while (tokens[at] === 'OR') {
      at += 1;
      allowed = together() || allowed;
    }
    return allowed;
  };
  const allowed = alternatives();
  return tokens.length > 0 && at === tokens.length && allowed;
}

/** The packages of a lock file (version 3) whose licence is not allowed or not known, and how many there are of each licence. */
export function judgeLicences(lock) {
  const counts = new Map();
  const refused = [];
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (path === '' || entry.link === true) continue;
    const licence = typeof entry.license === 'string' ? entry.license : '';
    counts.set(licence, (counts.get(licence) ?? 0) + 1);
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    if (!isAllowed(licence, entry.dev === true)) refused.push(`${name}@${entry.version}: ${licence || 'no licence'}`);
  }
  return { counts, refused };
}
