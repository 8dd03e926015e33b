import { mustSucceed } from './clients';
import type { Row } from './database';
import { registerUser, type Harness } from './harness';
import { createOrderCall } from './order-calls';
import { claim, openPromotion, stockOf, type PromotionFields } from './promotions';

/** An order that was made with a coupon of 10 yuan off, out of a budget. */
export interface OrderWithCoupon {
  readonly userId: string;
  readonly promotionId: string;
  readonly couponId: string;
  readonly orderId: string;
}

/** A new user orders the monthly plan with a new coupon: 8 900 fen, `pending`. */
export async function orderWithCoupon(h: Harness, fields: PromotionFields = {}): Promise<OrderWithCoupon> {
  const promotionId = await openPromotion(h, { budget: 100_000, ...fields });
  const userId = await registerUser(h);
  const { couponId } = await claim(h, userId, promotionId);
  const { order } = await mustSucceed(createOrderCall(h, { userId, couponId }));
  return { userId, promotionId, couponId, orderId: order?.orderId ?? '' };
}

/** An order as the database holds it. */
export async function readOrderRow(h: Harness, orderId: string): Promise<Row> {
  const [row] = await h.db.query('SELECT * FROM orders WHERE id = ?', [orderId]);
  return row ?? {};
}

/** Where a coupon that only this order took is, with the budget: `used 1000`, `unused 0`. */
export async function couponOf(h: Harness, { promotionId }: OrderWithCoupon): Promise<string> {
  const { claimed: _claimed, budgetUsed, ...states } = await stockOf(h.db, promotionId);
  return `${Object.keys(states).join(' ')} ${budgetUsed}`;
}

/** An order in the books of the local WeChat Pay; only an error where it knows no such order. */
export async function readWechatOrder(h: Harness, orderId: string): Promise<Row> {
  return (await (await fetch(`${h.simulatorUrl}/_control/orders/${orderId}`)).json()) as Row;
}

/** The payments of an order as words: `status amount`. */
export async function readPaymentWords(h: Harness, orderId: string): Promise<string[]> {
  const rows = await h.db.query('SELECT status, amount FROM payments WHERE order_id = ? ORDER BY create_time', [
    orderId,
  ]);
  return rows.map(({ status, amount }) => `${String(status)} ${String(amount)}`);
}

/** The audit trail of an order as words: `action cause`. */
export async function readAuditWords(h: Harness, orderId: string): Promise<string[]> {
  const sql = "SELECT action, cause FROM audit_logs WHERE subject_type = 'order' AND subject_id = ? ORDER BY id";
  return (await h.db.query(sql, [orderId])).map(({ action, cause }) => `${String(action)} ${String(cause)}`);
}

/** The events that told of an order, oldest first. */
export async function readEventTypes(h: Harness, orderId: string): Promise<string[]> {
  const sql =
    "SELECT type FROM outbox WHERE JSON_VALUE(payload, '$.order_id') = ? AND type REGEXP '^(order|refund)[.]' ORDER BY id";
  return (await h.db.query(sql, [orderId])).map(({ type }) => String(type));
}
