/** Tests run as they are compiled for production: CommonJS, by swc. Types are checked by `npm run types`. */
const swc = [
  '@swc/jest',
  {
    jsc: { target: 'es2023', parser: { syntax: 'typescript' } },
    module: { type: 'commonjs' },
    sourceMaps: 'inline',
  },
];

/** Published as ES modules only, which jest can not require on Node 20. */
const esOnlyPackages = ['temporal-polyfill', 'temporal-utils', 'temporal-spec'];

/** What measures latencies runs by itself, after all the rest: what else runs on the machine would be measured, too. */
const MEASURED = [
  'test/fault/backup-restore.test.ts',
  'test/fault/slow-user-latency.test.ts',
  'test/fault/redis-lock-holder.test.ts',
];
/** What drives a browser, which `npm run test:browser` installs: no part of `npm test`. */
const BROWSER = ['test/browser/cashier.test.ts'];

/** The files of each phase (BILLING_TEST_PHASE); any other name, and none, means all the rest. */
const PHASES = { measured: MEASURED, browser: BROWSER };
const phase = PHASES[process.env['BILLING_TEST_PHASE']];

module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: phase === undefined ? ['<rootDir>/test/**/*.test.ts'] : phase.map((path) => `<rootDir>/${path}`),
  testPathIgnorePatterns: phase === undefined ? ['/node_modules/', ...Object.values(PHASES).flat()] : [],
  transform: { '^.+\\.[tj]s$': swc },
  transformIgnorePatterns: [`/node_modules/(?!(${esOnlyPackages.join('|')})/)`],
  maxWorkers: phase === undefined ? 2 : 1,
  // A worker keeps something of every file it ran; collecting gigabytes stops it for a second, which latencies then show.
  workerIdleMemoryLimit: '1GB',
  // Nothing is judged by it: a machine that is busy otherwise must not fail a test.
  testTimeout: 60_000,
  forceExit: false,
  collectCoverageFrom: ['src/**/*.ts', 'simulator/**/*.ts', '!src/gen/**'],
};
