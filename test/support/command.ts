import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Identity } from './clients';
import type { Harness } from './harness';

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

/**
 * Runs the compiled `billing` command with the certificate of an identity, beside the service in this process, which goes on
 * serving meanwhile.
 */
export function billingAs(h: Harness, identity: Identity, words: readonly string[]): Promise<Ended> {
  const file = (name: string): string => join(h.infra.tlsDir, name);
  const address = h.grpcAddress.replace('127.0.0.1', 'localhost');
  const certificates = ['--ca', file('ca.crt'), '--cert', file(`${identity}.crt`), '--key', file(`${identity}.key`)];
  const command = [BILLING, '--address', address, ...certificates, ...words];
  return new Promise((resolve) => {
    execFile(process.execPath, command, { cwd: ROOT, env: {} }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

/** Words for node that run a module of the launcher's language in the root of the clone. */
export function moduleWords(text: string): readonly string[] {
  return ['--input-type=module', '--eval', text];
}

/** Runs a module that imports from ./scripts, to its end. */
export function runModule(text: string): Ended {
  return run(moduleWords(text), {});
}
