import { applyPayment, type ApplyPaymentParts, type CheckOrderParts } from '../order';
import type { ApplyNotification } from '../payment';
import { applyRefundNotification, type RefundParts } from '../refund';
import type { Foundation } from './foundation';

/** What the domains about money that comes and goes are built from, the same for every role. */

function paymentParts({ config, db, log, metrics }: Foundation): ApplyPaymentParts {
  return {
    db,
    log,
    merchant: { mchid: config.WECHATPAY_MCHID, appid: config.WECHATPAY_APPID },
    refundNotifyUrl: new URL('refund', config.WECHATPAY_NOTIFY_URL).href,
    onStatus: (status) => metrics.orders.inc({ status }),
  };
}

export function orderParts(foundation: Foundation): CheckOrderParts {
  const { config, clock, wechatpay, cipher } = foundation;
  return {
    ...paymentParts(foundation),
    clock,
    wechatpay: wechatpay.client,
    wechatpayTimeoutMs: config.WECHATPAY_TOTAL_TIMEOUT_MS,
    cipher,
  };
}

export function refundParts(foundation: Foundation): RefundParts & Pick<ApplyPaymentParts, 'merchant'> {
  const { config, db, clock, log, metrics, wechatpay } = foundation;
  const { merchant, refundNotifyUrl: notifyUrl, onStatus: onOrderStatus } = paymentParts(foundation);
  return {
    ...{ db, clock, log, merchant, notifyUrl, onOrderStatus },
    wechatpay: wechatpay.client,
    wechatpayTimeoutMs: config.WECHATPAY_TOTAL_TIMEOUT_MS,
    compensationGraceDays: config.COMPENSATION_GRACE_DAYS,
    aloneLimits: { orderMax: config.REFUND_SECOND_PERSON_FEN, dayMax: config.REFUNDS_ALONE_PER_DAY_FEN },
    onStatus: (cause, status) => metrics.refunds.inc({ cause, status }),
  };
}

/** What a stored notification tells goes to the domain that it means something to. */
export function notificationApplier(foundation: Foundation): ApplyNotification {
  const payments = paymentParts(foundation);
  const refunds = refundParts(foundation);
  return (item, now) => {
    if (item.kind === 'payment') return applyPayment(payments, item, now);
    return applyRefundNotification(refunds, item, now);
  };
}
