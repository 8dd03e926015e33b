import type { Caller } from '../platform/calls';
import type { Database } from '../platform/db/database';
import { runCommand, type CommandResult } from '../platform/db/command';
import type { Tx } from '../platform/db/tx';
import { mintId } from '../platform/ids';
import { fen, splitTax } from '../platform/money';
import { addMs, MS_PER_MINUTE } from '../platform/time';
import { readPlanOnSale, type PlanOffer } from '../membership';
import { lockUser } from '../quota';
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
  readonly expireMinutes: number;
  /** Where WeChat Pay sends its notifications for orders made now. */
  readonly notifyUrl: string;
}

async function insertOrder(
  tx: Tx,
  command: CreateOrderCommand,
  offer: PlanOffer,
  policy: OrderPolicy,
): Promise<OrderRow> {
  const { userId, channel, now } = command;
  const finalAmount = fen(offer.price);
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
    discountAmount: 0,
    finalAmount,
    refundedAmount: 0,
    currency: offer.currency,
    taxRateBasisPoints: offer.taxRateBasisPoints,
    ...splitTax(finalAmount, offer.taxRateBasisPoints),
    couponId: null,
    notifyUrl: policy.notifyUrl,
    transactionId: null,
    createTime: now,
    expireTime: addMs(now, policy.expireMinutes * MS_PER_MINUTE),
    paidTime: null,
    applyTime: null,
  });
}

/**
 * Writes the order: prices it and copies everything it sells, in one transaction under the user's lock. Opening it at
 * WeChat Pay comes after the commit (open-payment.ts). Refuses in the order that the proto documents.
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
      run: async (tx) => {
        const offer = await readPlanOnSale(tx, planId, now);
        // Nobody holds a coupon: there are no promotions to claim one from.
        if (couponId !== '') throw orderErrors.COUPON_NOT_FOUND({ metadata: { coupon_id: couponId } });
        const order = await insertOrder(tx, command, offer, policy);
        const { id: orderId, finalAmount } = order;
        const subject = { subjectType: 'order', subjectId: orderId, userId } as const;
        const after = { status: 'created', plan_id: planId, final_amount: finalAmount };
        const payload = { order_id: orderId, plan_id: planId, final_amount: finalAmount };
        return {
          response: { orderId },
          audit: [{ action: 'CreateOrder', actor: caller.identity, ...subject, cause: requestId, after }],
          events: [{ type: 'order.created', userId, payload }],
        };
      },
    },
  );
}
