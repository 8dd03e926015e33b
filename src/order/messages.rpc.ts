import {
  OrderCloseReason,
  OrderKind,
  OrderStatus,
  PaymentChannel,
  type Order,
  type OrderCredit,
  type OrderPayment,
} from '../gen/billing/v1/order_service.pb';
import type { PaymentParameters } from '../payment';
import type { OrderCreditRow } from './order-credit.model';
import type { CloseReason, OrderChannel, OrderKind as StoredKind, OrderRow } from './order.model';
import type { OrderStatus as StoredStatus } from './order-state';
import type { Credit } from './upgrade-credit';

/** Orders and payment parameters as messages. */

export const STATUSES: Readonly<Record<StoredStatus, OrderStatus>> = {
  created: OrderStatus.CREATED,
  pending: OrderStatus.PENDING,
  closing: OrderStatus.CLOSING,
  paid: OrderStatus.PAID,
  closed: OrderStatus.CLOSED,
  failed: OrderStatus.FAILED,
  refunded: OrderStatus.REFUNDED,
};

export const CHANNELS: Readonly<Record<OrderChannel, PaymentChannel>> = {
  native: PaymentChannel.NATIVE,
  jsapi: PaymentChannel.JSAPI,
  h5: PaymentChannel.H5,
  app: PaymentChannel.APP,
};

export const KINDS: Readonly<Record<StoredKind, OrderKind>> = {
  purchase: OrderKind.PURCHASE,
  upgrade: OrderKind.UPGRADE,
};

const CLOSE_REASONS: Readonly<Record<CloseReason, OrderCloseReason>> = {
  cancelled: OrderCloseReason.CANCELLED,
  expired: OrderCloseReason.EXPIRED,
  wrong_amount: OrderCloseReason.WRONG_AMOUNT,
  closed_elsewhere: OrderCloseReason.CLOSED_ELSEWHERE,
  upgrade_void: OrderCloseReason.UPGRADE_VOID,
};

/** An order as its buyer and the people who look after it see it. */
export function toOrderMessage(row: OrderRow): Order {
  const { userId, planId, planName, quotaUnits, originalAmount, discountAmount, finalAmount, refundedAmount } = row;
  const { currency, taxRateBasisPoints, netAmount, taxAmount, createTime, expireTime, listAmount, creditAmount } = row;
  return {
    orderId: row.id,
    userId,
    planId,
    planName,
    quotaUnits,
    status: STATUSES[row.status],
    channel: CHANNELS[row.channel],
    originalAmount,
    discountAmount,
    finalAmount,
    refundedAmount,
    currency,
    taxRateBasisPoints,
    netAmount,
    taxAmount,
    couponId: row.couponId ?? '',
    transactionId: row.transactionId ?? '',
    createTime,
    expireTime,
    paidTime: row.paidTime ?? undefined,
    closeReason: row.closeReason === null ? OrderCloseReason.UNSPECIFIED : CLOSE_REASONS[row.closeReason],
    invoiceReference: row.invoiceReference ?? '',
    kind: KINDS[row.kind],
    listAmount,
    creditAmount,
  };
}

/** What an upgrade credits of an order. */
export function toCreditMessage({ orderId, creditedOrderId, amount, units }: OrderCreditRow): OrderCredit {
  return { orderId, creditedOrderId, amount, units };
}

/** What an upgrade would credit of an order: it has no order of its own yet. */
export function toQuotedCreditMessage({ orderId, amount, units }: Credit): OrderCredit {
  return { orderId: '', creditedOrderId: orderId, amount, units };
}

/** What the payer's side needs, under the names of its channel. */
export function toPaymentMessage(payment: PaymentParameters): OrderPayment {
  switch (payment.channel) {
    case 'native':
      return { method: { $case: 'native', value: { codeUrl: payment.codeUrl } } };
    case 'h5':
      return { method: { $case: 'h5', value: { h5Url: payment.h5Url } } };
    case 'jsapi': {
      const { appId, timeStamp, nonceStr, package: prepay, signType, paySign } = payment;
      return { method: { $case: 'jsapi', value: { appId, timeStamp, nonceStr, package: prepay, signType, paySign } } };
    }
    case 'app': {
      const { appid, partnerid, prepayid, package: prepay, noncestr, timestamp, sign } = payment;
      const ids = { appId: appid, partnerId: partnerid, prepayId: prepayid };
      return { method: { $case: 'app', value: { ...ids, package: prepay, nonceStr: noncestr, timestamp, sign } } };
    }
  }
}
