import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../platform/clock';
import type { Database } from '../platform/db/database';
import { GroupCommit, settle, type LockMode, type Settled } from '../platform/db/group-commit';
import { withBatchTx, type BatchEffect, type BatchTx } from '../platform/db/batch-tx';
import { Doubts } from '../platform/db/doubts';
import { lockAccounts } from './account-reader';
import { writesOf } from './account-writer';
import { Book } from './book';
import type { QuotaCommand, QuotaOutcome, QuotaPolicy } from './commands';
import { decide } from './ledger';
import { isTaking, ListedCommands, type TermsSources } from './listed-commands';
import { quotaErrors } from './quota.errors';
import type { UserLocks } from './user-locks';

/**
 * The group commit of the quota ledger: every quota command of this process goes through it. Its transactions lock the users of a batch, decide each command in the order of arrival, and write the batch in a handful of statements.
 */

/** Transactions at once: while one batch is written, the next is decided (docs/adr/0006). */
const LANES = 2;
/** Commands that must wait before the second lane starts. */
const LANE_BACKLOG = 16;
/** Most commands of one transaction. */
const BATCH_MAX = 256;
/** Commands that wait for their transaction; more are refused with OVERLOADED at once. */
const QUEUE_MAX = 20_000;
/** Commands that wait for one user's locked row. */
const USER_QUEUE_MAX = 1_000;
/** How often a user is found locked before he is waited for on a connection of his own. */
const LOCKS_MAX = 3;
/** Users that are waited for at the same time. */
const SLOW_MAX = 4;
/** Between two looks when every user of a batch is busy in Redis. */
const BUSY_PAUSE_MS = 4;

/** Connections that lanes, and users who are waited for, take. */
export const QUOTA_CONNECTIONS = LANES + SLOW_MAX;

/** What the lane is made of. */
export interface QuotaCommitsParts {
  /** A pool of its own, of QUOTA_CONNECTIONS connections that take several statements at once. */
  readonly db: Database;
  readonly clock: Clock;
  readonly policy: QuotaPolicy;
  readonly userLocks: UserLocks;
  /** What task types cost, and what users may use. */
  readonly terms: TermsSources;
  readonly onBatch?: (size: number, mode: LockMode) => void;
}

/** The one way in for quota commands. */
export type QuotaCommits = GroupCommit<QuotaCommand, QuotaOutcome>;

/** Makes the lane. */
export function createQuotaCommits(parts: QuotaCommitsParts): QuotaCommits {
  const batches = new QuotaBatches(parts);
  return new GroupCommit({
    keyOf: ({ userId }) => userId,
    commit: (batch, mode, isGone) => batches.commit(batch, mode, isGone),
    refusalOf: (command, error) => batches.doubts.refusalOf(command, error),
    lanes: LANES,
    laneBacklog: LANE_BACKLOG,
    batchMax: BATCH_MAX,
    queueMax: QUEUE_MAX,
    keyQueueMax: USER_QUEUE_MAX,
    locksMax: LOCKS_MAX,
    slowMax: SLOW_MAX,
    ...(parts.onBatch === undefined ? {} : { onBatch: parts.onBatch }),
  });
}

type Outcome = Settled<QuotaOutcome>;

/** The mark by which a command's own effect is known again: the hash of its row, or the time of its report. */
function markOf({ logs, effectTime }: QuotaOutcome): string {
  return logs[0]?.hash.toString('latin1') ?? String(effectTime.getTime());
}

/** What the commands of one batch share while they are decided. */
interface Deciding {
  readonly listed: ListedCommands;
  readonly now: Date;
  /** Users with a command that was put off: what follows it waits too. */
  readonly putOff: Set<string>;
}

class QuotaBatches {
  readonly doubts = new Doubts<QuotaCommand>();

  constructor(private readonly parts: QuotaCommitsParts) {}

  /** Runs one batch; users that another replica works on, as Redis says, are left for later. */
  async commit(
    batch: readonly QuotaCommand[],
    mode: LockMode,
    isGone: (index: number) => boolean,
  ): Promise<readonly Outcome[]> {
    if (mode === 'wait') return this.transact(batch, mode, isGone);
    const locks = await this.parts.userLocks.acquire([...new Set(batch.map(({ userId }) => userId))]);
    try {
      if (locks.busy.size === 0) return await this.transact(batch, mode, isGone);
      return await this.transactReady(batch, locks.busy, isGone);
    } finally {
      locks.release();
    }
  }

  /** Commits what Redis lets through; the rest comes back. */
  private async transactReady(
    batch: readonly QuotaCommand[],
    busy: ReadonlySet<string>,
    isGone: (index: number) => boolean,
  ): Promise<readonly Outcome[]> {
    const places = [...batch.keys()].filter((place) => !busy.has(batch[place]?.userId ?? ''));
    const outcomes: Outcome[] = batch.map(() => ({ kind: 'later' }));
    if (places.length === 0) {
      await pause(BUSY_PAUSE_MS);
      return outcomes;
    }
    const ready = places.flatMap((place) => batch[place] ?? []);
    const done = await this.transact(ready, 'skip', (index) => isGone(places[index] ?? -1));
    for (const [i, place] of places.entries()) outcomes[place] = done[i] ?? { kind: 'later' };
    return outcomes;
  }

  private async transact(
    batch: readonly QuotaCommand[],
    mode: LockMode,
    isGone: (index: number) => boolean,
  ): Promise<readonly Outcome[]> {
    await this.parts.terms.tariffs.ready(this.parts.clock.now());
    return withBatchTx(this.parts.db, { name: 'QuotaBatch' }, (tx) => this.decideAll(tx, batch, mode, isGone));
  }

  private async decideAll(
    tx: BatchTx,
    batch: readonly QuotaCommand[],
    mode: LockMode,
    isGone: (index: number) => boolean,
  ): Promise<BatchEffect<readonly Outcome[]>> {
    const listed = new ListedCommands(this.parts.terms, batch, this.parts.clock.now());
    const { accounts, lockedElsewhere, beside } = await lockAccounts(tx.read, batch, mode, listed.beside);
    listed.take(beside);
    const now = this.parts.clock.now();
    const books = new Map([...accounts].map(([id, account]) => [id, new Book(account, now)]));
    const deciding: Deciding = { listed, now, putOff: new Set() };
    const outcomes = batch.map((command, index): Outcome => {
      const book = books.get(command.userId);
      if (isGone(index)) return { kind: 'later' };
      if (book !== undefined) return this.decideOne(command, book, deciding);
      if (lockedElsewhere.has(command.userId)) return { kind: 'locked' };
      const error = quotaErrors.USER_NOT_FOUND({ metadata: { user_id: command.userId } });
      return { kind: 'refused', error };
    });
    const onDoubt = (): void => {
      for (const [i, command] of batch.entries()) this.doubt(command, outcomes[i]);
    };
    return { result: outcomes, writes: writesOf([...books.values()], now), onDoubt };
  }

  private decideOne(command: QuotaCommand, book: Book, { listed, now, putOff }: Deciding): Outcome {
    if (putOff.has(command.userId)) return { kind: 'later' };
    const terms = isTaking(command) ? listed.termsOf(command, book, now) : 'unlisted';
    if (terms === 'unread') {
      putOff.add(command.userId);
      return { kind: 'later' };
    }
    const asked = terms === 'unlisted' ? undefined : terms;
    return settle(() => this.recognise(command, decide(book, command, this.parts.policy, asked)));
  }

  /**
   * A COMMIT whose answer was lost is tried again, and then finds its own effect: that is no replay. Known by what the
   * attempt had posted, so that somebody else's effect under the same id stays one.
   */
  private recognise(command: QuotaCommand, outcome: QuotaOutcome): QuotaOutcome {
    const isOwn = outcome.replayed && this.doubts.isOwn(command, markOf(outcome));
    return isOwn ? { ...outcome, replayed: false } : outcome;
  }

  /** Remembers what an attempt had posted that may have been committed. */
  private doubt(command: QuotaCommand, outcome: Outcome | undefined): void {
    if (outcome?.kind !== 'done' || outcome.result.replayed) return;
    this.doubts.note(command, markOf(outcome.result));
  }
}
