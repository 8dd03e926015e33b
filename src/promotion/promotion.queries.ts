import type { Database } from '../platform/db/database';
import { readOnly, type Tx } from '../platform/db/tx';
import { cutPage, readPageToken, type Page } from '../platform/paging';
import { promotionErrors } from './promotion.errors';
import { PromotionRow, type PromotionStatus } from './promotion.model';

function notFound(promotionId: string): Error {
  return promotionErrors.PROMOTION_NOT_FOUND({ metadata: { promotion_id: promotionId } });
}

/** One promotion as it is now. Throws PROMOTION_NOT_FOUND. */
export async function readPromotion(db: Database, promotionId: string): Promise<PromotionRow> {
  const promotion = await readOnly(db, (reader) => PromotionRow.query(reader).findById(promotionId));
  if (promotion === undefined) throw notFound(promotionId);
  return promotion;
}

/** Locks a promotion: every change of it, and every coupon that is claimed, waits. Throws PROMOTION_NOT_FOUND. */
export async function lockPromotion(tx: Tx, promotionId: string): Promise<PromotionRow> {
  const promotion = await PromotionRow.query(tx).findById(promotionId).forUpdate();
  if (promotion === undefined) throw notFound(promotionId);
  return promotion;
}

/** One page of promotions by id. Throws INVALID_REQUEST for a foreign page token. */
export async function listPromotions(
  db: Database,
  status: PromotionStatus | undefined,
  pageSize: number,
  pageToken: string,
): Promise<Page<PromotionRow>> {
  const filters = { list: 'promotions', status };
  const after = readPageToken(pageToken, filters);
  const rows = await readOnly(db, (reader) => {
    const query = PromotionRow.query(reader)
      .orderBy('id')
      .limit(pageSize + 1);
    if (status !== undefined) void query.where('status', status);
    if (after !== undefined) void query.where('id', '>', after);
    return query;
  });
  return cutPage(rows, pageSize, filters, (promotion) => promotion.id);
}
