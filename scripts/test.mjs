/**
 * `npm test [-- jest arguments]`: prepares the clone, starts an empty MariaDB and Redis, runs the tests and stops both.
 * The last line is always `N passed, N failed`.
 */
import { rmSync } from 'node:fs';
import { readJsonIfThere, writeAtomic } from './lib/files.mjs';
import { ROOT, STATE_DIRECTORIES, inRoot } from './lib/paths.mjs';
import { prepareAll } from './lib/prepare.mjs';
import { runInForeground } from './lib/processes.mjs';
import { APP_USER, MIGRATE_USER, REPORT_USER } from './lib/stack/database-accounts.mjs';
import { redisUrl } from './lib/stack/redis.mjs';
import { withScratchInfrastructure } from './lib/stack/scratch-infrastructure.mjs';
import { catchSignals, runMain, say } from './lib/terminal.mjs';

/** What the tests need to know about the servers; they make their own databases with the root account. */
function describeInfrastructure(stack) {
  const { secrets, state } = stack;
  return {
    rootSocket: state.socket,
    rootUser: 'root',
    rootPassword: secrets.databaseRoot,
    host: '127.0.0.1',
    port: state.ports.mariadb,
    redisUrl: redisUrl(stack),
    tlsDir: stack.within('tls'),
    wechatpayDir: stack.within('wechatpay'),
    accounts: {
      migrate: { user: MIGRATE_USER, password: secrets.databaseMigrate },
      app: { user: APP_USER, password: secrets.databaseApp },
      report: { user: REPORT_USER, password: secrets.databaseReport },
    },
    dataKeys: secrets.dataKeys,
  };
}

/** Runs jest and returns its exit code and counts; a suite that could not run counts as one failure. */
async function runJest(stack, jestArguments, signal) {
  const infraFile = stack.within('infra.json');
  const resultFile = stack.within('jest-result.json');
  writeAtomic(infraFile, `${JSON.stringify(describeInfrastructure(stack), null, 2)}\n`, 0o600);
  rmSync(resultFile, { force: true });
  const jest = inRoot('node_modules', 'jest', 'bin', 'jest.js');
  const words = ['--enable-source-maps', jest, '--json', `--outputFile=${resultFile}`, ...jestArguments];
  const env = { ...process.env, BILLING_TEST_INFRA: infraFile };
  const code = await runInForeground(process.execPath, words, { env, cwd: ROOT, signal });
  const result = readJsonIfThere(resultFile) ?? { numPassedTests: 0, numFailedTests: 0, numRuntimeErrorTestSuites: 0 };
  const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
  // Jest also fails for other reasons, such as a pattern that matches no test.
  return { code, passed: result.numPassedTests, failed: code !== 0 && failed === 0 ? 1 : failed };
}

await runMain(async (jestArguments) => {
  let counts = { code: 1, passed: 0, failed: 1 };
  const { signal } = catchSignals();
  try {
    await prepareAll();
    counts = await withScratchInfrastructure(STATE_DIRECTORIES.test, (stack) => runJest(stack, jestArguments, signal));
  } catch (error) {
    say(error.message);
  }
  say(`${counts.passed} passed, ${counts.failed} failed`);
  return signal.aborted ? signal.reason : counts.code || (counts.failed > 0 ? 1 : 0);
});
