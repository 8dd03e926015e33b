import type { Knex } from 'knex';
import type { Database } from '../platform/db/database';
import { readOnly } from '../platform/db/tx';
import { fen, type Fen } from '../platform/money';
import { readPlanOnSale, type PlanOffer } from '../catalog';
import { discountFor, findCoupon } from '../promotion';
import { readUser } from '../quota';
import { judgeUpgrade } from './judge-upgrade';
import { readOpenOrders } from './open-orders.queries';
import type { OrderKind } from './order.model';
import { priceOfPurchase, priceOfUpgrade, type OrderPrice } from './order-price';
import type { Credit } from './upgrade-credit';

/** What an order would cost. */
export interface OrderQuote {
  readonly listAmount: Fen;
  readonly creditAmount: Fen;
  readonly credits: readonly Credit[];
  readonly originalAmount: Fen;
  readonly discountAmount: Fen;
  readonly finalAmount: Fen;
}

/** An order that may be made. */
export interface QuoteOrderQuestion {
  readonly userId: string;
  readonly planId: string;
  /** Empty for none. */
  readonly couponId: string;
  readonly kind: OrderKind;
}

/**
 * What an order of a plan would cost a user, by the arithmetic that CreateOrder uses. Reserves nothing. Throws
 * USER_NOT_FOUND, PLAN_NOT_FOUND, for an upgrade UPGRADE_NOT_POSSIBLE, and for the coupon what discountFor throws.
 */
export async function quoteOrder(db: Database, asked: QuoteOrderQuestion, now: Date): Promise<OrderQuote> {
  const { userId, planId, couponId } = asked;
  const user = await readUser(db, userId);
  return readOnly(db, async (reader) => {
    const price = await priceOf(reader, asked, await readPlanOnSale(reader, planId, now), now);
    const { originalAmount } = price;
    if (couponId === '') return quoteOf(price, fen(0));
    const order = { userId, planId, amount: originalAmount, isMember: user.membershipPlanId !== null };
    return quoteOf(price, discountFor(await findCoupon(reader, couponId, userId), order, now));
  });
}

/** What would be charged before a coupon. */
async function priceOf(
  reader: Knex,
  { userId, kind }: QuoteOrderQuestion,
  offer: PlanOffer,
  now: Date,
): Promise<OrderPrice> {
  if (kind === 'purchase') return priceOfPurchase(offer);
  const { oldestId: openOrderId } = await readOpenOrders(reader, userId, now);
  return priceOfUpgrade(offer, await judgeUpgrade(reader, { userId, openOrderId }, offer, now));
}

function quoteOf({ offer, creditAmount, credits, originalAmount }: OrderPrice, discountAmount: Fen): OrderQuote {
  return {
    ...{ listAmount: offer.listPrice, creditAmount, originalAmount, discountAmount },
    finalAmount: fen(originalAmount - discountAmount),
    credits,
  };
}
