/** `npm run demo [-- --json]`: prepares the clone, starts the stack, runs the main job, looks through the logs for secrets and leaves things as they were. */
import { inRoot } from './lib/paths.mjs';
import { prepareAll } from './lib/prepare.mjs';
import { run, runInForeground } from './lib/processes.mjs';
import { down, endpointsPath, isUp, up } from './lib/stack/local-stack.mjs';
import { catchSignals, leaveStdoutAlone, runMain, say, step } from './lib/terminal.mjs';

/** Throws a Failure when a log of the stack holds a secret, or what was told in confidence. */
async function scanLogs() {
  const script = inRoot('dist', 'simulator', 'demo', 'secrets', 'scan-logs.js');
  say((await run(process.execPath, [script, endpointsPath()])).toString('utf8').trimEnd());
}

await runMain(async (demoArguments) => {
  if (demoArguments.includes('--json')) leaveStdoutAlone();
  await prepareAll();
  const wasUp = isUp();
  const { signal } = catchSignals();
  try {
    await up();
    if (signal.aborted) return signal.reason;
    const env = { ...process.env, BILLING_ENDPOINTS: endpointsPath() };
    const script = inRoot('dist', 'simulator', 'demo', 'main.js');
    const words = ['--enable-source-maps', script, ...demoArguments];
    const exitCode = await runInForeground(process.execPath, words, { env, signal });
    if (exitCode === 0) await scanLogs();
    return exitCode;
  } finally {
    if (!wasUp) await step('Stopping the local stack', down);
  }
});
