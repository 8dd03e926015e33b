import type { Plan } from '../../../src/gen/billing/v1/membership_service.pb';
import { OrderStatus, QuoteOrderRequest } from '../../../src/gen/billing/v1/order_service.pb';
import {
  ClaimCouponRequest,
  CouponStatus,
  CreatePromotionRequest,
  DiscountType,
  ListCouponsRequest,
  PromotionStatus,
  type Coupon,
  type Promotion,
} from '../../../src/gen/billing/v1/promotion_service.pb';
import { call, refusalOf } from '../billing';
import { pay } from '../payer';
import type { Stage } from '../stage';
import { present } from '../unexpected';
import { REFUSAL_HEADINGS, refusalRow, yuan } from '../wording';
import { orderRequest, registerAs, showOrder, waitUntilPaid } from './buy';

/** A promotion (活动): one coupon, claimed once, held by one order, used by its payment. */

const DISCOUNT = 1_000;

/** What is sold with a coupon: the user of these steps, and what he claimed. */
export interface PromotionStage extends Stage {
  readonly promotionId: string;
  readonly couponId: string;
}

function showPromotion({ report }: Stage, promotion: Promotion): void {
  report.rows(
    'promotion',
    ['promotion', 'name', 'status', 'off', 'for', 'stock', 'claimed', 'budget'],
    [
      [
        promotion.promotionId,
        promotion.name,
        PromotionStatus[promotion.status],
        yuan(promotion.discountValue),
        promotion.newUsersOnly ? 'new users' : 'everybody',
        promotion.totalQuota,
        promotion.claimedCount,
        yuan(promotion.budget),
      ],
    ],
  );
}

/** Step 13: operations offers one coupon to those who never had a membership. Returns the promotion's id. */
export async function createPromotion(stage: Stage): Promise<string> {
  const { report, operations, userId } = stage;
  const { promotion: client } = operations;
  report.step(`Operations makes a promotion: ${yuan(DISCOUNT)} off for new users, one coupon (新用户立减)`);
  const request = CreatePromotionRequest.fromPartial({
    requestId: `create-${userId}`,
    promotion: {
      name: '新用户立减 10 元',
      discountType: DiscountType.FIXED_AMOUNT,
      discountValue: DISCOUNT,
      totalQuota: 1,
      budget: DISCOUNT,
      couponValidDays: 30,
      newUsersOnly: true,
    },
  });
  const draft = present((await call(client.createPromotion.bind(client), request)).promotion, 'promotion');
  const { promotionId } = draft;
  const activate = {
    requestId: `activate-${userId}`,
    promotionId,
    status: PromotionStatus.ACTIVE,
    revision: draft.revision,
  };
  const { promotion: answered } = await call(client.setPromotionStatus.bind(client), activate);
  const active = present(answered, 'promotion');
  showPromotion(stage, active);
  report.check(
    `${PromotionStatus[draft.status]} → ${PromotionStatus[active.status]}, nothing claimed yet`,
    draft.status === PromotionStatus.DRAFT && active.status === PromotionStatus.ACTIVE && active.claimedCount === 0,
  );
  return promotionId;
}

function claimRequest({ userId }: Stage, requestId: string, promotionId: string): ClaimCouponRequest {
  return ClaimCouponRequest.fromPartial({ requestId, userId, promotionId });
}

function showCoupon({ report }: Stage, coupon: Coupon): void {
  report.rows(
    'coupon',
    ['coupon', 'user', 'status', 'order'],
    [[coupon.couponId, coupon.userId, CouponStatus[coupon.status], coupon.orderId]],
  );
}

/** Step 14: a new user claims the coupon; others do not get it. */
export async function claimCoupon(stage: Stage, promotionId: string): Promise<PromotionStage> {
  const { report, orders, operations } = stage;
  const client = orders.promotion;
  report.step('A new user claims the coupon; nobody gets a second one (领券)');
  const claimer = await registerAs(stage, `${stage.userId}-new`);
  const late = await registerAs(stage, `${stage.userId}-late`);
  const claimed = await call(client.claimCoupon.bind(client), claimRequest(claimer, 'claim', promotionId));
  const coupon = present(claimed.coupon, 'coupon');
  showCoupon(stage, coupon);
  report.check('the coupon is UNUSED', coupon.status === CouponStatus.UNUSED && !claimed.replayed);
  const others = [
    { who: 'the same user again', request: claimRequest(claimer, 'claim-again', promotionId) },
    { who: 'the member of step 4', request: claimRequest(stage, 'claim', promotionId) },
    { who: 'a new user, too late', request: claimRequest(late, 'claim', promotionId) },
  ];
  const refusals = [];
  for (const { request } of others) refusals.push(await refusalOf(client.claimCoupon.bind(client), request));
  report.rows(
    'refusals',
    ['who', ...REFUSAL_HEADINGS],
    refusals.map((refusal, i) => [others[i]?.who, ...refusalRow(refusal)]),
  );
  const { promotion } = await call(operations.promotion.getPromotion.bind(operations.promotion), { promotionId });
  report.check(
    'three refusals, each with its reason; claimed stays 1 of 1',
    refusals.map(({ reason }) => reason).join() === 'COUPON_ALREADY_CLAIMED,USER_NOT_ELIGIBLE,PROMOTION_SOLD_OUT' &&
      promotion?.claimedCount === 1,
  );
  return { ...claimer, promotionId, couponId: coupon.couponId };
}

/** The one coupon of the user, as it is now. */
async function readCoupon({ orders: { promotion }, userId }: PromotionStage): Promise<Coupon> {
  const { coupons } = await call(promotion.listCoupons.bind(promotion), ListCouponsRequest.fromPartial({ userId }));
  return present(coupons[0], 'coupon');
}

/** Step 15: what it would cost, and the order that holds the coupon. Returns the order's id. */
export async function orderWithCoupon(stage: PromotionStage, plan: Plan): Promise<string> {
  const { report, orders, userId, couponId } = stage;
  const { order: client } = orders;
  report.step('The coupon takes its part off one order (算价、下单)');
  const { planId } = plan;
  const quote = await call(client.quoteOrder.bind(client), QuoteOrderRequest.fromPartial({ userId, planId, couponId }));
  report.rows(
    'quote',
    ['price', 'discount', 'to pay'],
    [[yuan(quote.originalAmount), yuan(quote.discountAmount), yuan(quote.finalAmount)]],
  );
  report.check(
    `${yuan(plan.price)} - ${yuan(DISCOUNT)} = ${yuan(quote.finalAmount)}`,
    quote.originalAmount === plan.price && quote.finalAmount === plan.price - DISCOUNT,
  );
  const created = await call(client.createOrder.bind(client), orderRequest(stage, 'buy-cheaper', planId, couponId));
  const order = present(created.order, 'order');
  showOrder(stage, order);
  const coupon = await readCoupon(stage);
  showCoupon(stage, coupon);
  report.check(
    'the order costs what was quoted, and holds the coupon: LOCKED',
    order.finalAmount === quote.finalAmount &&
      order.discountAmount === quote.discountAmount &&
      coupon.status === CouponStatus.LOCKED &&
      coupon.orderId === order.orderId,
  );
  const second = orderRequest(stage, 'buy-twice', planId, couponId);
  const refusal = await refusalOf(client.createOrder.bind(client), second);
  report.rows('refusal', REFUSAL_HEADINGS, [refusalRow(refusal)]);
  report.check('a second order does not get the same coupon', refusal.reason === 'COUPON_NOT_USABLE');
  return order.orderId;
}

/** Step 16: WeChat Pay is paid the discounted amount, which makes the coupon used. */
export async function payDiscounted(stage: PromotionStage, orderId: string): Promise<void> {
  const { report, operations, wechatpayUrl, promotionId } = stage;
  const { promotion: client } = operations;
  report.step('The user pays the discounted amount; the coupon is used (支付、核销)');
  const { deliveries } = await pay(wechatpayUrl, orderId);
  report.rows(
    'deliveries',
    ['callback', 'http status'],
    deliveries.map((delivery) => ['signed and encrypted', delivery.status]),
  );
  const paid = await waitUntilPaid(stage, orderId);
  showOrder(stage, paid);
  const coupon = await readCoupon(stage);
  showCoupon(stage, coupon);
  report.check(
    `the order is PAID with ${yuan(paid.finalAmount)}, the coupon is USED by it`,
    paid.status === OrderStatus.PAID && coupon.status === CouponStatus.USED && coupon.orderId === orderId,
  );
  const stats = await call(client.getPromotionStats.bind(client), { promotionId });
  report.record('stats', {
    claimed: stats.claimed,
    used: stats.used,
    'orders paid': stats.orders,
    'discount given': yuan(stats.discountGiven),
    'GMV (成交额)': yuan(stats.gmv),
  });
  report.check(
    'the statistics say the same',
    stats.claimed === 1 && stats.used === 1 && stats.gmv === paid.finalAmount && stats.discountGiven === DISCOUNT,
  );
}
