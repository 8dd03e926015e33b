import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(__dirname, '..', '..');
const BILLING = join(ROOT, 'dist', 'src', 'cli', 'main.js');

/** How a program ended and what it wrote. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(words: readonly string[], env: NodeJS.ProcessEnv): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { cwd: ROOT, env, encoding: 'utf8' });
  return { code: status, stdout, stderr };
}

/** Runs the compiled `billing` command; `env` is its whole environment. */
export function billing(words: readonly string[], env: Readonly<Record<string, string>> = {}): Ended {
  return run([BILLING, ...words], env);
}

/** Words for node that run a module of the launcher's language in the root of the clone. */
export function moduleWords(text: string): readonly string[] {
  return ['--input-type=module', '--eval', text];
}

/** Runs a module that imports from ./scripts, to its end. */
export function runModule(text: string): Ended {
  return run(moduleWords(text), {});
}
