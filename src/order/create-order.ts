import type { Caller } from '../platform/calls';
import { appendAudit } from '../platform/db/audit-log';
import { runCommand, type CommandResult } from '../platform/db/command';
import type { Database } from '../platform/db/database';
import { appendEvents } from '../platform/db/outbox';
import type { Tx } from '../platform/db/tx';
import { mintId } from '../platform/ids';
import { fen, splitTax, type Fen } from '../platform/money';
import { addMs, MS_PER_MINUTE } from '../platform/time';
import { readPlanOnSale, type PlanOffer } from '../membership';
import { countDiscount, discountFor, holdCoupon, moveCoupon, promotionErrors, type HeldCoupon } from '../promotion';
import { lockUser, type UserRow } from '../quota';
import { markOrderPaid } from './mark-order-paid';
import { couponUseOf } from './order-coupon';
import { orderErrors } from './order.errors';
import { OrderRow, type OrderChannel } from './order.model';

/** Order a plan. Carries no amount: prices are looked up here. */
export interface CreateOrderCommand {
  readonly requestId: string;
  readonly userId: string;
  readonly planId: string;
  /** Empty for none. */
  readonly couponId: string;
  readonly channel: OrderChannel;
  readonly caller: Caller;
  readonly now: Date;
  readonly signal: AbortSignal;
}

/** Rules that are data. */
export interface OrderPolicy {
  /** Most orders of one user that wait for payment. */
  readonly openOrdersMax: number;
  readonly expireMinutes: number;
  /** Where WeChat Pay sends its notifications for orders made now. */
  readonly notifyUrl: string;
}

async function insertOrder(
  tx: Tx,
  command: CreateOrderCommand,
  offer: PlanOffer,
  discount: Fen,
  policy: OrderPolicy,
): Promise<OrderRow> {
  const { userId, channel, couponId, now } = command;
  const finalAmount = fen(offer.price - discount);
  return OrderRow.query(tx).insert({
    id: mintId(now),
    userId,
    status: 'created',
    channel,
    planId: offer.planId,
    planPriceId: offer.planPriceId,
    planName: offer.name,
    periodUnit: offer.periodUnit,
    periodCount: offer.periodCount,
    quotaUnits: offer.quotaUnits,
    features: JSON.stringify(offer.features),
    listAmount: offer.listPrice,
    originalAmount: offer.price,
    discountAmount: discount,
    finalAmount,
    refundedAmount: 0,
    currency: offer.currency,
    taxRateBasisPoints: offer.taxRateBasisPoints,
    ...splitTax(finalAmount, offer.taxRateBasisPoints),
    couponId: couponId === '' ? null : couponId,
    notifyUrl: policy.notifyUrl,
    transactionId: null,
    createTime: now,
    expireTime: addMs(now, policy.expireMinutes * MS_PER_MINUTE),
    paidTime: null,
    applyTime: null,
  });
}

/** Refuses a user who has too many orders that wait for payment: each holds a place, and maybe a coupon (R1.3). */
async function refuseTooManyOpen(tx: Tx, userId: string, now: Date, most: number): Promise<void> {
  const open = await OrderRow.query(tx)
    .where('userId', userId)
    .whereIn('status', ['created', 'pending', 'closing'])
    .where('expireTime', '>', now)
    .resultSize();
  if (open >= most) throw orderErrors.TOO_MANY_OPEN_ORDERS({ metadata: { open: String(open), most: String(most) } });
}

/**
 * Writes the order: prices it, copies everything it sells and locks its coupon to it, in one transaction under the user's
 * lock. One that a coupon makes free is paid in it, too. Opening it at WeChat Pay comes after the commit
 * (open-payment.ts). Refuses in the order that the proto documents.
 */
export async function createOrder(
  db: Database,
  command: CreateOrderCommand,
  policy: OrderPolicy,
): Promise<CommandResult<{ readonly orderId: string }>> {
  const { userId, planId, couponId, channel, requestId, caller, now, signal } = command;
  const key = { service: 'OrderService', owner: `user:${userId}`, requestId, kind: 'CreateOrder' };
  const content = { user_id: userId, plan_id: planId, coupon_id: couponId, channel };
  return runCommand(
    db,
    { ...key, content, now, signal },
    {
      lock: (tx) => lockUser(tx, userId),
      run: async (tx, user) => {
        const offer = await readPlanOnSale(tx, planId, now);
        await refuseTooManyOpen(tx, userId, now, policy.openOrdersMax);
        const { order, held } = await insertDiscounted(tx, command, user, offer, policy);
        const { id: orderId, finalAmount, discountAmount } = order;
        const subject = { subjectType: 'order', subjectId: orderId, userId } as const;
        const sold = { plan_id: planId, final_amount: finalAmount };
        const after = { status: 'created', ...sold, discount_amount: discountAmount, coupon_id: order.couponId };
        const audit = [{ action: 'CreateOrder', actor: caller.identity, ...subject, cause: requestId, after }];
        const events = [{ type: 'order.created', userId, payload: { order_id: orderId, ...sold } }];
        const isFree = couponId !== '' && finalAmount === 0;
        const countLast = async (last: Tx): Promise<void> => {
          if (held !== undefined) await countDiscount(last, held, 'locked', couponUseOf(order));
        };
        if (!isFree) return { response: { orderId }, audit, events, countLast };
        // Created before it is paid, in the audit trail and for whoever follows the events.
        await appendAudit(tx, audit, now);
        await appendEvents(tx, events, now);
        await markOrderPaid(tx, order, undefined, now);
        return { response: { orderId }, audit: [], events: [], countLast };
      },
    },
  );
}

/** Writes the order at what its coupon makes of the price, and locks the coupon to it (R13.5: locked, not used). */
async function insertDiscounted(
  tx: Tx,
  command: CreateOrderCommand,
  user: UserRow,
  offer: PlanOffer,
  policy: OrderPolicy,
): Promise<{ readonly order: OrderRow; readonly held: HeldCoupon | undefined }> {
  const { userId, couponId, now } = command;
  if (couponId === '') return { order: await insertOrder(tx, command, offer, fen(0), policy), held: undefined };
  const held = await holdCoupon(tx, couponId);
  if (held === undefined) throw promotionErrors.COUPON_NOT_FOUND({ metadata: { coupon_id: couponId } });
  const isMember = user.membershipPlanId !== null;
  const discount = discountFor(held, { userId, planId: offer.planId, amount: offer.price, isMember }, now);
  const order = await insertOrder(tx, command, offer, discount, policy);
  await moveCoupon(tx, held, 'locked', couponUseOf(order), now);
  return { order, held };
}
