/** Which commit a tree is of: what a build says of itself, and what the result of its tests is tied to. */
import { execFileSync } from 'node:child_process';
import { hashOf } from './files.mjs';
import { ROOT } from './paths.mjs';

/** What the program is made of. */
const SOURCES = ['src', 'migrations', 'proto', 'package-lock.json'];
const HASH_DIGITS = 12;

function git(...words) {
  return execFileSync('git', words, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}

/**
 * The commit, and after a `+` a hash of the sources where they are not those of the commit; empty where this is no clone: what nobody
 * can name was never tested by anybody.
 */
export function readCommit() {
  try {
    const commit = git('rev-parse', 'HEAD');
    const changes = git('status', '--porcelain', '--', ...SOURCES);
    return changes === '' ? commit : `${commit}+${hashOf(ROOT, SOURCES).slice(0, HASH_DIGITS)}`;
  } catch {
    return '';
  }
}
