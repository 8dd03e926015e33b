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
const MEASURED = ['test/fault/slow-user-latency.test.ts', 'test/fault/redis-lock-holder.test.ts'];
const isMeasuring = process.env['BILLING_TEST_PHASE'] === 'measured';

module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: isMeasuring ? MEASURED.map((path) => `<rootDir>/${path}`) : ['<rootDir>/test/**/*.test.ts'],
  testPathIgnorePatterns: isMeasuring ? [] : ['/node_modules/', ...MEASURED],
  transform: { '^.+\\.[tj]s$': swc },
  transformIgnorePatterns: [`/node_modules/(?!(${esOnlyPackages.join('|')})/)`],
  maxWorkers: isMeasuring ? 1 : 2,
  // A worker keeps something of every file it ran; collecting gigabytes stops it for a second, which latencies then show.
  workerIdleMemoryLimit: '1GB',
  testTimeout: 30_000,
  forceExit: false,
  collectCoverageFrom: ['src/**/*.ts', 'simulator/**/*.ts', '!src/gen/**'],
};
