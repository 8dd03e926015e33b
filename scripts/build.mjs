/** `npm run build`: code from proto/, then the compiled program under dist/. */
import { prepareBuild } from './lib/prepare.mjs';
import { runMain } from './lib/terminal.mjs';

await runMain(async () => {
  await prepareBuild();
});
