/** Runs jest on an empty MariaDB and Redis of its own: what `npm test` and the other runs of tests have in common. */
import { rmSync } from 'node:fs';
import { readJsonIfThere, writeAtomic } from './files.mjs';
import { ROOT, STATE_DIRECTORIES, inRoot } from './paths.mjs';
import { prepareAll } from './prepare.mjs';
import { runInForeground } from './processes.mjs';
import { APP_USER, MIGRATE_USER, REPORT_USER } from './stack/database-accounts.mjs';
import { sql } from './stack/mariadb.mjs';
import { redisUrl } from './stack/redis.mjs';
import { withScratchInfrastructure } from './stack/scratch-infrastructure.mjs';
import { catchSignals, say } from './terminal.mjs';

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
    identityIndexKey: secrets.identityIndexKey,
    auditSigningKey: secrets.auditSigningKey,
  };
}

/** First everything that may run side by side, then what measures latencies, by itself (jest.config.cjs). */
const TEST_PHASES = ['side-by-side', 'measured'];

/**
 * Latencies are measured on a database that is as durable as in production. All the rest kills processes, never the machine, which
 * an unsynced write survives: waiting for the disk would prove nothing there, and takes minutes.
 */
function durability(phase) {
  const synced = phase === 'measured' ? 1 : 0;
  return `SET GLOBAL sync_binlog = ${synced}, sync_frm = ${synced}, innodb_flush_log_at_trx_commit = ${2 - synced}`;
}

/** Runs one phase of jest and returns its exit code and counts; a suite that could not run counts as one failure. */
async function runPhase(phase, stack, jestArguments, settings, signal) {
  const resultFile = stack.within('jest-result.json');
  rmSync(resultFile, { force: true });
  const jest = inRoot('node_modules', 'jest', 'bin', 'jest.js');
  const words = ['--enable-source-maps', jest, '--passWithNoTests', '--json', `--outputFile=${resultFile}`];
  const env = {
    ...process.env,
    ...settings,
    BILLING_TEST_INFRA: stack.within('infra.json'),
    BILLING_TEST_PHASE: phase,
  };
  const code = await runInForeground(process.execPath, [...words, ...jestArguments], { env, cwd: ROOT, signal });
  const result = readJsonIfThere(resultFile) ?? { numPassedTests: 0, numFailedTests: 0, numRuntimeErrorTestSuites: 0 };
  const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
  // Jest also fails for other reasons.
  return { code, passed: result.numPassedTests, failed: code !== 0 && failed === 0 ? 1 : failed };
}

/** Runs jest and returns its exit code and counts. Arguments that match no test are a failure. */
async function runJest(stack, jestArguments, { settings, phases }, signal) {
  writeAtomic(stack.within('infra.json'), `${JSON.stringify(describeInfrastructure(stack), null, 2)}\n`, 0o600);
  const total = { code: 0, passed: 0, failed: 0 };
  for (const phase of phases) {
    if (signal.aborted) break;
    await sql(stack, durability(phase));
    const { code, passed, failed } = await runPhase(phase, stack, jestArguments, settings, signal);
    total.code ||= code;
    total.passed += passed;
    total.failed += failed;
  }
  return total.passed + total.failed === 0 ? { code: 1, passed: 0, failed: 1 } : total;
}

/**
 * Prepares the clone, starts the servers, runs jest with these arguments, environment settings and phases, and stops the
 * servers. `prepare` installs what these tests need beside the rest; `isInMemory` false keeps the database of a long run out of
 * memory. The last line is always `N passed, N failed`. Returns the exit code.
 */
export async function runTests(
  jestArguments,
  { settings = {}, phases = TEST_PHASES, prepare = async () => undefined, isInMemory = true } = {},
) {
  let counts = { code: 1, passed: 0, failed: 1 };
  const { signal } = catchSignals();
  try {
    await prepareAll();
    await prepare();
    counts = await withScratchInfrastructure(
      STATE_DIRECTORIES.test,
      (stack) => runJest(stack, jestArguments, { settings, phases }, signal),
      { isInMemory },
    );
  } catch (error) {
    say(error.message);
  }
  say(`${counts.passed} passed, ${counts.failed} failed`);
  return signal.aborted ? signal.reason : counts.code || (counts.failed > 0 ? 1 : 0);
}
