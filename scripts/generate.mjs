/** `npm run gen`: code from proto/ into src/gen. */
import { prepareSources } from './lib/prepare.mjs';
import { runMain } from './lib/terminal.mjs';

await runMain(async () => {
  await prepareSources();
});
