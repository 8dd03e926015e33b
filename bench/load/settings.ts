/** What a load process is told, as JSON in its only argument, and what it tells, as JSON lines on its standard output. */

/** The RPCs that the load calls. */
export type RpcName = 'ConsumeQuota' | 'BatchConsumeQuota' | 'ClaimCoupon' | 'CreateOrder';

export interface LoadSettings {
  readonly port: number;
  readonly tlsDir: string;
  readonly rpc: RpcName;
  /** Six characters that begin every request_id of this run. */
  readonly tag: string;
  /** Closed loop: how many callers call, each its next call when the last one is answered. Open loop: at most so many. */
  readonly callers: number;
  readonly connections: number;
  /** Users are drawn evenly from user 1 to this one, but for claims and orders, which name each only once; 0: always user 0. */
  readonly userCount: number;
  /** Consumes in one call; 0: one command without a batch around it. */
  readonly batchSize: number;
  /** Of 1 000 commands, so many repeat an earlier one of the same caller. */
  readonly repeatsPerMille: number;
  readonly warmupMs: number;
  readonly measureMs: number;
  /** Open loop: calls that arrive each second, whatever the server does. 0: closed loop. */
  readonly arrivalsPerSecond: number;
}

/** A command that was not acknowledged: whose, and which one. */
export type Unacknowledged = readonly [caller: number, sequence: number];

export interface LoadResult {
  /** Length of the measured window as it was. */
  readonly measuredMs: number;
  /** Commands (consumes, claims or orders) acknowledged within the window; repeats count. */
  readonly done: number;
  /** Commands acknowledged in the whole run; repeats count. */
  readonly acknowledged: number;
  /** Open loop: calls that were due within the window. */
  readonly offered: number;
  /** Open loop: due calls that were not sent, because `callers` calls were still unanswered. */
  readonly shed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Everything that was not OK in the whole run, by `status` or `status REASON`. */
  readonly failures: Readonly<Record<string, number>>;
  /** Repeats that were answered as new, and new ones that were answered as repeats. */
  readonly wronglyReplayed: number;
  readonly replayed: number;
  /** How many different commands each caller sent in the whole run: their sequences are 0, 1, 2 … */
  readonly issued: readonly number[];
  readonly unacknowledged: readonly Unacknowledged[];
  /** CPU time of this process within the window. */
  readonly cpuMs: number;
}

export type LoadEvent =
  | { readonly event: 'measuring' }
  | { readonly event: 'measured' }
  | { readonly event: 'result'; readonly result: LoadResult };

/** The request_id of a caller's command. */
export function requestIdOf(tag: string, caller: number, sequence: number): string {
  return `${tag}-${String(caller).padStart(5, '0')}-${String(sequence).padStart(8, '0')}`;
}

/** The id of a user. */
export function userIdOf(number: number): string {
  return `u${String(number).padStart(7, '0')}`;
}

/** The user that a caller's claim or order is for, where nobody has two: callers share the users 1, 2, 3 … in turns. */
export function claimantOf(callers: number, caller: number, sequence: number): number {
  return 1 + sequence * callers + caller;
}

/** The plan that all orders are for: one that the migrations put on sale. */
export const ORDERED_PLAN_ID = 'monthly';

/** The promotion that all claims are for. */
export const HOT_PROMOTION_ID = 'bench-hot';
