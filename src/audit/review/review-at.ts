import { withSnapshot } from '../../platform/db/snapshot';
import { CHECKS } from './all-checks';
import { reviewDatabase, type ReviewRequest } from './review';
import type { ReviewDocument } from './review-document';

/** What a review of a database at an address is for. */
export type ReviewAtRequest = Omit<ReviewRequest, 'checks'> & { readonly signal?: AbortSignal };

/**
 * Reviews the database at an address by every check, in one snapshot: with any account that may read it, while it is in use.
 * Rejects where it can not be reached, or is lost on the way.
 */
export function reviewAt(databaseUrl: string, { signal, ...request }: ReviewAtRequest): Promise<ReviewDocument> {
  return withSnapshot(databaseUrl, { signal }, (db) => reviewDatabase(db, { ...request, checks: CHECKS }));
}
