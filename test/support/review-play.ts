import { PaymentChannel } from '../../src/gen/billing/v1/order_service.pb';
import { ErasureState, KeyRotationState } from '../../src/gen/billing/v1/privacy_service.pb';
import { DiscountType } from '../../src/gen/billing/v1/promotion_service.pb';
import { TaskOutcome } from '../../src/gen/billing/v1/quota_service.pb';
import { mustSucceed } from './clients';
import { grantGiftCall, makeCampaign, openCampaign } from './gift-calls';
import { consume, createOrder, refund, registerMember, registerUser, until, type Harness } from './harness';
import type { KeyFile } from './key-file';
import { buyLimited, listTaskType } from './listed-calls';
import { cancelOrderCall, createOrderCall } from './order-calls';
import { agreeToErase, readErasure, rotate, rotationStatus } from './privacy-calls';
import { claim, openPromotion } from './promotions';
import { capture, hold, release, reportOutcome } from './quota-calls';
import { approveRefundCall, refundOf, untilRefunds } from './refund-calls';
import { registerWith } from './registrations';
import { openPlan, orderUpgrade } from './upgrade-calls';
import { notify, paidNotification, refundNotification } from './wechat-notifier';

/** Refunds of more than this take two people. */
export const TWO_PEOPLE_ABOVE = 9_800;

const DAY_MS = 86_400_000;
const OPENID = 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o';

/** Something of everything that the service does and that ends well. */
export async function playEverything(h: Harness, keys: KeyFile): Promise<void> {
  const { userId } = await registerMember(h);
  for (const person of ['first', 'second']) await registerWith(h, person, ['phone', `device of the ${person}`]);
  await chargeTasks(h, userId);
  await giveBackLate(h, userId);
  await settleCase(h, userId);
  await useCoupons(h);
  await leaveOrdersUnpaid(h);
  await refundOrders(h);
  await payTwice(h);
  await giveGifts(h);
  await upgrade(h);
  await useLimitedFeature(h);
  // A month whose units are not due yet.
  const ahead = await registerMember(h);
  await pay(h, await createOrder(h, ahead.userId));
  await erasePerson(h);
  await rotateKeys(h, keys);
}

async function pay(h: Harness, orderId: string): Promise<void> {
  await h.control('/_control/pay', { order_id: orderId });
  await until(`order ${orderId} is paid`, async () => {
    const [order] = await h.db.query('SELECT status FROM orders WHERE id = ?', [orderId]);
    return order?.['status'] === 'paid';
  });
}

/** Units taken, set aside, captured, released and returned, and every task told of. */
async function chargeTasks(h: Harness, userId: string): Promise<void> {
  await mustSucceed(consume(h, { userId, requestId: 'c-1', amount: 30 }));
  await mustSucceed(refund(h, { userId, requestId: 'r-1', consumeRequestId: 'c-1', amount: 10 }));
  await mustSucceed(consume(h, { userId, requestId: 'c-2', amount: 7, taskId: 'task-2' }));
  await mustSucceed(consume(h, { userId, requestId: 'c-3', amount: 5, taskId: 'task-3' }));
  for (const requestId of ['h-1', 'h-2', 'h-3']) {
    await mustSucceed(hold(h, { userId, requestId, amount: 9, taskId: requestId }));
  }
  await mustSucceed(capture(h, { userId, requestId: 'k-1', holdId: 'h-1', amount: 5 }));
  await mustSucceed(refund(h, { userId, requestId: 'r-2', consumeRequestId: 'k-1', amount: 2 }));
  await mustSucceed(release(h, { userId, requestId: 'k-2', holdId: 'h-2' }));
  const [done, failed] = [TaskOutcome.SUCCEEDED, TaskOutcome.FAILED];
  for (const [taskId, outcome] of [
    ['task-2', done],
    ['task-3', failed],
    ['h-3', done],
  ] as const) {
    await mustSucceed(reportOutcome(h, { userId, requestId: `o-${taskId}`, taskId, outcome }));
  }
  // Of this one nobody tells until somebody looks into it.
  await mustSucceed(consume(h, { userId, requestId: 'c-4', amount: 2, taskId: 'task-4' }));
}

/** A case of a task that nobody told of, and which people looked into. */
async function settleCase(h: Harness, userId: string): Promise<void> {
  const open = 'SELECT 1 FROM settlement_cases WHERE resolve_time IS NULL';
  await until('a case is open', async () => (await h.db.query(open)).length === 1);
  const outcome = TaskOutcome.SUCCEEDED;
  await mustSucceed(reportOutcome(h, { userId, requestId: 'o-task-4', taskId: 'task-4', outcome }));
  await until('the case is resolved', async () => (await h.db.query(open)).length === 0);
}

/** Past the end of a lot: what comes back to it comes back as another one. */
async function giveBackLate(h: Harness, userId: string): Promise<void> {
  await mustSucceed(consume(h, { userId, requestId: 'late', amount: 3 }));
  h.clock.advanceMs(40 * DAY_MS);
  await mustSucceed(refund(h, { userId, requestId: 'r-late', consumeRequestId: 'late', amount: 3 }));
  const compensations = "SELECT 1 FROM quota_grants WHERE source = 'compensation'";
  if ((await h.db.query(compensations)).length !== 1) throw new Error('nothing came back late');
}

/** Coupons that are unused, held by an order, used by a paid one, and back from a closed and from a refunded one. */
async function useCoupons(h: Harness): Promise<void> {
  const fixed = await openPromotion(h, { budget: 50_000, returnedOnRefund: true });
  const percentage = { discountType: DiscountType.PERCENTAGE, discountValue: 15, maxDiscount: 2_000 };
  const share = await openPromotion(h, { ...percentage, minOrderAmount: 5_000, planIds: ['monthly'] });
  const free = await openPromotion(h, { discountValue: 100_000, mayBeFree: true });
  await claim(h, await registerUser(h), fixed);
  for (const [promotionId, end] of [
    [fixed, 'waits'],
    [fixed, 'paid'],
    [share, 'paid'],
    [fixed, 'cancelled'],
    [fixed, 'refunded'],
    [free, 'free'],
  ] as const) {
    const userId = await registerUser(h);
    const { couponId } = await claim(h, userId, promotionId);
    const { order } = await mustSucceed(createOrderCall(h, { userId, couponId }));
    const orderId = order?.orderId ?? '';
    if (end === 'paid' || end === 'refunded') await pay(h, orderId);
    if (end === 'cancelled') await cancel(h, userId, orderId);
    if (end === 'refunded') await refundAll(h, userId, orderId);
  }
}

async function cancel(h: Harness, userId: string, orderId: string): Promise<void> {
  await mustSucceed(cancelOrderCall(h, { userId, orderId }));
  await until('the order is closed', async () => {
    const [order] = await h.db.query('SELECT status FROM orders WHERE id = ?', [orderId]);
    return order?.['status'] === 'closed';
  });
}

async function refundAll(h: Harness, userId: string, orderId: string): Promise<void> {
  await h.control('/_control/refunds', { outcome: 'SUCCESS' });
  await refundOf(h, { userId, orderId });
  await untilRefunds(h, orderId, ['succeeded']);
}

/** Orders that wait, one of them of a payer whom WeChat Pay has to be told of. */
async function leaveOrdersUnpaid(h: Harness): Promise<void> {
  await createOrder(h, await registerUser(h));
  const userId = await registerUser(h);
  await mustSucceed(createOrderCall(h, { userId, channel: PaymentChannel.JSAPI, openid: OPENID }));
}

/** Refunds in full, to which two people agreed, and in part, and one under way. */
async function refundOrders(h: Harness): Promise<void> {
  const whole = await registerMember(h);
  await h.control('/_control/refunds', { outcome: 'SUCCESS' });
  const { refundId } = await refundOf(h, whole);
  await mustSucceed(approveRefundCall(h, { refundId }));
  await untilRefunds(h, whole.orderId, ['succeeded']);
  await h.control('/_control/refunds', { outcome: 'SUCCESS' });
  const part = await registerMember(h);
  await refundOf(h, { ...part, amount: 3_300 });
  await untilRefunds(h, part.orderId, ['succeeded']);
  await h.control('/_control/refunds', { outcome: 'PROCESSING' });
  const open = await registerMember(h);
  await refundOf(h, { ...open, amount: 4_950 });
  await untilRefunds(h, open.orderId, ['processing']);
  await h.control('/_control/refunds', { outcome: 'SUCCESS' });
}

/** An order that is paid twice: the second money goes back by itself. */
async function payTwice(h: Harness): Promise<void> {
  const { orderId } = await registerMember(h);
  // Only by notification is that money told of: WeChat Pay does not know it when the worker asks.
  await h.control('/_control/fault', { name: '500', times: 1_000_000, path: '/v3/refund/domestic/refunds' });
  const second = paidNotification(h, { orderId });
  expectTaken(await notify(h, second));
  const [refund] = await h.db.query('SELECT id FROM refunds WHERE order_id = ?', [orderId]);
  const told = { orderId, transactionId: second.transactionId, outRefundNo: String(refund?.['id']) };
  expectTaken(await notify(h, refundNotification(h, told), 'refund'));
  await untilRefunds(h, orderId, ['succeeded']);
  await fetch(`${h.simulatorUrl}/_control/fault`, { method: 'DELETE' });
}

function expectTaken({ status }: { readonly status: number }): void {
  if (status !== 204) throw new Error(`a notification was answered ${status}`);
}

/** A campaign that has given, and one that nobody has approved. */
async function giveGifts(h: Harness): Promise<void> {
  const campaignId = await openCampaign(h);
  for (let n = 0; n < 2; n += 1) await mustSucceed(grantGiftCall(h, await registerUser(h), campaignId));
  await makeCampaign(h);
}

async function upgrade(h: Harness): Promise<void> {
  const planId = await openPlan(h);
  const { userId } = await registerMember(h);
  const { orderId } = await orderUpgrade(h, { userId, planId });
  await pay(h, orderId);
}

/** Units of a feature that a period limits: taken, and some of them returned. */
async function useLimitedFeature(h: Harness): Promise<void> {
  const member = await registerUser(h);
  await buyLimited(h, member, { 'image.upscale': 5 });
  await listTaskType(h, 'upscale', { units: 2, feature: 'image.upscale' });
  await mustSucceed(consume(h, { userId: member, requestId: 'c', amount: 2, taskType: 'upscale' }));
  await mustSucceed(refund(h, { userId: member, requestId: 'r', consumeRequestId: 'c', amount: 1 }));
}

/** Somebody whose fingerprint and openid we know, who paid, and whom two people agreed to forget. */
async function erasePerson(h: Harness): Promise<void> {
  const userId = 'the-erased';
  await mustSucceed(registerWith(h, userId, ['phone of the erased']));
  const { order } = await mustSucceed(createOrderCall(h, { userId, channel: PaymentChannel.JSAPI, openid: OPENID }));
  await pay(h, order?.orderId ?? '');
  const erasureId = await agreeToErase(h, userId);
  await until('the person is erased', async () => (await readErasure(h, erasureId)).state === ErasureState.DONE);
}

/** All that is sealed, sealed anew with another key. */
async function rotateKeys(h: Harness, keys: KeyFile): Promise<void> {
  keys.write('rotated', h.infra.dataKeys.split(':')[0] ?? '');
  await mustSucceed(rotate(h, 'rotated'));
  await until('the rotation is done', async () => {
    return (await rotationStatus(h)).rotation?.state === KeyRotationState.DONE;
  });
}
