import { setTimeout as pause } from 'node:timers/promises';
import { toString as qrText } from 'qrcode';
import { ListPlansRequest, RegisterUserRequest, type Plan } from '../../../src/gen/billing/v1/membership_service.pb';
import {
  CreateOrderRequest,
  OrderStatus,
  PaymentChannel,
  type CreateOrderResponse,
  type Order,
} from '../../../src/gen/billing/v1/order_service.pb';
import { call } from '../billing';
import { pay } from '../payer';
import type { Stage } from '../stage';
import { present, Unexpected } from '../unexpected';
import { beijing, yuan } from '../wording';

/** From the price list to a paid membership (会员). */

/** Step 1: what is on sale. Returns the plan the user will buy. */
export async function showPlans({ report, orders: { membership } }: Stage): Promise<Plan> {
  report.step('Plans on sale (会员套餐)');
  const { plans } = await call(membership.listPlans.bind(membership), ListPlansRequest.fromPartial({}));
  report.rows(
    'plans',
    ['plan', 'name', 'price', 'quota', 'features'],
    plans.map((plan) => [plan.planId, plan.name, yuan(plan.price), plan.quotaUnits, plan.features.join(' ')]),
  );
  return present(
    plans.find(({ planId }) => planId === 'monthly'),
    'plan "monthly"',
  );
}

/** Step 2: a user comes. Returns the units of the registration grant. */
export async function register({ report, orders: { membership }, userId }: Stage): Promise<number> {
  report.step('A user registers (注册)');
  const request = RegisterUserRequest.fromPartial({ requestId: 'register', userId });
  const first = await call(membership.registerUser.bind(membership), request);
  report.rows(
    'registration',
    ['user', 'registration grant', 'quota remaining'],
    [[userId, first.registrationGranted, first.quotaRemaining]],
  );
  const again = await call(membership.registerUser.bind(membership), { ...request, requestId: 'register-again' });
  const isGivenOnce = first.registrationGranted && !again.registrationGranted;
  report.check(
    `registering again gives nothing: ${again.quotaRemaining} units as before`,
    isGivenOnce && again.quotaRemaining === first.quotaRemaining,
  );
  return first.quotaRemaining;
}

/** A user of the steps that follow. */
export async function registerAs(stage: Stage, userId: string): Promise<Stage> {
  const { membership } = stage.orders;
  await call(
    membership.registerUser.bind(membership),
    RegisterUserRequest.fromPartial({ requestId: 'register', userId }),
  );
  return { ...stage, userId };
}

/** The request for an order of a plan, with a coupon or without. It names no amount: prices are the server's. */
export function orderRequest({ userId }: Stage, requestId: string, planId: string, couponId = ''): CreateOrderRequest {
  return CreateOrderRequest.fromPartial({ requestId, userId, planId, couponId, channel: PaymentChannel.NATIVE });
}

/** Asks for an order of a plan. */
export async function createOrder(stage: Stage, requestId: string, planId: string): Promise<CreateOrderResponse> {
  const { order } = stage.orders;
  return call(order.createOrder.bind(order), orderRequest(stage, requestId, planId));
}

/** An order as people read it. */
export function showOrder({ report }: Stage, order: Order): void {
  report.record('order', {
    order: order.orderId,
    plan: order.planName,
    status: OrderStatus[order.status],
    ...(order.couponId === '' ? {} : { price: yuan(order.originalAmount), discount: yuan(order.discountAmount) }),
    'to pay': yuan(order.finalAmount),
    'net + VAT': `${yuan(order.netAmount)} + ${yuan(order.taxAmount)}`,
    ...(order.status === OrderStatus.PAID ? { 'paid at': beijing(order.paidTime) } : {}),
    ...(order.transactionId === '' ? {} : { transaction: order.transactionId }),
  });
}

/** Step 3: the order and its QR code. Returns the order's id. */
export async function orderPlan(stage: Stage, plan: Plan): Promise<string> {
  const { report } = stage;
  report.step(`The user orders ${plan.name} for ${yuan(plan.price)} (下单)`);
  const created = await createOrder(stage, 'buy-membership', plan.planId);
  const order = present(created.order, 'order');
  showOrder(stage, order);
  const { method } = created.payment ?? {};
  const codeUrl = present(method?.$case === 'native' ? method.value.codeUrl : undefined, 'code_url');
  report.record('payment', { code_url: codeUrl });
  report.say(await qrText(codeUrl, { type: 'utf8', margin: 2 }));
  report.check(
    `the price is the plan's, waiting for payment: ${OrderStatus[order.status]}`,
    order.finalAmount === plan.price && order.status === OrderStatus.PENDING,
  );
  return order.orderId;
}

/** One order as it is now. */
export async function readOrder({ userId, orders: { order } }: Stage, orderId: string): Promise<Order> {
  return present((await call(order.getOrder.bind(order), { userId, orderId, refresh: false })).order, 'order');
}

const PAID_WAIT_MS = 15_000;
const LOOK_AGAIN_MS = 100;

/** 204 promises "applied, or safely stored to be applied": so the order may become paid a moment later. */
export async function waitUntilPaid(stage: Stage, orderId: string): Promise<Order> {
  const deadlineMs = performance.now() + PAID_WAIT_MS;
  for (;;) {
    const order = await readOrder(stage, orderId);
    if (order.status === OrderStatus.PAID) return order;
    if (performance.now() > deadlineMs) throw new Unexpected(`Order ${orderId} was not PAID after ${PAID_WAIT_MS} ms.`);
    await pause(LOOK_AGAIN_MS);
  }
}

/** Step 4: the money arrives, and WeChat Pay tells it three times at once. Returns WeChat Pay's id of the payment. */
export async function payOrder(stage: Stage, orderId: string): Promise<string> {
  const { report, orders, userId, wechatpayUrl } = stage;
  report.step('The user pays; WeChat Pay calls back three times at once (支付回调)');
  const { transactionId, deliveries } = await pay(wechatpayUrl, orderId, { duplicates: 3 });
  report.rows(
    'deliveries',
    ['callback', 'http status'],
    deliveries.map(({ status }, i) => [`signed and encrypted copy ${i + 1}`, status]),
  );
  report.check('every copy is accepted with 204', deliveries.length === 3 && deliveries.every((d) => d.status === 204));
  const paid = await waitUntilPaid(stage, orderId);
  showOrder(stage, paid);
  report.check('the order is PAID by this transaction', paid.transactionId === transactionId);
  const { membership } = await call(orders.membership.getMembership.bind(orders.membership), { userId });
  const until = beijing(membership?.expireTime);
  report.check(`the membership (会员) ${membership?.planName} is active until ${until}`, membership?.active === true);
  return transactionId;
}
