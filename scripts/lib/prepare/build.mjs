/** The compiled program under dist/. */
import { chmodSync, existsSync, rmSync } from 'node:fs';
import path from 'node:path';
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

/** Compiles unless dist/ is what the sources give. */
export async function build() {
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
