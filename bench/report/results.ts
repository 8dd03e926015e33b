import type { Measured } from '../runner/bench';
import type { Run } from '../runner/plan';

/** One line of the results: medians over the rounds. */
export interface ResultRow {
  readonly scenario: Run['scenario'];
  readonly variant: Run['variant'];
  readonly load: Run['load'];
  readonly callers: number;
  /** Consumes, claims or orders answered per second: of a batch, its items. */
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Every acknowledged one has exactly one row, and all balances, lots, chains and counts agree, in every round. */
  readonly correct: boolean;
  /** Open loop: calls that arrived per second. */
  readonly offeredPerSecond: number | null;
  /** Calls that were not OK, and arrivals that were dropped at the client, in all rounds. */
  readonly failed: number;
  /** Percent of one core, of the server, MariaDB, Redis and the load process. */
  readonly cpu: { readonly server: number; readonly mariadb: number; readonly redis: number; readonly load: number };
  /** The most memory the server ever had, up to the end of these runs. */
  readonly memoryMib: number;
  /** Of `events`: ms from when a change happened, before its COMMIT, to when it was read from the stream. */
  readonly eventLag: { readonly p50Ms: number; readonly p99Ms: number; readonly maxMs: number } | null;
}

/** What the figures are judged by. Null: not measured in this run. */
export interface Ratios {
  readonly oursOverTextbookUniform64: number | null;
  readonly oursOverTextbookHot64: number | null;
  readonly oursOverEchoUniform64: number | null;
  readonly p99OursOverTextbookUniform64: number | null;
  readonly p50OursOverTextbook1: number | null;
  readonly batchOverUnary: number | null;
  readonly largeOverSmall: number | null;
  readonly claimsOverTextbook64: number | null;
  readonly p50OrdersOverTextbook1: number | null;
  readonly p50OrdersOverTextbook16: number | null;
}

/** Ratios of which a limit is owed: at most so much. */
export const RATIOS_MAX: Partial<Readonly<Record<keyof Ratios, number>>> = { p50OrdersOverTextbook1: 1.5 };

export interface Results {
  readonly machine: Readonly<Record<string, string | number>>;
  readonly commit: string;
  /** Why the figures are no evidence, if they are none. */
  readonly void: string | null;
  readonly rows: readonly ResultRow[];
  readonly ratios: Ratios;
}

/** What the prototype's textbook did with 64 callers; one that does less than half here says that the machine is busy. */
const PROTOTYPE_TEXTBOOK = { uniform: 2_400, hot: 1_500 } as const;

function median(values: readonly number[]): number {
  const sorted = [...values].sort((first, second) => first - second);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

function round(value: number, digits: number): number {
  const scale = 10 ** digits;
  return Math.round(value * scale) / scale;
}

function failuresOf({ load }: Measured): number {
  return Object.values(load.failures).reduce((sum, count) => sum + count, load.shed);
}

/** The median round's percentiles, and the longest lag of all. */
function lagOf(rounds: readonly Measured[]): ResultRow['eventLag'] {
  const lags = rounds.flatMap(({ eventLag }) => (eventLag === undefined ? [] : [eventLag]));
  if (lags.length === 0) return null;
  const p50Ms = median(lags.map((lag) => lag.p50Ms));
  return { p50Ms, p99Ms: median(lags.map((lag) => lag.p99Ms)), maxMs: Math.max(...lags.map((lag) => lag.maxMs)) };
}

/** What the lag must stay below. */
export const EVENT_LAG_MS_MAX = 1_000;

/** Sums up the rounds of a run. */
export function toRow(run: Run, rounds: readonly Measured[]): ResultRow {
  const { scenario, variant, load, callers } = run;
  const over = (pick: (measured: Measured) => number): number => median(rounds.map(pick));
  return {
    scenario,
    variant,
    load,
    callers,
    perSecond: Math.round(over(({ perSecond }) => perSecond)),
    p50Ms: round(
      over((measured) => measured.load.p50Ms),
      2,
    ),
    p99Ms: round(
      over((measured) => measured.load.p99Ms),
      2,
    ),
    correct: rounds.every(({ fault }) => fault === undefined),
    offeredPerSecond: load === 'open' ? Math.round(over(({ offeredPerSecond }) => offeredPerSecond)) : null,
    failed: rounds.reduce((sum, measured) => sum + failuresOf(measured), 0),
    cpu: {
      server: Math.round(over(({ cpu }) => cpu.server)),
      mariadb: Math.round(over(({ cpu }) => cpu.mariadb)),
      redis: Math.round(over(({ cpu }) => cpu.redis)),
      load: Math.round(over(({ cpu }) => cpu.load)),
    },
    memoryMib: Math.max(...rounds.map(({ memoryMib }) => memoryMib)),
    eventLag: lagOf(rounds),
  };
}

type Find = (variant: Run['variant'], scenario: Run['scenario'], callers: number) => ResultRow | undefined;

function finder(rows: readonly ResultRow[]): Find {
  return (variant, scenario, callers) =>
    rows.find(
      (row) => row.load === 'closed' && row.variant === variant && row.scenario === scenario && row.callers === callers,
    );
}

/** A figure of one row over the same of another; null when either was not measured. */
function ratio(
  above: ResultRow | undefined,
  below: ResultRow | undefined,
  figure: 'perSecond' | 'p50Ms' | 'p99Ms' = 'perSecond',
): number | null {
  return above === undefined || below === undefined || below[figure] === 0
    ? null
    : round(above[figure] / below[figure], 2);
}

/** The ratios of a set of rows. */
export function toRatios(rows: readonly ResultRow[]): Ratios {
  const find = finder(rows);
  const ours = find('ours', 'uniform', 64);
  const textbook = find('textbook', 'uniform', 64);
  return {
    oursOverTextbookUniform64: ratio(ours, textbook),
    oursOverTextbookHot64: ratio(find('ours', 'hot', 64), find('textbook', 'hot', 64)),
    oursOverEchoUniform64: ratio(ours, find('echo', 'uniform', 64)),
    p99OursOverTextbookUniform64: ratio(ours, textbook, 'p99Ms'),
    p50OursOverTextbook1: ratio(find('ours', 'uniform', 1), find('textbook', 'uniform', 1), 'p50Ms'),
    batchOverUnary: ratio(find('batch', 'uniform', 64), ours),
    largeOverSmall: ratio(find('ours', 'large', 64), ours),
    claimsOverTextbook64: ratio(find('ours', 'claims', 64), find('textbook', 'claims', 64)),
    p50OrdersOverTextbook1: ratio(find('ours', 'orders', 1), find('textbook', 'orders', 1), 'p50Ms'),
    p50OrdersOverTextbook16: ratio(find('ours', 'orders', 16), find('textbook', 'orders', 16), 'p50Ms'),
  };
}

/** Why the figures are no evidence, if they are none: a machine too busy or too slow to compare with the prototype's. */
export function voidReason(rows: readonly ResultRow[]): string | null {
  const find = finder(rows);
  for (const scenario of ['uniform', 'hot'] as const) {
    const row = find('textbook', scenario, 64);
    const least = PROTOTYPE_TEXTBOOK[scenario] / 2;
    if (row !== undefined && row.perSecond < least) {
      return `the textbook did ${row.perSecond}/s (${scenario}, 64 callers), less than ${least}/s: the machine was busy or slow`;
    }
  }
  return null;
}
