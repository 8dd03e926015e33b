import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Cancellation } from '../calls';
import { DomainError, platformErrors } from '../errors';

/**
 * A group commit: commands that arrive while a transaction is in flight wait, and the next transaction takes all of them.
 * There are no timers: a lone command starts at once, and the busier it gets the larger the batches. Lanes take turns, so
 * that one batch is decided while another is written; a key is never in two of them. What is done to rows belongs to
 * `commit`; this is the queue around it: bounds, order, deadlines, the slow lane, the split of a bad batch.
 */

/** What one command of a batch came to. */
export type Settled<Result> =
  | { readonly kind: 'done'; readonly result: Result }
  | { readonly kind: 'refused'; readonly error: unknown }
  /** Its row is locked elsewhere: it is tried again, and after some tries waited for on a connection of its own. */
  | { readonly kind: 'locked' }
  /** It is not its turn yet, for a reason that passes by itself: it is tried again, however often. */
  | { readonly kind: 'later' };

/** Decides one command of a batch. A refusal is its outcome; anything else that is thrown condemns the batch, which is then halved. */
export function settle<Result>(decide: () => Result): Settled<Result> {
  try {
    return { kind: 'done', result: decide() };
  } catch (error) {
    if (error instanceof DomainError) return { kind: 'refused', error };
    throw error;
  }
}

/** How a batch is to treat rows that are locked elsewhere. */
export type LockMode = 'skip' | 'wait';

/** What a group commit is made of. */
export interface GroupCommitOptions<Command, Result> {
  /** What a command locks. Commands of one key are committed in the order they came. */
  readonly keyOf: (command: Command) => string;
  /**
   * Runs one batch as one transaction and says what each command came to, in order. Throws when the batch as a whole
   * failed: nothing of it happened then. `isGone` tells the place of a command whose caller has left: it must not be done any more.
   */
  readonly commit: (
    batch: readonly Command[],
    mode: LockMode,
    isGone: (index: number) => boolean,
  ) => Promise<readonly Settled<Result>[]>;
  /** Transactions at once, each of other keys. */
  readonly lanes: number;
  /** A further lane starts only when so many commands wait: smaller batches cost more than they gain. */
  readonly laneBacklog: number;
  /** Most commands of one transaction. */
  readonly batchMax: number;
  /** Most commands that wait; more are refused with OVERLOADED at once. */
  readonly queueMax: number;
  /** Most commands that wait for one locked key. */
  readonly keyQueueMax: number;
  /** How often a command's key is found locked before it is waited for apart from the others. */
  readonly locksMax: number;
  /** Most keys that are waited for at the same time, each on a connection of its own. */
  readonly slowMax: number;
  readonly onBatch?: (size: number, mode: LockMode) => void;
  /** What a command is told whose batch failed as a whole; what was thrown, if left out. */
  readonly refusalOf?: (command: Command, error: unknown) => unknown;
}

interface Pending<Command, Result> {
  readonly command: Command;
  readonly key: string;
  readonly cancellation: Cancellation | undefined;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
  locks: number;
}

/** See above. */
export class GroupCommit<Command extends object, Result> {
  private queue: Pending<Command, Result>[] = [];
  /** Keys that are waited for, each with the commands that wait, oldest first. */
  private readonly slow = new Map<string, Pending<Command, Result>[]>();
  /** Keys whose turn for a slow connection has not come. */
  private readonly slowWaiting: string[] = [];
  private slowRunning = 0;
  private lanesRunning = 0;
  /** Keys of the batches that lanes are committing. */
  private readonly inFlight = new Set<string>();
  private isClosed = false;
  private readonly idle = new Set<() => void>();

  constructor(private readonly options: GroupCommitOptions<Command, Result>) {}

  /** Commands that wait for their transaction, those of locked keys too. */
  get waiting(): number {
    let waiting = this.queue.length;
    for (const commands of this.slow.values()) waiting += commands.length;
    return waiting;
  }

  /**
   * Resolves with the command's result once it is committed. Rejects with its refusal, with OVERLOADED when too many
   * wait, with SHUTTING_DOWN after close(), and with the reason of the cancellation when the caller leaves before the batch is cut.
   */
  submit(command: Command, cancellation?: Cancellation): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.isClosed) return reject(platformErrors.SHUTTING_DOWN());
      const key = this.options.keyOf(command);
      const slow = this.slow.get(key);
      if (this.isFull(slow)) return reject(platformErrors.OVERLOADED());
      (slow ?? this.queue).push({ command, key, cancellation, resolve, reject, locks: 0 });
      if (slow === undefined) this.startLane();
    });
  }

  private isFull(slow: Pending<Command, Result>[] | undefined): boolean {
    if (this.waiting >= this.options.queueMax) return true;
    if (slow === undefined || slow.length < this.options.keyQueueMax) return false;
    // Those whose callers have left take nobody's place.
    slow.splice(0, slow.length, ...slow.filter((pending) => !leave(pending)));
    return slow.length >= this.options.keyQueueMax;
  }

  /** Takes no more commands; resolves when those that were taken are settled. */
  async close(): Promise<void> {
    this.isClosed = true;
    if (this.lanesRunning === 0 && this.slow.size === 0) return;
    await new Promise<void>((resolve) => this.idle.add(resolve));
  }

  private startLane(): void {
    const { lanes, laneBacklog } = this.options;
    const isWanted = this.lanesRunning === 0 || this.queue.length >= laneBacklog;
    if (this.lanesRunning < lanes && isWanted) void this.runLane();
  }

  private async runLane(): Promise<void> {
    this.lanesRunning += 1;
    // What arrived together is committed together: the rest of what the sockets hold is read first.
    await nextTurn();
    for (let batch = this.cut(); batch.length > 0; batch = this.cut()) {
      for (const { key } of batch) this.inFlight.add(key);
      await this.runBatch(batch);
      for (const { key } of batch) this.inFlight.delete(key);
      // Another lane may have ended because all that waited was of keys in flight here.
      if (this.queue.length > 0) this.startLane();
      await nextTurn();
    }
    this.lanesRunning -= 1;
    this.tellIfIdle();
  }

  /** The next batch: oldest first, without those whose callers have left and those whose key is in flight. */
  private cut(): Pending<Command, Result>[] {
    const batch: Pending<Command, Result>[] = [];
    const kept: Pending<Command, Result>[] = [];
    for (const pending of this.queue) {
      const isFull = batch.length === this.options.batchMax;
      if (isFull || this.inFlight.has(pending.key)) kept.push(pending);
      else if (!leave(pending)) batch.push(pending);
    }
    this.queue = kept;
    return batch;
  }

  private async runBatch(batch: readonly Pending<Command, Result>[]): Promise<void> {
    const again = await this.commit(batch, 'skip');
    const returned: Pending<Command, Result>[] = [];
    for (const { pending, isLocked } of again) {
      if (isLocked) pending.locks += 1;
      if (this.slow.has(pending.key) || pending.locks >= this.options.locksMax) this.waitFor(pending);
      else returned.push(pending);
    }
    const isAnyApart = returned.length < again.length;
    // What came meanwhile for a key that is waited for apart follows it now, before anything newer can.
    if (isAnyApart)
      this.queue = this.queue.filter((pending) => this.slow.get(pending.key)?.push(pending) === undefined);
    this.queue = returned.concat(this.queue);
  }

  /** Commits a batch and settles its commands; returns those that have to be tried again. */
  private async commit(
    batch: readonly Pending<Command, Result>[],
    mode: LockMode,
  ): Promise<readonly { readonly pending: Pending<Command, Result>; readonly isLocked: boolean }[]> {
    this.options.onBatch?.(batch.length, mode);
    const isGone = (index: number): boolean => batch[index]?.cancellation?.aborted === true;
    let settled: readonly Settled<Result>[];
    try {
      const commands = batch.map(({ command }) => command);
      settled = await this.options.commit(commands, mode, isGone);
    } catch (error) {
      return this.split(batch, mode, error);
    }
    const again: { pending: Pending<Command, Result>; isLocked: boolean }[] = [];
    for (const [i, pending] of batch.entries()) {
      const outcome = settled[i];
      if (outcome?.kind === 'done') pending.resolve(outcome.result);
      else if (outcome?.kind === 'refused') pending.reject(outcome.error);
      else again.push({ pending, isLocked: outcome?.kind === 'locked' });
    }
    return again;
  }

  /** A refusal of the whole batch is everybody's. Anything else may be one command's fault, which halving finds. */
  private async split(batch: readonly Pending<Command, Result>[], mode: LockMode, error: unknown) {
    if (batch.length === 1 || error instanceof DomainError) {
      for (const { command, reject } of batch) reject(this.options.refusalOf?.(command, error) ?? error);
      return [];
    }
    const half = Math.ceil(batch.length / 2);
    const first = await this.commit(batch.slice(0, half), mode);
    // Nobody goes before a command of the same key that has to be tried again.
    const keys = new Set(first.map(({ pending }) => pending.key));
    const ready = batch.slice(half).filter(({ key }) => !keys.has(key));
    const held = batch.slice(half).filter(({ key }) => keys.has(key));
    const second = ready.length === 0 ? [] : await this.commit(ready, mode);
    return [...first, ...held.map((pending) => ({ pending, isLocked: false })), ...second];
  }

  /** From now on this key's commands wait for its lock, on a connection of their own. */
  private waitFor(pending: Pending<Command, Result>): void {
    const known = this.slow.get(pending.key);
    if (known !== undefined) {
      known.push(pending);
      return;
    }
    this.slow.set(pending.key, [pending]);
    this.slowWaiting.push(pending.key);
    this.startSlow();
  }

  private startSlow(): void {
    while (this.slowRunning < this.options.slowMax) {
      const key = this.slowWaiting.shift();
      if (key === undefined) return;
      this.slowRunning += 1;
      void this.runSlow(key);
    }
  }

  private async runSlow(key: string): Promise<void> {
    // The rest of the batch in which the key was found locked joins first.
    await nextTurn();
    const waiting = this.slow.get(key) ?? [];
    while (waiting.length > 0) {
      const batch = waiting.splice(0, this.options.batchMax).filter((pending) => !leave(pending));
      if (batch.length === 0) continue;
      const again = await this.commit(batch, 'wait');
      waiting.unshift(...again.map(({ pending }) => pending));
      // Keys take turns: one that stays locked must not keep its connection for what goes on arriving.
      if (this.slowWaiting.length > 0) break;
    }
    if (waiting.length > 0) this.slowWaiting.push(key);
    else this.slow.delete(key);
    this.slowRunning -= 1;
    this.startSlow();
    this.tellIfIdle();
  }

  private tellIfIdle(): void {
    if (this.lanesRunning > 0 || this.slow.size > 0) return;
    for (const resolve of this.idle) resolve();
    this.idle.clear();
  }
}

/** Lets a command go whose caller has left. */
function leave<Command, Result>({ cancellation, reject }: Pending<Command, Result>): boolean {
  if (cancellation?.aborted !== true) return false;
  reject(cancellation.reason);
  return true;
}
