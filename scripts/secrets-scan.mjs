/**
 * `npm run secrets:scan`: no file of this repository, committed or about to be, holds a secret. Looks for keys and tokens by
 * their form; prints where, never what.
 */
import { readFileSync } from 'node:fs';
import { inRoot, ROOT } from './lib/paths.mjs';
import { run } from './lib/processes.mjs';
import { findSecrets } from './lib/supply/secrets.mjs';
import { Failure, runMain, say } from './lib/terminal.mjs';

/** Files larger than this are no source. */
const BYTES_MAX = 5_000_000;

/** Files that git knows or would add, as they are now; those that were deleted are gone. */
async function listFiles() {
  const words = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const names = (await run('git', words, { cwd: ROOT })).toString('utf8').split('\0');
  return names.filter((name) => name !== '');
}

function read(path) {
  try {
    const content = readFileSync(inRoot(path));
    return content.length > BYTES_MAX || content.includes(0) ? '' : content.toString('utf8');
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'EISDIR') return '';
    throw error;
  }
}

await runMain(async () => {
  const paths = await listFiles();
  const found = paths.flatMap((path) => findSecrets(path, read(path)));
  const lines = found.map(({ path, line, kind }) => `${path}:${line}: ${kind}`);
  if (lines.length > 0) throw new Failure(`This looks like secrets:\n  ${lines.join('\n  ')}`);
  say(`No secret in ${paths.length} files.`);
});
