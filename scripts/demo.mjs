/** `npm run demo [-- --json]`: prepares the clone, starts the stack, runs the main job and leaves things as they were. */
import { inRoot } from './lib/paths.mjs';
import { prepareAll } from './lib/prepare.mjs';
import { runInForeground } from './lib/processes.mjs';
import { down, endpointsPath, isUp, up } from './lib/stack/local-stack.mjs';
import { catchSignals, leaveStdoutAlone, runMain, step } from './lib/terminal.mjs';

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
    return await runInForeground(process.execPath, ['--enable-source-maps', script, ...demoArguments], { env, signal });
  } finally {
    if (!wasUp) await step('Stopping the local stack', down);
  }
});
