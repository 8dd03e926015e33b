import type { Tx } from '../platform/db/tx';
import { readDearestPrice } from '../membership';
import type { PromotionFields } from './promotion-fields';
import { promotionErrors } from './promotion.errors';
import type { PromotionRow } from './promotion.model';
import { needsSecondPerson } from './second-person';

/** Rules that are data. */
export interface PromotionPolicy {
  /** Fen: what a promotion can cost beyond this, two people decide. */
  readonly costLimit: number;
}

/** Whether two people have to agree to a promotion with these fields, by the prices of now and to come. */
export async function isForTwo(
  tx: Tx,
  fields: PromotionFields,
  { costLimit }: PromotionPolicy,
  now: Date,
): Promise<boolean> {
  const dearestPrice = await readDearestPrice(tx, fields.planIds, now);
  return needsSecondPerson(fields, dearestPrice, costLimit);
}

/** The refusal of a caller who is not the second person. `editors` says who is not. */
export function secondPersonRequired({ id, editors }: PromotionRow): Error {
  return promotionErrors.SECOND_PERSON_REQUIRED({
    metadata: { promotion_id: id, editors: editorsOf(editors).join(' ') },
  });
}

/** The identities that a promotion names as its editors. */
export function editorsOf(editors: string): readonly string[] {
  return JSON.parse(editors) as string[];
}
