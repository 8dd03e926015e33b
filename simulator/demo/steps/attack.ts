import { ConsumeQuotaRequest } from '../../../src/gen/billing/v1/quota_service.pb';
import { OrderStatus } from '../../../src/gen/billing/v1/order_service.pb';
import { call, refusalOf } from '../billing';
import { pay, type PaymentTwist } from '../payer';
import type { Stage } from '../stage';
import { present } from '../unexpected';
import { REFUSAL_HEADINGS, refusalRow } from '../wording';
import { createOrder, readOrder } from './buy';
import { readRemaining } from './use';

/** What must not work. */

/** Everything of the user's that a forged callback would want to change. */
async function lookAt(stage: Stage, orderIds: readonly string[]): Promise<string> {
  const { orders, userId } = stage;
  const { membership } = await call(orders.membership.getMembership.bind(orders.membership), { userId });
  const remaining = await readRemaining(stage);
  const statuses = [];
  for (const orderId of orderIds) statuses.push(OrderStatus[(await readOrder(stage, orderId)).status]);
  return JSON.stringify({ remaining, until: membership?.expireTime, statuses });
}

/** Step 11: callbacks that lie. Returns WeChat Pay's id of the payment that was too small. */
export async function forgeCallbacks(stage: Stage, paidOrderId: string, planId: string): Promise<string> {
  const { report, wechatpayUrl } = stage;
  report.step('A second order, and callbacks that lie about it (伪造回调)');
  const second = present((await createOrder(stage, 'second-order', planId)).order, 'order').orderId;
  const before = await lookAt(stage, [paidOrderId, second]);

  const attempt = async (what: string, orderId: string, twist: PaymentTwist, wanted: number) => {
    const { transactionId, deliveries } = await pay(wechatpayUrl, orderId, { ...twist, retry: false });
    const answer = present(deliveries[0], 'delivery');
    return { what, wanted, transactionId, ...answer };
  };
  // The first three ride on the real payment of the first order and claim the second one.
  const claim = { out_trade_no: second };
  const attempts = [
    await attempt('its body was altered on the way', paidOrderId, { ...claim, corrupt: 'body' }, 401),
    await attempt('its signature is not WeChat Pay’s', paidOrderId, { ...claim, corrupt: 'signature' }, 401),
    await attempt('it is ten minutes old', paidOrderId, { ...claim, corrupt: 'stale' }, 401),
    await attempt('really signed, but 1 fen was paid', second, { amount: 1 }, 409),
  ];
  report.rows(
    'callbacks',
    ['callback', 'http status', 'answer'],
    attempts.map(({ what, status, body }) => [what, status, body]),
  );
  report.check(
    'each is refused with its status',
    attempts.every(({ status, wanted }) => status === wanted),
  );
  report.check('no order, no membership and no quota changed', (await lookAt(stage, [paidOrderId, second])) === before);
  return present(attempts.at(-1), 'attempt').transactionId;
}

/** Step 12: a certificate in the wrong role. */
export async function callAsSomebodyElse(stage: Stage, before: number): Promise<void> {
  const { report, orders, userId } = stage;
  report.step('The order service tries to consume quota with its own certificate (越权)');
  const request = ConsumeQuotaRequest.fromPartial({ requestId: 'not-mine', userId, amount: 1 });
  const refusal = await refusalOf(orders.quota.consumeQuota.bind(orders.quota), request);
  report.rows('refusal', REFUSAL_HEADINGS, [refusalRow(refusal)]);
  report.check(
    'denied, nothing taken',
    refusal.reason === 'CALLER_NOT_ALLOWED' && (await readRemaining(stage)) === before,
  );
}
