import { setTimeout as pause } from 'node:timers/promises';
import { SYSTEM_ACTOR } from '../../platform/calls';
import type { Clock } from '../../platform/clock';
import type { Signer } from '../../platform/crypto/signing';
import { appendAudit } from '../../platform/db/audit-log';
import type { Database } from '../../platform/db/database';
import { expectRows } from '../../platform/db/rows';
import { withSnapshot } from '../../platform/db/snapshot';
import { withTx } from '../../platform/db/tx';
import { describeFailure } from '../../platform/jobs/job-failure';
import type { QueuedJob } from '../../platform/jobs/queued-job';
import type { Logger } from '../../platform/log';
import { addMs } from '../../platform/time';
import { CHECKS } from './all-checks';
import type { Check, ReviewFacts } from './check';
import { reviewDatabase, type ReviewProgress } from './review';
import { findDueReviews } from './review.queries';
import { ReviewRow } from './review.model';
import { signReview, type SignedReview } from './sign-review';

/** What reviews are made with. */
export interface RunReviewParts {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Logger;
  /** The account that reviews; it need only read. */
  readonly databaseUrl: string;
  readonly signer: () => Signer;
  readonly readFacts: () => Promise<ReviewFacts>;
  /** Every check, unless a test says otherwise. */
  readonly checks?: readonly Check[];
}

/** How long a process that says nothing is believed to be at work. It says so every other second. */
const LEASE_MS = 120_000;
const TELL_MS = 2_000;

/**
 * Makes the reviews that somebody asked for, one at a time. A process that dies loses its lease, and the review is made from
 * the beginning by another; one whose lease was taken meanwhile writes nothing. What the review can not be made of is said in
 * its row and ends it: it must not stand in the way of the next.
 */
export function runReviews(parts: RunReviewParts): QueuedJob {
  const { db, clock } = parts;
  return {
    name: 'run-reviews',
    concurrency: 1,
    findDue: (most) => findDueReviews(db, clock.now(), most),
    run: async (reviewId, signal) => {
      const work = await takeReview(parts, reviewId);
      if (work !== undefined) await work.make(signal);
    },
  };
}

/** Takes the lease of a review; undefined when somebody else has it, or it has ended. */
async function takeReview(parts: RunReviewParts, reviewId: string): Promise<ReviewWork | undefined> {
  const { db, clock } = parts;
  return withTx(db, { name: 'TakeReview' }, async (tx) => {
    const now = clock.now();
    const row = await ReviewRow.query(tx).findById(reviewId).forUpdate();
    if (row === undefined || row.endTime !== null) return undefined;
    if (row.leaseTime !== null && row.leaseTime > now) return undefined;
    const leaseTime = addMs(now, LEASE_MS);
    const change = { state: 'running', leaseTime, startTime: row.startTime ?? now } as const;
    expectRows(await ReviewRow.query(tx).findById(reviewId).patch(change), 1, `review ${reviewId}`);
    return new ReviewWork(parts, row, leaseTime);
  });
}

/** One review at work. */
class ReviewWork {
  private readonly isLost = new AbortController();
  private progress: ReviewProgress | undefined;

  constructor(
    private readonly parts: RunReviewParts,
    private readonly row: ReviewRow,
    private leaseTime: Date,
  ) {}

  async make(signal: AbortSignal): Promise<void> {
    try {
      await this.end(await this.heldFor(() => this.review(AbortSignal.any([signal, this.isLost.signal]))));
    } catch (error) {
      if (this.isLost.signal.aborted) return;
      if (signal.aborted) return await this.giveBack();
      await this.fail(error);
    }
  }

  private async review(signal: AbortSignal): Promise<SignedReview> {
    const { databaseUrl, clock, signer, readFacts, checks = CHECKS } = this.parts;
    const { id: reviewId, reviewer } = this.row;
    const facts = await readFacts();
    const review = await withSnapshot(databaseUrl, { signal }, (db) =>
      reviewDatabase(db, {
        ...{ reviewId, reviewer, now: clock.now(), scope: 'all', checks, facts },
        onProgress: (progress) => (this.progress = progress),
      }),
    );
    return signReview(review, signer());
  }

  /** Keeps the lease while work is done: by the clock, because a single SELECT may take longer than the lease lasts. */
  private async heldFor<Result>(work: () => Promise<Result>): Promise<Result> {
    const over = new AbortController();
    const holding = this.holdUntil(over.signal);
    try {
      return await work();
    } finally {
      over.abort();
      await holding;
    }
  }

  private async holdUntil(over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      await pause(TELL_MS, undefined, { signal: over }).catch(() => undefined);
      if (!over.aborted) await this.hold();
    }
  }

  /** Tells how far the review is, and that somebody is at it. */
  private async hold(): Promise<void> {
    const { db, clock, log } = this.parts;
    const leaseTime = addMs(clock.now(), LEASE_MS);
    try {
      const held = await withTx(db, { name: 'HoldReview' }, async (tx) =>
        ReviewRow.query(tx)
          .patch({ leaseTime, ...this.reached() })
          .where(this.mine()),
      );
      if (held === 0) this.isLost.abort(new Error(`another process makes review ${this.row.id}`));
      else this.leaseTime = leaseTime;
    } catch (error) {
      // It is told again soon; if that is too late, somebody else makes the review.
      log.warn({ review: this.row.id, err: error }, 'the progress of a review could not be told');
    }
  }

  private reached(): { readonly progress?: string } {
    return this.progress === undefined ? {} : { progress: JSON.stringify(this.progress) };
  }

  /** The row, as long as it is this process's. */
  private mine() {
    return { id: this.row.id, leaseTime: this.leaseTime };
  }

  private async end(signed: SignedReview): Promise<void> {
    const { verdict, problems, review_id: reviewId } = signed.review;
    const now = this.parts.clock.now();
    await withTx(this.parts.db, { name: 'EndReview' }, async (tx) => {
      const result = { verdict, ...problems, document: JSON.stringify(signed) };
      const ended = await ReviewRow.query(tx)
        .patch({ state: 'done', leaseTime: null, endTime: now, ...result, ...this.reached() })
        .where(this.mine());
      if (ended === 0) return;
      const after = { verdict, ...problems, sha256: signed.sha256, key_id: signed.signature?.key_id ?? '' };
      await appendAudit(tx, [{ ...this.about('EndReview'), after }], now);
    });
    this.parts.log.info({ review: reviewId, verdict, problems }, 'a review was made');
  }

  /** The process stops: another makes it, at once. */
  private async giveBack(): Promise<void> {
    await withTx(this.parts.db, { name: 'GiveReviewBack' }, async (tx) =>
      ReviewRow.query(tx).patch({ leaseTime: null }).where(this.mine()),
    );
  }

  private async fail(failure: unknown): Promise<void> {
    const { db, clock, log } = this.parts;
    const now = clock.now();
    const error = describeFailure(failure);
    log.error({ review: this.row.id, err: failure }, 'a review could not be made');
    await withTx(db, { name: 'FailReview' }, async (tx) => {
      const failed = await ReviewRow.query(tx)
        .patch({ state: 'failed', leaseTime: null, endTime: now, error })
        .where(this.mine());
      if (failed > 0) await appendAudit(tx, [{ ...this.about('FailReview'), after: { error } }], now);
    });
  }

  private about(action: string) {
    const subject = { subjectType: 'review', subjectId: this.row.id, userId: null } as const;
    return { action, actor: SYSTEM_ACTOR, cause: this.row.id, ...subject };
  }
}
