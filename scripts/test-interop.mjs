/**
 * `npm run test:interop`: a client in another language (Python, generated from proto/ by Debian's packages) against the
 * running service. Installs what it needs where that is possible.
 */
import { inRoot } from './lib/paths.mjs';
import { prepareAll } from './lib/prepare.mjs';
import { installDebianPackages } from './lib/prepare/programs.mjs';
import { run, runInForeground } from './lib/processes.mjs';
import { down, endpointsPath, isUp, up } from './lib/stack/local-stack.mjs';
import { catchSignals, Failure, runMain, say, step } from './lib/terminal.mjs';

/** Debian's own Python, which its packages belong to, whatever else is first on PATH. */
const PYTHON = '/usr/bin/python3';
const PACKAGES = ['python3', 'python3-grpcio', 'python3-grpc-tools'];

async function hasPythonGrpc() {
  return run(PYTHON, ['-c', 'import grpc, grpc_tools']).then(
    () => true,
    () => false,
  );
}

async function installPythonGrpc() {
  if (await hasPythonGrpc()) return;
  await installDebianPackages(PACKAGES);
  if (!(await hasPythonGrpc())) throw new Failure(`Install ${PACKAGES.join(', ')} (Debian/Ubuntu) to run this test.`);
}

await runMain(async () => {
  await prepareAll();
  await installPythonGrpc();
  const wasUp = isUp();
  const { signal } = catchSignals();
  try {
    await up();
    if (signal.aborted) return signal.reason;
    say('A Python client generated from proto/:');
    const words = [inRoot('test', 'interop', 'client.py'), inRoot('proto'), endpointsPath()];
    return await runInForeground(PYTHON, words, { env: process.env, signal });
  } finally {
    if (!wasUp) await step('Stopping the local stack', down);
  }
});
