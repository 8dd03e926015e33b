import { z } from 'zod';

/**
 * Every type of event that leaves, with the version and the schema of its data: a public contract, told to readers by
 * docs/events.md, which a test compares with this table. A field may be added at any time; what is renamed, removed or changes
 * its meaning is a new version.
 */
export interface EventTypeDefinition {
  readonly version: number;
  /** What happened, for docs/events.md. */
  readonly meaning: string;
  readonly data: z.ZodObject;
}

const id = z.string().min(1).max(64);
const fen = z.number().int();
const units = z.number().int();
const count = z.number().int();
const instant = z.iso.datetime();
const words = z.array(z.string());
const ofCampaign = { campaign_id: id };

function define<Shape extends z.ZodRawShape>(meaning: string, shape: Shape): EventTypeDefinition {
  return { version: 1, meaning, data: z.object(shape) };
}

const ofOrder = { order_id: id };
const coupon = { user_id: id, coupon_id: id, promotion_id: id };
const couponOfOrder = { coupon_id: id, promotion_id: id, order_id: id, discount_amount: fen };
const payment = { payment_id: id, order_id: id, amount: fen, currency: z.string() };
const refund = { refund_id: id, order_id: id, amount: fen };
const ofPromotion = { promotion_id: id };

const USER_EVENTS = {
  'user.registered': define('A user was registered.', { user_id: id }),
};

const QUOTA_EVENTS = {
  'quota.changed': define(
    'The log of a user grew: rows first_sequence to last_sequence (ListQuotaLogs tells them); quota_remaining is the balance after the last one.',
    { user_id: id, first_sequence: count, last_sequence: count, quota_remaining: units },
  ),
  'quota.low': define('A consume or hold took the balance below QUOTA_LOW_UNITS: sequence is its row of the log.', {
    quota_remaining: units,
    sequence: count,
    task_type: z.string().nullable(),
  }),
};

const GIFT_EVENTS = {
  'gift.granted': define('A campaign gave a user units.', {
    user_id: id,
    campaign_id: id,
    grant_id: count,
    units,
    expire_time: instant,
  }),
  'gift_campaign.created': define('A gift campaign was drafted.', ofCampaign),
  'gift_campaign.updated': define('The draft was edited.', ofCampaign),
  'gift_campaign.active': define('It was approved, or goes on: it gives.', ofCampaign),
  'gift_campaign.paused': define('It gives nothing for now.', ofCampaign),
  'gift_campaign.ended': define('It gives nothing any more.', ofCampaign),
};

const period = { order_id: id, plan_id: id, period_no: count, start_time: instant, end_time: instant };
const ending = { plan_id: z.string(), plan_name: z.string(), expire_time: instant };

const MEMBERSHIP_EVENTS = {
  'membership.started': define('A period was bought: it begins at start_time, now or later.', period),
  'membership.shortened': define('A refund of a part made a period end earlier than end_time_before.', {
    ...period,
    end_time_before: instant,
  }),
  'membership.revoked': define('A refund in full ended a period, or one that had not begun.', {
    ...period,
    revoke_time: instant,
  }),
  'membership.replaced': define('An upgrade took the place of a period.', { ...period, replaced_by_order_id: id }),
  'membership.expiring': define('A membership ends in days_left days: MEMBERSHIP_REMINDER_DAYS says when.', {
    ...ending,
    days_left: count,
  }),
  'membership.expired': define('A membership has ended, and no other follows.', ending),
};

const PLAN_EVENTS = {
  'plan.created': define('A plan was put on sale.', { plan_id: id, plan_price_id: count, valid_from: instant }),
  'plan.price_added': define('A plan got new terms from valid_from on; what was sold keeps its own.', {
    plan_id: id,
    plan_price_id: count,
    valid_from: instant,
  }),
  'plan.active': define('A plan is on sale again.', { plan_id: id }),
  'plan.retired': define('A plan is not on sale any more; what was sold goes on.', { plan_id: id }),
  'tariff.set': define(
    'A task type costs so many units, and needs a feature, from valid_from on; null: it is unlisted.',
    {
      tariff_id: count,
      task_type: z.string(),
      units: units.nullable(),
      feature: z.string().nullable(),
      valid_from: instant,
    },
  ),
};

const ORDER_EVENTS = {
  'order.created': define('An order was made.', {
    ...ofOrder,
    plan_id: id,
    final_amount: fen,
    kind: z.string().optional(),
    credit_amount: fen.optional(),
  }),
  'order.pending': define('WeChat Pay accepts payment for it.', ofOrder),
  'order.closing': define('It was cancelled, or its time is over.', ofOrder),
  'order.closed': define('Nobody can pay it any more.', { ...ofOrder, close_reason: z.string().optional() }),
  'order.failed': define('WeChat Pay refused to open it for good.', ofOrder),
  'order.paid': define('It was paid, and what it sold was given.', {
    ...ofOrder,
    final_amount: fen,
    transaction_id: z.string().nullable(),
  }),
  'order.refunded': define('All that was paid for it went back.', { ...ofOrder, refunded_amount: fen }),
  'order.invoice_attached': define('An invoice was noted.', { ...ofOrder, invoice_reference: z.string().optional() }),
};

const PAYMENT_EVENTS = {
  'payment.applied': define('Money arrived that its order waited for, or there was nothing to pay.', payment),
  'payment.received': define('Money arrived that its order did not wait for.', payment),
  'payment.refunding': define('Such money is on its way back.', payment),
  'payment.refunded': define('Such money went back.', payment),
};

const REFUND_EVENTS = {
  'refund.proposed': define('Money is to go back once another person approves it, by approve_deadline at the latest.', {
    ...refund,
    approve_deadline: instant,
  }),
  'refund.requested': define('Money is to go back: cause tells who wanted it.', { ...refund, cause: z.string() }),
  'refund.processing': define('WeChat Pay accepted it.', refund),
  'refund.succeeded': define('The money went back.', refund),
  'refund.closed': define('WeChat Pay gave it up, or nobody approved the proposal: no money moved.', refund),
  'refund.abnormal': define('The money can not reach the payer by itself.', refund),
  'refund.failed': define('WeChat Pay refused it for good.', refund),
};

const COUPON_EVENTS = {
  'coupon.claimed': define('A user claimed a coupon.', coupon),
  'coupon.locked': define('An order took it.', couponOfOrder),
  'coupon.used': define('Its order was paid.', couponOfOrder),
  'coupon.released': define('Its order ended unpaid: it is usable again.', couponOfOrder),
  'coupon.returned': define('Its order was refunded in full: it is usable again.', couponOfOrder),
  'coupon.expired': define('Its time is over: order_id is there when it came back from an order too late.', {
    ...coupon,
    user_id: id.optional(),
    order_id: id.optional(),
    discount_amount: fen.optional(),
  }),
};

const PROMOTION_EVENTS = {
  'promotion.created': define('A promotion was drafted.', ofPromotion),
  'promotion.updated': define('It was edited: changed names the fields.', { ...ofPromotion, changed: words }),
  'promotion.active': define('Coupons can be claimed.', ofPromotion),
  'promotion.paused': define('No coupon can be claimed for now.', ofPromotion),
  'promotion.ended': define('No coupon can be claimed any more.', ofPromotion),
};

/** Every type. */
export const EVENT_CATALOG = {
  ...USER_EVENTS,
  ...QUOTA_EVENTS,
  ...GIFT_EVENTS,
  ...MEMBERSHIP_EVENTS,
  ...PLAN_EVENTS,
  ...ORDER_EVENTS,
  ...PAYMENT_EVENTS,
  ...REFUND_EVENTS,
  ...COUPON_EVENTS,
  ...PROMOTION_EVENTS,
} as const satisfies Readonly<Record<string, EventTypeDefinition>>;

export type EventType = keyof typeof EVENT_CATALOG;

/** Whether the catalogue has a type. */
export function isKnownType(type: string): type is EventType {
  return Object.hasOwn(EVENT_CATALOG, type);
}

/** The JSON Schema of a type's data. Fields that it does not name may come with any later version of the service. */
export function dataSchemaOf(type: EventType): unknown {
  return z.toJSONSchema(EVENT_CATALOG[type].data, { io: 'input' });
}
