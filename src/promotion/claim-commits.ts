import { withBatchTx, type BatchEffect, type BatchTx } from '../platform/db/batch-tx';
import type { Clock } from '../platform/clock';
import type { Database } from '../platform/db/database';
import { Doubts } from '../platform/db/doubts';
import { isDuplicateKey } from '../platform/db/sql-errors';
import { GroupCommit, settle, type LockMode, type Settled } from '../platform/db/group-commit';
import { mintId } from '../platform/ids';
import { ClaimBook, type ClaimCommand, type ClaimOutcome } from './claims';
import { readForClaims } from './claim-reader';
import { writesOfClaims } from './claim-writer';

/**
 * The group commit of claims: every claim of this process goes through it. Its transactions lock the promotions of a
 * batch, decide each claim in the order of arrival, and write the batch in a handful of statements, so that a flash sale
 * takes the lock of its one promotion once for a batch and not once for a claim. Claims take no user lock.
 */

/** Transactions at once. A promotion is never in two of them. */
const LANES = 2;
/** Claims that must wait before the second lane starts. */
const LANE_BACKLOG = 16;
/** Most claims of one transaction. */
const BATCH_MAX = 256;
/** Claims that wait for their transaction; more are refused with OVERLOADED at once. */
const QUEUE_MAX = 20_000;
/** Claims that wait for one promotion that is locked elsewhere. */
const PROMOTION_QUEUE_MAX = 10_000;
/** How often a promotion is found locked before it is waited for on a connection of its own. */
const LOCKS_MAX = 2;
/** Promotions that are waited for at the same time. */
const SLOW_MAX = 2;

/** Connections that lanes, and promotions that are waited for, take. */
export const CLAIM_CONNECTIONS = LANES + SLOW_MAX;

/** What the lane is made of. */
export interface ClaimCommitsParts {
  /** A pool of connections that take several statements at once, with CLAIM_CONNECTIONS to spare. */
  readonly db: Database;
  readonly clock: Clock;
  readonly onBatch: (size: number, mode: LockMode) => void;
}

/** The one way in for claims. */
export type ClaimCommits = GroupCommit<ClaimCommand, ClaimOutcome>;

/** Makes the lane. */
export function createClaimCommits(parts: ClaimCommitsParts): ClaimCommits {
  const batches = new ClaimBatches(parts);
  return new GroupCommit({
    keyOf: ({ promotionId }) => promotionId,
    commit: (batch, mode, isGone) => batches.commit(batch, mode, isGone),
    refusalOf: (command, error) => batches.doubts.refusalOf(command, error),
    lanes: LANES,
    laneBacklog: LANE_BACKLOG,
    batchMax: BATCH_MAX,
    queueMax: QUEUE_MAX,
    keyQueueMax: PROMOTION_QUEUE_MAX,
    locksMax: LOCKS_MAX,
    slowMax: SLOW_MAX,
    onBatch: parts.onBatch,
  });
}

type Outcome = Settled<ClaimOutcome>;

class ClaimBatches {
  readonly doubts = new Doubts<ClaimCommand>();

  constructor(private readonly parts: ClaimCommitsParts) {}

  commit(
    batch: readonly ClaimCommand[],
    mode: LockMode,
    isGone: (index: number) => boolean,
  ): Promise<readonly Outcome[]> {
    const attempt = () =>
      withBatchTx(this.parts.db, { name: 'ClaimBatch' }, (tx) => this.decideAll(tx, batch, mode, isGone));
    return attempt().catch((error: unknown) => {
      // Somebody else has committed the same request_id for another promotion: now it can be seen. Of several claims,
      // halving finds the one.
      if (batch.length > 1 || !isDuplicateKey(error)) throw error;
      return attempt();
    });
  }

  private async decideAll(
    tx: BatchTx,
    batch: readonly ClaimCommand[],
    mode: LockMode,
    isGone: (index: number) => boolean,
  ): Promise<BatchEffect<readonly Outcome[]>> {
    const { lockedElsewhere, ...read } = await readForClaims(tx.read, batch, mode);
    const now = this.parts.clock.now();
    const book = new ClaimBook(read, now, mintId);
    const outcomes = batch.map((command, index): Outcome => {
      if (isGone(index)) return { kind: 'later' };
      if (lockedElsewhere.has(command.promotionId)) return { kind: 'locked' };
      return settle(() => this.recognise(command, book.claim(command)));
    });
    const onDoubt = (): void => {
      for (const { command, coupon } of book.claims) this.doubts.note(command, coupon.id);
    };
    return { result: outcomes, writes: writesOfClaims(book, now), onDoubt };
  }

  /** A COMMIT whose answer was lost is tried again, and then finds its own coupon. */
  private recognise(command: ClaimCommand, outcome: ClaimOutcome): ClaimOutcome {
    const isOwn = outcome.replayed && this.doubts.isOwn(command, outcome.couponId);
    return isOwn ? { ...outcome, replayed: false } : outcome;
  }
}
