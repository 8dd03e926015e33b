/** What a run of the benchmark is asked for. */
export interface BenchOptions {
  /** A smoke test: two settings, one round, nothing is written to bench/results. */
  readonly isQuick: boolean;
  /** Also a million users with ten million log rows. */
  readonly isLarge: boolean;
  /** Print the results as JSON instead of a table. */
  readonly isJson: boolean;
  /** Only runs whose name, such as `uniform closed 64 ours`, has all of these words. */
  readonly only: readonly string[];
  readonly rounds: number;
  readonly warmupMs: number;
  readonly measureMs: number;
}

const USAGE = `npm run bench [-- options]
  --quick         a smoke test of two to three minutes; bench/results stays as it is
  --large         also 1 000 000 users with 10 000 000 log rows
  --only "words"  only runs whose name has all words: scenario, load, callers, variant ("uniform closed 64 ours")
  --rounds N      rounds of each run; the median counts
  --json          results as JSON on standard output, progress on standard error`;

/** Options that can not be understood; the message says how to write them. */
export class UsageError extends Error {}

/** Reads the options. Throws UsageError. */
export function readOptions(words: readonly string[]): BenchOptions {
  const rest = [...words];
  const flags = new Set<string>();
  const values = new Map<string, string>();
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (['--quick', '--large', '--json'].includes(word)) flags.add(word);
    else if (['--only', '--rounds'].includes(word)) values.set(word, rest.shift() ?? '');
    else throw new UsageError(USAGE);
  }
  const isQuick = flags.has('--quick');
  const rounds = Number(values.get('--rounds') ?? (isQuick ? 1 : 3));
  if (!Number.isInteger(rounds) || rounds < 1) throw new UsageError(USAGE);
  return {
    isQuick,
    isLarge: flags.has('--large'),
    isJson: flags.has('--json'),
    only: (values.get('--only') ?? '').split(' ').filter((word) => word !== ''),
    rounds,
    warmupMs: 1_000,
    measureMs: isQuick ? 2_000 : 3_000,
  };
}
