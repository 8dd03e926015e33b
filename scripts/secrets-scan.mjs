/**
 * `npm run secrets:scan`: no file of this repository, committed or about to be, holds a secret, and no commit before this one
 * added any: whoever has the repository has those, too. Looks for keys and tokens by their form; prints where, never what.
 */
import { readFileSync } from 'node:fs';
import { inRoot, ROOT } from './lib/paths.mjs';
import { run } from './lib/processes.mjs';
import { addedTexts } from './lib/supply/history.mjs';
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

/** Without what a person's own settings of git do to it; merges as what they brought. */
const LOG_WORDS = [
  ...['-c', 'core.quotePath=off', '-c', 'diff.noprefix=false', '-c', 'diff.mnemonicPrefix=false', 'log', '-p', '-U0'],
  ...['--no-color', '--no-ext-diff', '--no-textconv', '--no-renames', '--diff-merges=first-parent'],
  ...['--format=commit %H', 'HEAD'],
];

async function git(...words) {
  return (await run('git', words, { cwd: ROOT })).toString('utf8').trimEnd();
}

/** What the commits that are here added; a shallow clone has not all of them. */
async function scanHistory() {
  const added = addedTexts(await git(...LOG_WORDS));
  const lines = added.flatMap(({ commit, path, text }) =>
    findSecrets(path, text).map(({ kind }) => `${commit.slice(0, 12)}: ${path}: ${kind}`),
  );
  const isShallow = (await git('rev-parse', '--is-shallow-repository')) === 'true';
  return { lines, commits: await git('rev-list', '--count', 'HEAD'), isShallow };
}

await runMain(async () => {
  const paths = await listFiles();
  const found = paths.flatMap((path) => findSecrets(path, read(path)));
  const { lines: earlier, commits, isShallow } = await scanHistory();
  const lines = [...found.map(({ path, line, kind }) => `${path}:${line}: ${kind}`), ...earlier];
  if (lines.length > 0) throw new Failure(`This looks like secrets:\n  ${lines.join('\n  ')}`);
  say(`No secret in ${paths.length} files, and none that one of ${commits} commits added.`);
  if (isShallow) say('SKIPPED: this clone is shallow; what older commits added was not looked at.');
});
