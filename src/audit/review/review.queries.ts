import type { Database } from '../../platform/db/database';
import { readOnly } from '../../platform/db/tx';
import { reviewErrors } from './review.errors';
import { ReviewRow } from './review.model';

/** A review; with an empty id the one that was asked for last. Throws REVIEW_NOT_FOUND. */
export async function readReview(db: Database, reviewId: string): Promise<ReviewRow> {
  const row = await readOnly(db, (reader) =>
    reviewId === ''
      ? ReviewRow.query(reader).orderBy('id', 'desc').first()
      : ReviewRow.query(reader).findById(reviewId),
  );
  if (row === undefined) throw reviewErrors.REVIEW_NOT_FOUND({ metadata: { review_id: reviewId } });
  return row;
}

/** Reviews that somebody waits for and nobody makes, what waited longest first. */
export async function findDueReviews(db: Database, now: Date, most: number): Promise<readonly string[]> {
  const rows = await readOnly(db, (reader) =>
    ReviewRow.query(reader)
      .select('id')
      .whereNull('endTime')
      .where((lease) => void lease.whereNull('leaseTime').orWhere('leaseTime', '<=', now))
      .orderBy('id')
      .limit(most),
  );
  return rows.map(({ id }) => id);
}
