import type { Caller } from '../platform/calls';
import type { Tx } from '../platform/db/tx';
import { readDearestPrice } from '../membership';
import type { PromotionFields } from './promotion-fields';
import { promotionErrors } from './promotion.errors';
import type { PromotionRow } from './promotion.model';
import { isFirstPerson, needsSecondPerson } from './second-person';

/** Rules that are data. */
export interface PromotionPolicy {
  /** Fen: what a promotion can cost beyond this, two people decide. */
  readonly costLimit: number;
}

/**
 * Lets a caller bring a promotion with these fields before users, or give more of it. Throws SECOND_PERSON_REQUIRED where
 * two people have to agree and the caller is the first of them. The caller holds the promotion's lock.
 */
export async function requireSecondPerson(
  tx: Tx,
  promotion: PromotionRow,
  fields: PromotionFields,
  { caller, policy, now }: { readonly caller: Caller; readonly policy: PromotionPolicy; readonly now: Date },
): Promise<void> {
  if (!isFirstPerson(caller, promotion)) return;
  const dearestPrice = await readDearestPrice(tx, fields.planIds, now);
  if (!needsSecondPerson(fields, dearestPrice, policy.costLimit)) return;
  const { id, createdBy, editedBy } = promotion;
  throw promotionErrors.SECOND_PERSON_REQUIRED({
    metadata: { promotion_id: id, created_by: createdBy, edited_by: editedBy },
  });
}
