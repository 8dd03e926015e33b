/**
 * `npm run test:browser [-- jest arguments]`: drives the local WeChat Pay's cashier page in a real headless Chromium, which it
 * installs from Debian where that is possible. The last line is always `N passed, N failed`.
 */
import { runTests } from './lib/jest.mjs';
import { installDebianPackages, isInstalled, programPath } from './lib/prepare/programs.mjs';
import { Failure, runMain } from './lib/terminal.mjs';

const BROWSER = 'chromium';

async function installBrowser() {
  if (!isInstalled(BROWSER)) await installDebianPackages([BROWSER]);
  if (!isInstalled(BROWSER))
    throw new Failure(`Install ${BROWSER} (Debian: apt-get install ${BROWSER}) to run this test.`);
  // The test finds the browser where this says.
  process.env.BILLING_TEST_BROWSER = programPath(BROWSER);
}

await runMain((jestArguments) => runTests(jestArguments, { phases: ['browser'], prepare: installBrowser }));
