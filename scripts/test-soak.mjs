/**
 * `npm run test:soak [-- minutes]`: the model tests of the ledger, in memory and on the real database, with new seeds for 30
 * minutes, or as long as the argument or SOAK_MINUTES says. Prepares everything itself, tells each minute how far it is, and
 * on failure the seed. The last line is always `N passed, N failed`.
 */
import { runTests } from './lib/jest.mjs';
import { Failure, runMain } from './lib/terminal.mjs';

const MINUTES_DEFAULT = 30;
const TESTS = ['test/property/ledger.test.ts', 'test/integration/quota/ledger-model.test.ts'];

await runMain(([minutes = process.env.SOAK_MINUTES ?? String(MINUTES_DEFAULT)]) => {
  if (!/^\d+(?:\.\d+)?$/.test(minutes) || Number(minutes) === 0)
    throw new Failure(`Not a number of minutes: ${minutes}`);
  return runTests(TESTS, { settings: { BILLING_SOAK_MINUTES: minutes }, isInMemory: false });
});
