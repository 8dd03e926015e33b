/** `npm run reset`: stops the local stack and removes all its data, keys and certificates. */
import { reset } from './lib/stack/local-stack.mjs';
import { runMain, step } from './lib/terminal.mjs';

await runMain(async () => {
  await step('Removing the local stack', reset);
});
