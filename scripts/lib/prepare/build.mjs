/** The compiled program under dist/. */
import { chmodSync, existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { readCommit } from '../build-commit.mjs';
import { filesBelow, hashOf, readIfThere, writeAtomic } from '../files.mjs';
import { ROOT, inRoot } from '../paths.mjs';
import { run } from '../processes.mjs';
import { step } from '../terminal.mjs';

const DIST = inRoot('dist');
const STAMP = path.join(DIST, '.stamp');
const INPUTS = ['src', 'migrations', 'simulator', 'bench', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json'];

/** Removes the output of sources that are gone: a deleted migration must not run any more. */
function removeOrphans() {
  for (const file of filesBelow(DIST)) {
    const source = inRoot(path.relative(DIST, file).replace(/\.js(\.map)?$/, '.ts'));
    if (/\.js(\.map)?$/.test(file) && !existsSync(source)) rmSync(file);
  }
}

/** What the program reads beside its code: the reviewed schema, and which commit it is of. Reviews compare both. */
function placeFacts() {
  const facts = {
    [path.join('migrations', 'schema.sql')]: readFileSync(inRoot('migrations', 'schema.sql'), 'utf8'),
    'build.json': `${JSON.stringify({ commit: readCommit() })}\n`,
  };
  for (const [name, content] of Object.entries(facts)) {
    const file = path.join(DIST, name);
    if (readIfThere(file) !== content) writeAtomic(file, content);
  }
}

/** Compiles unless dist/ is what the sources give. */
export async function build() {
  await compile();
  placeFacts();
}

async function compile() {
  const wanted = hashOf(ROOT, INPUTS, { words: [process.version], extensions: ['.ts', '.json'] });
  if (readIfThere(STAMP) === wanted) return;
  await step('Compiling', async () => {
    rmSync(STAMP, { force: true });
    const compiler = inRoot('node_modules', 'typescript', 'bin', 'tsc');
    await run(process.execPath, [compiler, '-p', 'tsconfig.build.json'], { cwd: ROOT });
    removeOrphans();
    const commandLine = path.join(DIST, 'src', 'cli', 'main.js');
    if (existsSync(commandLine)) chmodSync(commandLine, 0o755);
    writeAtomic(STAMP, wanted);
  });
}

/** Names the build in dist/: it changes whenever a source does. */
export function buildId() {
  return readIfThere(STAMP) ?? '';
}
