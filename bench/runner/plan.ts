import type { BenchOptions } from './options';

export type Scenario = 'uniform' | 'hot' | 'large' | 'claims' | 'orders' | 'events';
export type Variant = 'echo' | 'textbook' | 'ours' | 'batch' | 'rate-limiter-flexible';

/** One variant under one load. */
export interface Run {
  readonly scenario: Scenario;
  readonly variant: Variant;
  readonly load: 'closed' | 'open';
  readonly callers: number;
  /** Open loop: what is offered, as a share of what the variant itself did with 256 callers in a closed loop. */
  readonly offeredShare: number;
}

/** How many users `uniform` and `large` draw from; `hot` is one user; of `claims` and `orders`, more than a run has. */
export const USER_COUNT: Readonly<Record<Scenario, number>> = {
  uniform: 10_000,
  hot: 0,
  large: 1_000_000,
  claims: 200_000,
  orders: 50_000,
  events: 10_000,
};
/** Committed changes of a second in `events`: what the lag of the stream is owed at. */
export const EVENTS_PER_SECOND = 1_000;
/** Consumes that stand in the log of each user of `large` before the run: ten rows with the grant. */
export const LARGE_CONSUMES_EACH = 9;
/** Items of one call of the variant `batch`. */
export const BATCH_SIZE = 100;
/** Of 1 000 consumes, claims or orders, so many are repeats. */
export const REPEATS_PER_MILLE = 50;
/** Connections that callers share: about what a handful of client processes has. */
export const CONNECTIONS_MAX = 8;
/** Open loop: calls that may be unanswered before arrivals are dropped at the client. */
const OPEN_CALLERS = 1_024;
/** The closed loop that says what a variant can do, for the open loop. */
export const CAPACITY_CALLERS = 256;

const BOTH = ['textbook', 'ours'] as const;
const ALL = ['echo', ...BOTH, 'batch', 'rate-limiter-flexible'] as const;
const OFFERED_SHARES = [0.5, 0.9, 1.5];

function closed(scenario: Scenario, callers: number, variants: readonly Variant[]): readonly Run[] {
  return variants.map((variant) => ({ scenario, variant, load: 'closed', callers, offeredShare: 0 }));
}

function open(offeredShare: number): readonly Run[] {
  return BOTH.map((variant) => ({ scenario: 'uniform', variant, load: 'open', callers: OPEN_CALLERS, offeredShare }));
}

/** Changes at a fixed rate, and how long after it happened each is in the stream. */
const EVENTS: readonly Run[] = [
  { scenario: 'events', variant: 'ours', load: 'open', callers: OPEN_CALLERS, offeredShare: 0 },
];

/** With the million users in place their runs take turns with the small ones, so that both see the same machine. */
function uniform64({ isLarge }: BenchOptions): readonly Run[] {
  return [...closed('uniform', 64, ALL), ...(isLarge ? closed('large', 64, BOTH) : [])];
}

/** Groups of runs that take turns: A B C, A B C, A B C. */
function groupsOf(options: BenchOptions): readonly (readonly Run[])[] {
  if (options.isQuick) {
    return [uniform64(options), closed('hot', 64, BOTH), closed('claims', 64, BOTH), closed('orders', 1, BOTH), EVENTS];
  }
  return [
    closed('uniform', 1, ['echo', ...BOTH]),
    closed('uniform', 16, ['echo', ...BOTH, 'batch']),
    uniform64(options),
    closed('uniform', CAPACITY_CALLERS, ['echo', ...BOTH]),
    closed('hot', 1, BOTH),
    closed('hot', 16, BOTH),
    closed('hot', 64, [...BOTH, 'batch', 'rate-limiter-flexible']),
    closed('hot', 256, BOTH),
    closed('claims', 1, BOTH),
    closed('claims', 16, BOTH),
    closed('claims', 64, BOTH),
    closed('orders', 1, BOTH),
    closed('orders', 16, BOTH),
    ...OFFERED_SHARES.map(open),
    EVENTS,
  ];
}

/** A run's name, for progress and for `--only`. */
export function nameOf({ scenario, variant, load, callers, offeredShare }: Run): string {
  const rate = scenario === 'events' ? `${EVENTS_PER_SECOND}/s` : `${Math.round(offeredShare * 100)}%`;
  const offered = load === 'open' ? ` ${rate}` : '';
  return `${scenario} ${load}${offered} ${callers} ${variant}`;
}

/** The runs to make, in groups that take turns. `hasBatch`: whether the service has BatchConsumeQuota. */
export function planOf(options: BenchOptions, hasBatch: boolean): readonly (readonly Run[])[] {
  const isWanted = (run: Run): boolean => {
    const words = nameOf(run).split(' ');
    return (hasBatch || run.variant !== 'batch') && options.only.every((word) => words.includes(word));
  };
  return groupsOf(options)
    .map((group) => group.filter(isWanted))
    .filter((group) => group.length > 0);
}
