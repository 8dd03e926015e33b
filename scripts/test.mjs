/**
 * `npm test [-- jest arguments]`: prepares the clone, starts an empty MariaDB and Redis, runs the tests and stops both.
 * The last line is always `N passed, N failed`.
 */
import { runTests } from './lib/jest.mjs';
import { runMain } from './lib/terminal.mjs';

await runMain((jestArguments) => runTests(jestArguments));
