import { fen, type Fen } from '../platform/money';
import { discountOn } from './discount';
import type { PromotionFields } from './promotion-fields';

/** When a promotion needs a second person. Who that may be: platform/second-person.ts. Pure. */

type CostTerms = Pick<
  PromotionFields,
  'discountType' | 'discountValue' | 'maxDiscount' | 'totalQuota' | 'budget' | 'mayBeFree'
>;

/**
 * The most that one coupon takes off; undefined when nothing bounds it. A percentage takes its part of the dearest plan
 * that it applies to; while no such plan is on sale nobody can say what one will cost.
 */
function mostOff(terms: CostTerms, dearestPrice: Fen | undefined): Fen | undefined {
  const { discountType, discountValue } = terms;
  const maxDiscount = fen(terms.maxDiscount);
  if (discountType === 'fixed_amount') {
    return fen(maxDiscount > 0 ? Math.min(discountValue, maxDiscount) : discountValue);
  }
  if (dearestPrice === undefined) return maxDiscount > 0 ? maxDiscount : undefined;
  return discountOn(dearestPrice, { discountType, discountValue, maxDiscount });
}

/**
 * The most fen that a promotion can cost: its budget, or its stock times the most that one coupon takes off; undefined
 * when nothing bounds it. As BigInt: the product of two large numbers is no safe integer.
 */
export function highestCost(terms: CostTerms, dearestPrice: Fen | undefined): bigint | undefined {
  if (terms.budget > 0) return BigInt(terms.budget);
  const most = mostOff(terms, dearestPrice);
  return most === undefined ? undefined : BigInt(terms.totalQuota) * BigInt(most);
}

/** Whether two people have to agree to a promotion: it may make an order free, or cost more than the limit. */
export function needsSecondPerson(terms: CostTerms, dearestPrice: Fen | undefined, costLimit: number): boolean {
  if (terms.mayBeFree) return true;
  const cost = highestCost(terms, dearestPrice);
  return cost === undefined || cost > BigInt(costLimit);
}
