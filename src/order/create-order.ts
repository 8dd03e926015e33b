import type { Caller } from '../platform/calls';
import type { BlindIndex } from '../platform/crypto/blind-index';
import type { FieldCipher } from '../platform/crypto/field-cipher';
import { appendAudit } from '../platform/db/audit-log';
import { runCommand, type CommandEffect } from '../platform/db/command';
import type { Database } from '../platform/db/database';
import { appendEvents } from '../platform/db/outbox';
import { insertOf, writeTogether } from '../platform/db/statements';
import type { Tx } from '../platform/db/tx';
import { mintId } from '../platform/ids';
import { fen, splitTax, type Fen } from '../platform/money';
import { addMs, MS_PER_MINUTE } from '../platform/time';
import { readPlanOnSale, type PlanOffer } from '../catalog';
import { countDiscount, discountFor, holdCoupon, moveCoupon, promotionErrors, type HeldCoupon } from '../promotion';
import { lockUser, type UserRow } from '../quota';
import { nextCheckTime } from './check-times';
import { judgeUpgrade, noUpgrade } from './judge-upgrade';
import { markOrderPaid } from './mark-order-paid';
import { readOpenOrders, type OpenOrders } from './open-orders.queries';
import { couponUseOf } from './order-coupon';
import { insertCredits } from './order-credits';
import { orderErrors } from './order.errors';
import { OrderRow, type OrderChannel, type OrderKind } from './order.model';
import { insertPayer } from './order-payer';
import { readOrder } from './order.queries';
import { priceOfPurchase, priceOfUpgrade, type OrderPrice } from './order-price';

/** Order a plan. Carries no amount: prices are looked up here. */
export interface CreateOrderCommand {
  readonly requestId: string;
  readonly userId: string;
  readonly planId: string;
  /** Empty for none. */
  readonly couponId: string;
  readonly channel: OrderChannel;
  readonly kind: OrderKind;
  /** Who pays, where the channel makes WeChat Pay ask: openid for jsapi, IP address for h5, else empty. */
  readonly payer: string;
  readonly caller: Caller;
  readonly now: Date;
  /** Until when the first prepay may be under way, on the machine's clock. */
  readonly prepayDeadline: Date;
  readonly signal: AbortSignal;
}

/** Rules that are data. */
export interface OrderPolicy {
  /** Most orders of one user that wait for payment. */
  readonly openOrdersMax: number;
  readonly expireMinutes: number;
  /** For how many days after a membership that is bought now its features stay usable. */
  readonly graceDays: number;
  /** Where WeChat Pay sends its notifications for orders made now. */
  readonly notifyUrl: string;
}

/** What creating an order needs. */
export interface CreateOrderParts {
  readonly db: Database;
  /** Seals who pays. */
  readonly cipher: FieldCipher;
  /** Indexes who pays, for comparing a repeated request with the first. */
  readonly payerIndex: BlindIndex;
  readonly policy: OrderPolicy;
}

/** Whether a coupon leaves nothing to pay: only what a promotion allows is free. */
function isMadeFree({
  couponId,
  finalAmount,
}: {
  readonly couponId: string | null;
  readonly finalAmount: number;
}): boolean {
  return (couponId ?? '') !== '' && finalAmount === 0;
}

async function insertOrder(
  tx: Tx,
  command: CreateOrderCommand,
  price: OrderPrice,
  discount: Fen,
  policy: OrderPolicy,
): Promise<OrderRow> {
  const order = newOrder(command, price, discount, policy);
  await writeTogether(tx, [insertOf('orders', Object.keys(order).map(columnOf), [Object.values(order)])]);
  await insertCredits(tx, order, price.credits);
  return Object.assign(new OrderRow(), order);
}

/** The column of a field. */
function columnOf(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The row of a new order: a copy of all that it sells. */
function newOrder(command: CreateOrderCommand, price: OrderPrice, discount: Fen, policy: OrderPolicy) {
  const { userId, channel, kind, couponId, now, prepayDeadline } = command;
  const { offer, creditAmount, originalAmount } = price;
  const finalAmount = fen(originalAmount - discount);
  const expireTime = addMs(now, policy.expireMinutes * MS_PER_MINUTE);
  const firstCheckTime = nextCheckTime({ status: 'created', expireTime, checkAttempts: 0 }, now);
  // WeChat Pay hears nothing of an order that is free.
  const opening = isMadeFree({ couponId, finalAmount })
    ? { prepayDeadline: null, nextCheckTime: null }
    : { prepayDeadline, nextCheckTime: firstCheckTime };
  return {
    id: mintId(now),
    userId,
    kind,
    status: 'created' as const,
    channel,
    planId: offer.planId,
    planPriceId: offer.planPriceId,
    planName: offer.name,
    periodUnit: offer.periodUnit,
    periodCount: offer.periodCount,
    quotaUnits: offer.quotaUnits,
    grantUnit: offer.grantUnit,
    grantCount: offer.grantCount,
    features: JSON.stringify(offer.features),
    featureLimits: offer.featureLimits === null ? null : JSON.stringify(offer.featureLimits),
    graceDays: policy.graceDays,
    listAmount: offer.listPrice,
    creditAmount,
    originalAmount,
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
    expireTime,
    paidTime: null,
    applyTime: null,
    closeReason: null,
    closingTime: null,
    ...opening,
    checkAttempts: 0,
    invoiceReference: null,
  };
}

/** Refuses a user who has too many orders that wait for payment: each holds a place, and maybe a coupon (R1.3). */
function refuseTooManyOpen({ unexpired }: OpenOrders, most: number): void {
  if (unexpired < most) return;
  throw orderErrors.TOO_MANY_OPEN_ORDERS({ metadata: { open: String(unexpired), most: String(most) } });
}

/** An order that was created by this or by an earlier call. */
export interface CreatedOrder {
  /** As it is now. */
  readonly order: OrderRow;
  readonly replayed: boolean;
}

/**
 * Writes the order: prices it, copies everything it sells, seals who pays it and locks its coupon to it, in one transaction
 * under the user's lock. One that a coupon makes free is paid in it, too. Opening it at WeChat Pay comes after the commit
 * (open-payment.ts). Refuses in the order that the proto documents.
 */
export async function createOrder(parts: CreateOrderParts, command: CreateOrderCommand): Promise<CreatedOrder> {
  const { userId, planId, couponId, channel, kind, payer, requestId, now, signal } = command;
  const key = { service: 'OrderService', owner: `user:${userId}`, requestId, kind: 'CreateOrder' };
  // The stored hash of this must not let anybody guess the payer: its index is compared, not what was sent.
  const payerIndex = payer === '' ? '' : parts.payerIndex(payer).toString('hex');
  // A purchase names no kind, as it did before there were others: its repeat is known across releases.
  const named = kind === 'purchase' ? {} : { kind };
  const content = { user_id: userId, plan_id: planId, coupon_id: couponId, channel, payer: payerIndex, ...named };
  let written: OrderRow | undefined;
  const { response, replayed } = await runCommand(
    parts.db,
    { ...key, content, now, signal },
    {
      lock: (tx) => lockUser(tx, userId),
      run: async (tx, user) => {
        const { order, effect } = await writeOrder(tx, parts, command, user);
        written = order;
        return effect;
      },
    },
  );
  // Only an earlier order, or one that was paid at once, is another by now than when it was written.
  if (!replayed && written !== undefined && !isMadeFree(written)) return { order: written, replayed };
  return { order: await readOrder(parts.db, userId, response.orderId), replayed };
}

async function writeOrder(
  tx: Tx,
  { cipher, policy }: CreateOrderParts,
  command: CreateOrderCommand,
  user: UserRow,
): Promise<{ readonly order: OrderRow; readonly effect: CommandEffect<{ readonly orderId: string }> }> {
  const { userId, planId, payer, requestId, caller, now } = command;
  const offer = await readPlanOnSale(tx, planId, now);
  const open = await readOpenOrders(tx, userId, now);
  refuseTooManyOpen(open, policy.openOrdersMax);
  const price = await priceOf(tx, command, offer, open);
  const { order, held } = await insertDiscounted(tx, command, user, price, policy);
  const { id: orderId, finalAmount, discountAmount } = order;
  const isFree = isMadeFree(order);
  // Nobody has to know who pays nothing.
  if (payer !== '' && !isFree) await insertPayer(tx, cipher, orderId, payer, now);
  const subject = { subjectType: 'order', subjectId: orderId, userId } as const;
  const upgraded = order.kind === 'upgrade' ? { kind: order.kind, credit_amount: order.creditAmount } : {};
  const sold = { plan_id: planId, final_amount: finalAmount, ...upgraded };
  const after = { status: 'created', ...sold, discount_amount: discountAmount, coupon_id: order.couponId };
  const audit = [{ action: 'CreateOrder', actor: caller.identity, ...subject, cause: requestId, after }];
  const events = [{ type: 'order.created', userId, payload: { order_id: orderId, ...sold } }];
  const countLast = async (last: Tx): Promise<void> => {
    if (held !== undefined) await countDiscount(last, held, 'locked', couponUseOf(order));
  };
  if (!isFree) return { order, effect: { response: { orderId }, audit, events, countLast } };
  // Created before it is paid, in the audit trail and for whoever follows the events.
  await appendAudit(tx, audit, now);
  await appendEvents(tx, events, now);
  await markOrderPaid(tx, order, undefined, now);
  return { order, effect: { response: { orderId }, audit: [], events: [], countLast } };
}

/** What is charged before a coupon. While an upgrade waits for payment nothing else is ordered: it would take its ground. */
async function priceOf(
  tx: Tx,
  { userId, kind, now }: CreateOrderCommand,
  offer: PlanOffer,
  open: OpenOrders,
): Promise<OrderPrice> {
  if (kind === 'upgrade') {
    return priceOfUpgrade(offer, await judgeUpgrade(tx, { userId, openOrderId: open.oldestId }, offer, now));
  }
  if (open.upgradeId !== undefined) throw noUpgrade('order_open', { order_id: open.upgradeId });
  return priceOfPurchase(offer);
}

/** Writes the order at what its coupon makes of the price, and locks the coupon to it (R13.5: locked, not used). */
async function insertDiscounted(
  tx: Tx,
  command: CreateOrderCommand,
  user: UserRow,
  price: OrderPrice,
  policy: OrderPolicy,
): Promise<{ readonly order: OrderRow; readonly held: HeldCoupon | undefined }> {
  const { userId, planId, couponId, now } = command;
  if (couponId === '') return { order: await insertOrder(tx, command, price, fen(0), policy), held: undefined };
  const held = await holdCoupon(tx, couponId);
  if (held === undefined) throw promotionErrors.COUPON_NOT_FOUND({ metadata: { coupon_id: couponId } });
  const isMember = user.membershipPlanId !== null;
  // What is really charged is what a discount is taken of (R13.3).
  const discount = discountFor(held, { userId, planId, amount: price.originalAmount, isMember }, now);
  const order = await insertOrder(tx, command, price, discount, policy);
  await moveCoupon(tx, held, 'locked', couponUseOf(order), now);
  return { order, held };
}
