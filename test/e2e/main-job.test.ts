import { CheckEntitlementRequest } from '../../src/gen/billing/v1/membership_service.pb';
import { OrderStatus } from '../../src/gen/billing/v1/order_service.pb';
import { CouponStatus } from '../../src/gen/billing/v1/promotion_service.pb';
import { ConsumeQuotaRequest, RefundQuotaRequest } from '../../src/gen/billing/v1/quota_service.pb';
import { call, mustSucceed } from '../support/clients';
import { provenLog } from '../support/ledger-proof';
import { createOrderCall, getOrderCall, quoteOrderCall } from '../support/order-calls';
import { checkPromotionsOf } from '../support/promotion-check';
import { claim, claimCall, listCouponsCall, openPromotion, stockOf } from '../support/promotions';
import { setStage, type Stage } from '../support/service-process';

/** The main job with the compiled program as its own process: register, claim, buy, pay, consume, fail, refund, prove. */
describe('the main job, end to end', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await setStage();
    await stage.start();
  });
  afterAll(() => stage.close());

  test('a member of 510 units consumes, is refused what he has not, and gets a failed task back', async () => {
    const { userId, orderId } = await stage.registerMember();
    const { quota, membership } = stage.as('ai-task-service');
    const quotaOf = async () => (await mustSucceed(call(quota.getQuota.bind(quota), { userId }))).quotaRemaining;
    const consume = (requestId: string, amount: number) =>
      call(
        quota.consumeQuota.bind(quota),
        ConsumeQuotaRequest.fromPartial({ userId, requestId, amount, taskId: requestId }),
      );

    const paid = await mustSucceed(getOrderCall(stage, userId, orderId));
    expect(paid.order).toMatchObject({ status: OrderStatus.PAID, finalAmount: 9900 });
    expect(await quotaOf()).toBe(510);
    const entitled = CheckEntitlementRequest.fromPartial({ userId, feature: 'image.upscale', amount: 1 });
    const { allowed } = await mustSucceed(call(membership.checkEntitlement.bind(membership), entitled));
    expect(allowed).toBe(true);

    expect(await mustSucceed(consume('task-1', 30))).toMatchObject({ quotaRemaining: 480, replayed: false });
    expect(await mustSucceed(consume('task-1', 30))).toMatchObject({ quotaRemaining: 480, replayed: true });
    expect(await consume('task-2', 481)).toMatchObject({ ok: false, reason: 'QUOTA_INSUFFICIENT' });
    const back = RefundQuotaRequest.fromPartial({ userId, requestId: 'failed-1', consumeRequestId: 'task-1' });
    const refunded = await mustSucceed(call(quota.refundQuota.bind(quota), back));
    expect(refunded).toMatchObject({ quotaRemaining: 510, log: { amount: 30 } });
    expect(await quotaOf()).toBe(510);

    const rows = await provenLog(stage.db, userId);
    expect(rows.map(({ type, amount }) => `${String(type)} ${String(amount)}`)).toEqual([
      'GRANT 10',
      'GRANT 500',
      'CONSUME -30',
      'REFUND 30',
    ]);
    expect((await fetch(`${stage.internalUrl}/readyz`)).status).toBe(200);
  });

  test('a coupon is claimed once, held by one order, and used when the discounted amount is paid', async () => {
    const userId = await stage.register();
    const late = await stage.register();
    const promotionId = await openPromotion(stage, { totalQuota: 1, budget: 1_000, newUsersOnly: true });
    const { couponId } = await claim(stage, userId, promotionId);
    expect(await claimCall(stage, { userId: late, promotionId })).toMatchObject({ reason: 'PROMOTION_SOLD_OUT' });

    const priced = { listAmount: 9900, originalAmount: 9900, creditAmount: 0, discountAmount: 1000, finalAmount: 8900 };
    const quote = await mustSucceed(quoteOrderCall(stage, { userId, planId: 'monthly', couponId }));
    expect(quote).toEqual({ ...priced, credits: [] });
    const { order } = await mustSucceed(createOrderCall(stage, { userId, couponId }));
    expect(order).toMatchObject({ ...priced, couponId, status: OrderStatus.PENDING });
    expect(await createOrderCall(stage, { userId, couponId })).toMatchObject({ reason: 'COUPON_NOT_USABLE' });
    const orderId = order?.orderId ?? '';
    await stage.pay(orderId);

    const paid = await mustSucceed(getOrderCall(stage, userId, orderId));
    expect(paid.order).toMatchObject({ ...priced, status: OrderStatus.PAID });
    const { coupons } = await mustSucceed(listCouponsCall(stage, { userId }));
    expect(coupons).toMatchObject([{ couponId, status: CouponStatus.USED, orderId }]);
    expect(await stockOf(stage.db, promotionId)).toEqual({ claimed: 1, budgetUsed: 1_000, used: 1 });
    expect((await checkPromotionsOf(stage.db)).faults).toEqual([]);
  });
});
