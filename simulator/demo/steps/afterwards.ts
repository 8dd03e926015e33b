import { setTimeout as pause } from 'node:timers/promises';
import type { Plan } from '../../../src/gen/billing/v1/membership_service.pb';
import {
  CancelOrderRequest,
  OrderStatus,
  RefundOrderRequest,
  RefundStatus,
  type Refund,
} from '../../../src/gen/billing/v1/order_service.pb';
import { call } from '../billing';
import { pay, standingOf } from '../payer';
import type { Stage } from '../stage';
import { present, Unexpected } from '../unexpected';
import { beijing, yuan } from '../wording';
import { createOrder, readOrder, showOrder } from './buy';
import { announceRewriting, ask, onlyRow, tryToRewrite } from './proof';
import { consumeUnits } from './use';

/** What comes after an order: it is cancelled, its callback is lost, it is refunded. */

/** Step 18: an order that nobody pays. Closed here means closed at WeChat Pay: nobody can pay it by mistake. */
export async function cancelOrder(stage: Stage, plan: Plan): Promise<void> {
  const { report, orders, userId, wechatpayUrl } = stage;
  report.step('A user orders and changes his mind (取消订单)');
  const { orderId } = present((await createOrder(stage, 'changes-his-mind', plan.planId)).order, 'order');
  const request = CancelOrderRequest.fromPartial({ requestId: 'cancel', userId, orderId });
  const cancelled = await call(orders.order.cancelOrder.bind(orders.order), request);
  showOrder(stage, present(cancelled.order, 'order'));
  const standing = await standingOf(wechatpayUrl, orderId);
  report.check(
    `the order is CLOSED, and WeChat Pay takes no money for it: ${standing}`,
    cancelled.order?.status === OrderStatus.CLOSED && standing === 'CLOSED',
  );
}

/** Step 19: the money arrives and nobody tells us. The page that waits asks. Returns the order's id. */
export async function waitForLostCallback(stage: Stage, plan: Plan): Promise<string> {
  const { report, orders, userId, wechatpayUrl } = stage;
  report.step('He orders again and pays; the callback is lost on its way (掉单)');
  const { orderId } = present((await createOrder(stage, 'orders-again', plan.planId)).order, 'order');
  await pay(wechatpayUrl, orderId, { drop: true });
  const before = await readOrder(stage, orderId);
  const { order: client } = orders;
  const asked = await call(client.getOrder.bind(client), { userId, orderId, refresh: true });
  showOrder(stage, present(asked.order, 'order'));
  report.check(
    `${OrderStatus[before.status]}, and nobody called; GetOrder with refresh asked WeChat Pay: PAID`,
    before.status === OrderStatus.PENDING && asked.refreshed && asked.order?.status === OrderStatus.PAID,
  );
  return orderId;
}

const USED = 12;

/** Part of step 20: what he uses before he wants his money back. Returns the units. */
export async function useSome(stage: Stage): Promise<number> {
  await consumeUnits(stage, 'uses-some', USED);
  return USED;
}

const REFUND_WAIT_MS = 15_000;
const LOOK_AGAIN_MS = 100;

async function waitUntilRefunded({ orders: { order }, userId }: Stage, orderId: string): Promise<Refund> {
  const deadlineMs = performance.now() + REFUND_WAIT_MS;
  for (;;) {
    const { refunds } = await call(order.getOrder.bind(order), { userId, orderId, refresh: false });
    const refund = present(refunds[0], 'refund');
    if (refund.status === RefundStatus.SUCCEEDED) return refund;
    if (performance.now() > deadlineMs) throw new Unexpected(`The refund of ${orderId} has not succeeded.`);
    await pause(LOOK_AGAIN_MS);
  }
}

/** Step 20: finance looks first, then gives the money back. Returns the refund's id. */
export async function refundOrder(stage: Stage, orderId: string, plan: Plan, used: number): Promise<string> {
  const { report, orders, finance, userId } = stage;
  const { order: client } = finance;
  report.step(`He has used ${used} units and wants his money back; finance refunds the order (退款)`);
  const { quota, membership } = orders;
  const before = await call(quota.getQuota.bind(quota), { userId });
  const quote = await call(client.quoteRefund.bind(client), { userId, orderId, amount: 0 });
  report.record('refund_quote', {
    'goes back': yuan(quote.amount),
    'units that end': quote.revokedUnits,
    'membership ends': beijing(quote.periodEndTime),
  });
  const request = { requestId: 'regrets', userId, orderId, amount: 0, reason: '用户申请退款' };
  await call(client.refundOrder.bind(client), RefundOrderRequest.fromPartial(request));
  const refund = await waitUntilRefunded(stage, orderId);
  report.rows(
    'refund',
    ['refund', 'amount', 'status', 'reason', 'WeChat Pay refund'],
    [[refund.refundId, yuan(refund.amount), RefundStatus[refund.status], refund.reason, refund.wechatpayRefundId]],
  );
  const order = await readOrder(stage, orderId);
  showOrder(stage, order);
  const { quotaRemaining } = await call(quota.getQuota.bind(quota), { userId });
  const held = (await call(membership.getMembership.bind(membership), { userId })).membership;
  report.check(
    `the order is REFUNDED with ${yuan(order.refundedAmount)}, as quoted`,
    order.status === OrderStatus.REFUNDED && order.refundedAmount === order.finalAmount && quote.amount === plan.price,
  );
  report.check(
    `what was left of its quota ended (${quote.revokedUnits} units), and so did the membership`,
    quotaRemaining === before.quotaRemaining - quote.revokedUnits &&
      refund.frozenUnits === quote.revokedUnits &&
      held?.active === false,
  );
  return refund.refundId;
}

/** Step 21: what the database says of the refund, and what it refuses. */
export async function proveRefund(stage: Stage, orderId: string, refundId: string): Promise<void> {
  const { report } = stage;
  report.step('The proof of the refund (退款核对), from the database');
  await ask(stage, {
    name: 'money',
    claim: 'what came went back, to the fen, and nothing of what it had bought is left',
    sql: `SELECT o.status, p.amount AS paid, r.amount AS refunded, o.refunded_amount,
  (SELECT SUM(g.remaining + g.held) FROM quota_grants g WHERE g.user_id = o.user_id AND g.order_id = o.id) AS units_left
FROM orders o JOIN payments p ON p.order_id = o.id JOIN refunds r ON r.payment_id = p.id AND r.status = 'succeeded'
WHERE o.id = ? AND r.id = ?`,
    values: [orderId, refundId],
    holds: (rows) =>
      onlyRow(
        rows,
        (row) =>
          row['status'] === 'refunded' &&
          row['paid'] === row['refunded'] &&
          row['refunded'] === row['refunded_amount'] &&
          Number(row['units_left']) === 0,
      ),
  });
  announceRewriting(report);
  await tryToRewrite(stage, FORBIDDEN_REFUNDS, refundId);
}

const FORBIDDEN_REFUNDS = [
  'UPDATE refunds SET amount = 1 WHERE id = ?',
  "UPDATE refunds SET status = 'closed' WHERE id = ?",
  'DELETE FROM refunds WHERE id = ?',
];
