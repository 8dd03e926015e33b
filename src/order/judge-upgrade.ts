import type { Knex } from 'knex';
import { fen, type Fen } from '../platform/money';
import type { PlanOffer } from '../catalog';
import { dueParts, readStandingPeriods, unitsNotGiven, type MembershipPeriodRow } from '../membership';
import { readLotsOfOrder, usableUnits } from '../quota';
import { readSpokenFor, type SpokenFor } from './order-credits.queries';
import { orderErrors } from './order.errors';
import { OrderRow } from './order.model';
import { creditOf, creditSum, priceAfterCredit, type Credit } from './upgrade-credit';

/** Why there is no upgrade. */
export type WhyNoUpgrade = 'no_membership' | 'same_plan' | 'credit_exceeds_price' | 'order_open' | 'refund_open';

/** UPGRADE_NOT_POSSIBLE, with what stands against it. */
export function noUpgrade(why: WhyNoUpgrade, more: Readonly<Record<string, string>> = {}): Error {
  return orderErrors.UPGRADE_NOT_POSSIBLE({ metadata: { why, ...more } });
}

/** What is credited of one order, and what had gone back of it by then. */
export interface GroundedCredit extends Credit {
  readonly refundedAmount: Fen;
}

/** An upgrade that may be ordered now. */
export interface Upgrade {
  /** In the order in which the periods run. */
  readonly credits: readonly GroundedCredit[];
  readonly creditAmount: Fen;
  /** What is left of the plan's price: more than nothing. */
  readonly originalAmount: Fen;
}

/** A standing period with the order that it comes from. */
interface Ground {
  readonly period: MembershipPeriodRow;
  readonly order: OrderRow;
  readonly spokenFor: SpokenFor;
}

/**
 * What an upgrade to a plan would credit and cost at an instant. Reads only, so QuoteOrder and CreateOrder say the same.
 * Throws UPGRADE_NOT_POSSIBLE, in this order of why: no_membership, same_plan, credit_exceeds_price, order_open (where
 * `openOrderId` names one), refund_open.
 */
export async function judgeUpgrade(
  reader: Knex,
  user: { readonly userId: string; readonly openOrderId: string | undefined },
  offer: Pick<PlanOffer, 'planId' | 'price'>,
  now: Date,
): Promise<Upgrade> {
  const { userId, openOrderId } = user;
  const { planId, price } = offer;
  const periods = await readStandingPeriods(reader, userId, now);
  const running = periods.find(({ startTime }) => startTime.getTime() <= now.getTime());
  if (running === undefined) throw noUpgrade('no_membership');
  if (running.planId === planId) throw noUpgrade('same_plan', { plan_id: planId });
  const grounds = await readGrounds(reader, periods);
  const credits = await Promise.all(grounds.map((ground) => creditGround(reader, ground, now)));
  const creditAmount = creditSum(credits);
  const originalAmount = priceAfterCredit(price, credits);
  if (originalAmount === undefined) {
    throw noUpgrade('credit_exceeds_price', { credit_amount: String(creditAmount), price: String(price) });
  }
  if (openOrderId !== undefined) throw noUpgrade('order_open', { order_id: openOrderId });
  const refunding = grounds.find(({ spokenFor }) => spokenFor.hasOpenRefund);
  if (refunding !== undefined) throw noUpgrade('refund_open', { order_id: refunding.order.id });
  return { credits, creditAmount, originalAmount };
}

async function readGrounds(reader: Knex, periods: readonly MembershipPeriodRow[]): Promise<readonly Ground[]> {
  const orders = await OrderRow.query(reader).findByIds(periods.map(({ orderId }) => orderId));
  const spokenFor = await readSpokenFor(reader, orders);
  return periods.map((period) => {
    const order = orders.find(({ id }) => id === period.orderId);
    const known = spokenFor.get(period.orderId);
    if (order === undefined || known === undefined)
      throw new Error(`the order of period ${period.orderId} is not there`);
    return { period, order, spokenFor: known };
  });
}

async function creditGround(reader: Knex, { period, order, spokenFor }: Ground, now: Date): Promise<GroundedCredit> {
  const { orderId, userId, startTime, endTime, quotaUnits } = period;
  const lots = await readLotsOfOrder(reader, userId, orderId);
  // An upgrade is worth what it credited, too. What somebody refunds in the merchant portal may leave less than nothing.
  const worth = order.finalAmount + order.creditAmount;
  const paid = fen(Math.max(0, worth - spokenFor.taken - spokenFor.credited));
  const units = { usableUnits: usableUnits(lots, now), comingUnits: comingUnits(period, now) };
  const credit = creditOf({ orderId, startTime, endTime, quotaUnits, paid, ...units }, now);
  return { ...credit, refundedAmount: spokenFor.taken };
}

/** Units that a period has yet to give and that can be used then: not those of intervals that were missed and are over. */
export function comingUnits(period: MembershipPeriodRow, now: Date): number {
  const { parts } = dueParts(period, now);
  const over = parts.filter(({ expireTime }) => expireTime.getTime() <= now.getTime());
  return over.reduce((units, part) => units - (part.units - part.ended), unitsNotGiven(period));
}
