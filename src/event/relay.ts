import { setTimeout as pause } from 'node:timers/promises';
import { monotonicMs, type Clock } from '../platform/clock';
import type { Database } from '../platform/db/database';
import type { Logger } from '../platform/log';
import { MS_PER_DAY } from '../platform/time';
import type { EventStream, StreamState } from './event-stream';
import { advanceReplays } from './event-replays';
import { makeBatch, oldestWaiting, readBatches, type Batches, type Wants } from './relay-batches';
import { acquireRelay, LEASE_MS, releaseRelay, renewRelay, skipToBatch, type Ownership } from './relay-lease';

/**
 * Takes events from the database to the stream. Any number of processes run it; one at a time delivers, the others wait for its
 * lease. What it does is in the database and in Redis only: killed at any point, the next one goes on without a gap.
 */

/** What the relay counts. */
export interface RelayObserver {
  /** Events that entered the stream: for the first time, or again. */
  published(events: number, isAgain: boolean): void;
  /** Age of the oldest event that is not in the stream; 0: none. */
  lag(ms: number): void;
}

export interface RelayParts {
  /** A pool of its own, of connections that take several statements at once. */
  readonly db: Database;
  readonly stream: EventStream;
  readonly clock: Clock;
  readonly log: Logger;
  readonly observer: RelayObserver;
  /** Which sinks want an event. */
  readonly wants: Wants;
  /** Names this process. */
  readonly owner: string;
  /** How often the database is looked at while nothing happens. */
  readonly intervalMs: number;
  /** How long events stay in the stream. */
  readonly keepDays: number;
}

/** A running relay. */
export interface Relay {
  /** Ends after the step under way and gives the lease back. */
  stop(): Promise<void>;
}

/** How often somebody who does not deliver looks whether it may. */
const ACQUIRE_INTERVAL_MS = 500;
/** How often an owner without work renews its lease, asks where the stream ends, and looks for replays. */
const CHECK_INTERVAL_MS = 1_000;
/** After a failure. */
const REST_MS = 250;
/** An owner that nothing succeeds for so long makes way: another process may have a way to Redis where this one has none. */
const PATIENCE_MS = LEASE_MS;
/** And so long it leaves the lease alone then: who waits for it looks twice meanwhile. */
const ASIDE_MS = 3 * ACQUIRE_INTERVAL_MS;
/** Between two lines about events that can not go out. */
const QUIET_MS = 600_000;
/** An owner that did not renew for so long asks before it writes: the rest of the lease is for the write. */
const TRUST_MS = LEASE_MS / 2;

/** What an owner knows between two steps. */
interface Post {
  owned: Ownership;
  /** The last batch of the stream; undefined: to be asked. */
  streamBatch: number | undefined;
  /** When the lease was renewed, by monotonicMs. */
  renewedMs: number;
  /** When the stream was asked, by monotonicMs. */
  checkedMs: number;
}

/** Starts the relay of this process. */
export function startEventRelay(parts: RelayParts): Relay {
  const { log, owner, intervalMs } = parts;
  const stopping = new AbortController();
  const rest = (ms: number): Promise<unknown> =>
    pause(ms, undefined, { signal: stopping.signal }).catch(() => undefined);
  const relay = new RelayRun(parts);
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        const did = await relay.step();
        if (did === 'waiting for the lease') await rest(ACQUIRE_INTERVAL_MS);
        else relay.succeeded();
        if (did === 'nothing') await rest(intervalMs);
      } catch (error) {
        await rest(await relay.failed(error));
      }
    }
    await relay
      .leave()
      .catch((error: unknown) => log.warn({ owner, err: error }, 'the relay kept its lease to the end'));
  };
  const ended = run();
  return {
    stop: async () => {
      stopping.abort();
      await ended;
    },
  };
}

type Did = 'something' | 'nothing' | 'waiting for the lease';

/** The steps of one process. */
class RelayRun {
  private post: Post | undefined;
  /** The highest epoch that Redis told of. */
  private epochSeen = 0;
  /** Of the oldest event that was sent and may not have arrived. */
  private underWaySince: Date | undefined;
  /** Since when nothing succeeds under this lease, by monotonicMs. */
  private failingSinceMs: number | undefined;
  /** Until when failures are not told again, nor what leads to the next, by monotonicMs; 0: none was told. */
  private quietUntilMs = 0;

  constructor(private readonly parts: RelayParts) {}

  /** A step came to its end. */
  succeeded(): void {
    const { log, owner } = this.parts;
    if (this.quietUntilMs !== 0) log.info({ owner }, 'events go out again');
    this.failingSinceMs = undefined;
    this.quietUntilMs = 0;
  }

  /** A step failed: returns how long to rest. */
  async failed(error: unknown): Promise<number> {
    const { log, owner } = this.parts;
    const nowMs = monotonicMs();
    // Once, not at every step: Redis or the database may be away for long.
    if (nowMs >= this.quietUntilMs) {
      log.warn({ owner, err: error }, 'events can not go out; they wait in the database');
      this.quietUntilMs = nowMs + QUIET_MS;
    }
    this.failingSinceMs ??= nowMs;
    this.forgetStream();
    await this.tellLag().catch(() => undefined);
    if (this.post === undefined || nowMs - this.failingSinceMs < PATIENCE_MS) return REST_MS;
    this.failingSinceMs = undefined;
    await this.leave().catch(() => undefined);
    return ASIDE_MS;
  }

  /** After a failure nobody knows what Redis did. */
  private forgetStream(): void {
    if (this.post !== undefined) this.post.streamBatch = undefined;
  }

  async leave(): Promise<void> {
    if (this.post !== undefined) await releaseRelay(this.parts.db, this.post.owned.epoch);
    this.post = undefined;
  }

  /** One step: whatever comes first of lease, stream, what the stream lacks, and what is new. */
  async step(): Promise<Did> {
    const post = (this.post ??= await this.acquire());
    if (post === undefined) return this.wait();
    if (!(await this.keepLease(post))) return this.lose();
    const streamBatch = await this.locate(post);
    if (streamBatch === undefined) return 'something';
    const lacking = streamBatch < post.owned.lastBatch ? await readBatches(this.parts.db, streamBatch) : undefined;
    if (lacking !== undefined) return this.publish(post, streamBatch, lacking, true);
    // What lies between is older than events are kept.
    return this.publishNew(post, streamBatch);
  }

  /** Tells how old the oldest event is that can not go out, as far as that can be known. */
  private async tellLag(): Promise<void> {
    if (this.post === undefined) return;
    const { db, clock, observer } = this.parts;
    const oldest = this.underWaySince ?? (await oldestWaiting(db));
    observer.lag(oldest === undefined ? 0 : Math.max(0, clock.now().getTime() - oldest.getTime()));
  }

  private async acquire(): Promise<Post | undefined> {
    const askedMs = monotonicMs();
    const owned = await acquireRelay(this.parts.db, this.parts.owner, this.epochSeen);
    if (owned === undefined) return undefined;
    // Taken again without having succeeded meanwhile, it is no news.
    if (monotonicMs() >= this.quietUntilMs)
      this.parts.log.info({ owner: this.parts.owner, epoch: owned.epoch }, 'this process delivers events');
    return { owned, streamBatch: undefined, renewedMs: askedMs, checkedMs: 0 };
  }

  private lose(): Did {
    const { log, owner } = this.parts;
    log.info({ owner }, 'another process delivers events');
    this.post = undefined;
    return this.wait();
  }

  /** What waits, and how long, is told by whoever has the lease. */
  private wait(): Did {
    this.underWaySince = undefined;
    this.failingSinceMs = undefined;
    this.parts.observer.lag(0);
    return 'waiting for the lease';
  }

  private async keepLease(post: Post): Promise<boolean> {
    const nowMs = monotonicMs();
    if (nowMs - post.renewedMs < TRUST_MS) return true;
    if (!(await renewRelay(this.parts.db, post.owned.epoch))) return false;
    post.renewedMs = nowMs;
    return true;
  }

  /** Where the stream ends; asked anew at times, because it may have been emptied. Undefined: begin the step again. */
  private async locate(post: Post): Promise<number | undefined> {
    const nowMs = monotonicMs();
    const isFresh = nowMs - post.checkedMs < CHECK_INTERVAL_MS;
    if (post.streamBatch !== undefined && isFresh) return post.streamBatch;
    const { db, stream, log, clock } = this.parts;
    const { epoch, lastBatch } = post.owned;
    let state = await stream.take(epoch);
    if (state.outcome === 'done') state = await advanceReplays(db, stream, { epoch, state, lastBatch }, clock.now());
    if (state.outcome === 'fenced') return this.yieldTo(state);
    post.checkedMs = nowMs;
    post.streamBatch = state.batch;
    if (state.batch > lastBatch) {
      log.error(
        { stream: state.batch, database: lastBatch },
        'the stream is ahead of the database: one of them was restored',
      );
      await skipToBatch(db, epoch, state.batch);
      post.owned = { epoch, lastBatch: state.batch };
    } else if (state.batch < lastBatch) {
      log.warn({ stream: state.batch, database: lastBatch }, 'the stream lacks events; they are added again');
    }
    return state.batch;
  }

  /** A later owner was here: whoever has the lease goes on, with an epoch above that. */
  private async yieldTo({ epoch }: StreamState): Promise<undefined> {
    this.epochSeen = Math.max(this.epochSeen, epoch);
    await this.leave();
    return undefined;
  }

  private async publishNew(post: Post, streamBatch: number): Promise<Did> {
    const { db, wants, clock, observer } = this.parts;
    const askedMs = monotonicMs();
    const made = await makeBatch(db, post.owned, wants, clock.now());
    if (made.outcome === 'lost') return this.lose();
    if (made.outcome === 'nothing') {
      observer.lag(0);
      return 'nothing';
    }
    post.renewedMs = askedMs;
    const { epoch } = post.owned;
    if (made.outcome === 'moved') {
      post.owned = { epoch, lastBatch: made.lastBatch };
      return 'something';
    }
    post.owned = { epoch, lastBatch: made.batches.lastBatch };
    return this.publish(post, streamBatch, made.batches, false);
  }

  private async publish(post: Post, after: number, batches: Batches, isAgain: boolean): Promise<Did> {
    const { stream, clock, observer, keepDays } = this.parts;
    this.underWaySince = batches.oldestTime;
    observer.lag(Math.max(0, clock.now().getTime() - batches.oldestTime.getTime()));
    const keepFromMs = clock.machineNow().getTime() - keepDays * MS_PER_DAY;
    const texts = batches.events.map((event) => JSON.stringify(event));
    const state = await stream.add(post.owned.epoch, after, batches.lastBatch, texts, keepFromMs);
    if (state.outcome === 'fenced') await this.yieldTo(state);
    else if (state.outcome === 'out-of-step') this.forgetStream();
    else {
      post.streamBatch = state.batch;
      this.underWaySince = undefined;
      observer.published(batches.events.length, isAgain);
    }
    return 'something';
  }
}
