import assert from 'node:assert';
import { fen, type Fen } from '../platform/money';

/** Discount arithmetic, pure and total (R13.2, R13.3): the only place where a discount is computed. */

/** What a coupon's discount depends on. */
export interface DiscountTerms {
  readonly discountType: 'fixed_amount' | 'percentage';
  /** Fen, or percent (1–100). */
  readonly discountValue: number;
  /** 0 for no limit. */
  readonly maxDiscount: Fen;
  readonly minOrderAmount: Fen;
  /** Empty: every plan. */
  readonly planIds: readonly string[];
  /** Whether a coupon may make an order free. */
  readonly mayBeFree: boolean;
}

/**
 * The discount on an amount, in fen. The base is what the order would charge (实付), not the list price (原价).
 * Fixed: the value. Percentage: `floor(amount × value / 100)`, multiplied before it is divided. Never more than
 * `maxDiscount`, where there is one, nor than the amount.
 */
export function discountOn(
  amount: Fen,
  terms: Pick<DiscountTerms, 'discountType' | 'discountValue' | 'maxDiscount'>,
): Fen {
  const { discountType, discountValue, maxDiscount } = terms;
  assert(Number.isSafeInteger(discountValue) && discountValue > 0, `not a discount: ${discountValue}`);
  assert(discountType === 'fixed_amount' || discountValue <= 100, `not a percentage: ${discountValue}`);
  const full = discountType === 'fixed_amount' ? discountValue : percentOf(amount, discountValue);
  const capped = maxDiscount > 0 ? Math.min(full, maxDiscount) : full;
  return fen(Math.min(capped, amount));
}

/** `floor(amount × percent / 100)`; as BigInt, because the product of a large amount is not a safe integer. */
function percentOf(amount: Fen, percent: number): number {
  return Number((BigInt(amount) * BigInt(percent)) / 100n);
}

/** Why a coupon does not apply to an order. */
export type NotApplicable = 'plan' | 'min_order_amount' | 'would_be_free' | 'no_discount';

/** What a coupon takes off an order, or why it does not apply to it. */
export type CouponEffect =
  | { readonly kind: 'applies'; readonly discount: Fen }
  | { readonly kind: 'not_applicable'; readonly why: NotApplicable };

/** What a coupon of these terms does to an order of a plan that would charge `amount`. */
export function couponEffect(
  order: { readonly planId: string; readonly amount: Fen },
  terms: DiscountTerms,
): CouponEffect {
  const { planId, amount } = order;
  if (terms.planIds.length > 0 && !terms.planIds.includes(planId)) return { kind: 'not_applicable', why: 'plan' };
  if (amount < terms.minOrderAmount) return { kind: 'not_applicable', why: 'min_order_amount' };
  const discount = discountOn(amount, terms);
  // A coupon is not spent on nothing.
  if (discount === 0) return { kind: 'not_applicable', why: 'no_discount' };
  if (discount === amount && !terms.mayBeFree) return { kind: 'not_applicable', why: 'would_be_free' };
  return { kind: 'applies', discount };
}
