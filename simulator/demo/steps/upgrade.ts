import type { Plan } from '../../../src/gen/billing/v1/membership_service.pb';
import {
  OrderKind,
  OrderStatus,
  QuoteOrderRequest,
  type Order,
  type OrderCredit,
} from '../../../src/gen/billing/v1/order_service.pb';
import type { QuotaGrant } from '../../../src/gen/billing/v1/quota_service.pb';
import { call, refusalOf } from '../billing';
import { pay } from '../payer';
import type { Stage } from '../stage';
import { present } from '../unexpected';
import { beijing, REFUSAL_HEADINGS, refusalRow, yuan } from '../wording';
import { createOrder, orderRequest, waitUntilPaid } from './buy';
import { consumeUnits } from './use';

/** An upgrade (升级): what is left of a month is credited to a year. */

/** A member who has used a part of his month. */
export interface MonthlyMember {
  readonly plan: Plan;
  readonly orderId: string;
  /** Units that are left of the month's. */
  readonly unspent: number;
  /** Units that are left of what he did not pay for: registration and gift. */
  readonly free: number;
}

const USED = 125;

async function readGrants({ aiTasks: { quota }, userId }: Stage): Promise<readonly QuotaGrant[]> {
  return (await call(quota.getQuota.bind(quota), { userId })).grants;
}

function sumOf(grants: readonly QuotaGrant[]): number {
  return grants.reduce((units, { remaining }) => units + remaining, 0);
}

/** Before step 24: the user buys a month and uses some of it. */
export async function becomeMember(stage: Stage, plan: Plan): Promise<MonthlyMember> {
  const { orderId } = present((await createOrder(stage, 'month', plan.planId)).order, 'order');
  await pay(stage.wechatpayUrl, orderId);
  await waitUntilPaid(stage, orderId);
  await consumeUnits(stage, 'uses-some', USED);
  const grants = await readGrants(stage);
  const ofMonth = grants.filter((grant) => grant.orderId === orderId);
  const unspent = sumOf(ofMonth);
  return { plan, orderId, unspent, free: sumOf(grants) - unspent };
}

function showCredits({ report }: Stage, credits: readonly OrderCredit[]): void {
  report.rows(
    'credits',
    ['credited order', 'credit', 'units that end'],
    credits.map((credit) => [credit.creditedOrderId, yuan(credit.amount), credit.units]),
  );
}

function showUpgrade({ report }: Stage, order: Order): void {
  report.record('order', {
    order: order.orderId,
    kind: OrderKind[order.kind],
    plan: order.planName,
    status: OrderStatus[order.status],
    credit: yuan(order.creditAmount),
    'to pay': yuan(order.finalAmount),
    ...(order.transactionId === '' ? {} : { transaction: order.transactionId }),
  });
}

/** Step 24: what the upgrade comes to, and its order. Returns the order's id. */
export async function orderUpgrade(stage: Stage, member: MonthlyMember, yearly: Plan): Promise<string> {
  const { report, orders, finance, userId } = stage;
  const { order: client } = orders;
  const { plan, unspent } = member;
  const { planId } = yearly;
  report.step(`A monthly member with ${unspent} of ${plan.quotaUnits} units left upgrades to the year (升级)`);
  const kind = OrderKind.UPGRADE;
  const quote = await call(client.quoteOrder.bind(client), QuoteOrderRequest.fromPartial({ userId, planId, kind }));
  showCredits(stage, quote.credits);
  const credit = Math.floor((plan.price * unspent) / plan.quotaUnits);
  report.check(
    `less of the units is left than of the time, so ${plan.price} fen × ${unspent} ÷ ${plan.quotaUnits} = ${quote.creditAmount} fen are credited`,
    quote.creditAmount === credit &&
      quote.credits.map(({ creditedOrderId }) => creditedOrderId).join() === member.orderId,
  );
  const created = await call(client.createOrder.bind(client), { ...orderRequest(stage, 'upgrade', planId), kind });
  const order = present(created.order, 'order');
  showUpgrade(stage, order);
  report.check(
    `${yuan(quote.creditAmount)} credit + ${yuan(order.finalAmount)} to pay = ${yuan(yearly.price)}, as quoted`,
    order.creditAmount === quote.creditAmount &&
      order.finalAmount === quote.finalAmount &&
      order.creditAmount + order.finalAmount === yearly.price,
  );
  const another = await refusalOf(client.createOrder.bind(client), orderRequest(stage, 'a-month-more', plan.planId));
  const refund = { userId, orderId: member.orderId, amount: 0 };
  const back = await refusalOf(finance.order.quoteRefund.bind(finance.order), refund);
  report.rows(
    'refusals',
    ['while it waits for payment', ...REFUSAL_HEADINGS],
    [
      ['he orders another month', ...refusalRow(another)],
      ['finance would refund the month', ...refusalRow(back)],
    ],
  );
  report.check(
    'while it waits nothing takes away what it credits',
    another.metadata['why'] === 'order_open' && back.metadata['why'] === 'upgrade_open',
  );
  return order.orderId;
}

/** Step 25: the upgrade is paid; the year takes the place of the month. */
export async function payUpgrade(stage: Stage, member: MonthlyMember, yearly: Plan, orderId: string): Promise<void> {
  const { report, orders, wechatpayUrl, userId } = stage;
  report.step('He pays the rest: the year takes the place of the month (支付、会员替换)');
  await pay(wechatpayUrl, orderId, { duplicates: 2 });
  showUpgrade(stage, await waitUntilPaid(stage, orderId));
  const { membership } = await call(orders.membership.getMembership.bind(orders.membership), { userId });
  report.check(
    `the membership is ${membership?.planName}, from ${beijing(membership?.startTime)} until ${beijing(membership?.expireTime)}`,
    membership?.active === true && membership.planId === yearly.planId,
  );
  const grants = await readGrants(stage);
  report.rows(
    'grants',
    ['grant', 'source', 'remaining', 'of', 'order', 'expires'],
    grants.map((grant) => [
      grant.grantId,
      grant.source,
      grant.remaining,
      grant.amount,
      grant.orderId,
      beijing(grant.expireTime),
    ]),
  );
  const part = yearly.quotaUnits / 12;
  report.check(
    `${member.unspent} units of the month ended; ${part} of the year's ${yearly.quotaUnits} came, a twelfth; what was free stayed`,
    grants.every((grant) => grant.orderId !== member.orderId) &&
      sumOf(grants.filter((grant) => grant.orderId === orderId)) === part &&
      sumOf(grants) === member.free + part,
  );
}
