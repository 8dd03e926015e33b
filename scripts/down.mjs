/** `npm run down`: stops the service and the local stack. Data stays. */
import { down } from './lib/stack/local-stack.mjs';
import { runMain, step } from './lib/terminal.mjs';

await runMain(async () => {
  await step('Stopping the local stack', down);
});
