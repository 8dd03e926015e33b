import type { Tx } from '../platform/db/tx';
import { readDearestPrice } from '../catalog';
import type { PromotionFields } from './promotion-fields';
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
