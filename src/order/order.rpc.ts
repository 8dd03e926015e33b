import { z } from 'zod';
import {
  OrderServiceService,
  OrderStatus,
  PaymentChannel,
  type Order,
  type OrderPayment,
} from '../gen/billing/v1/order_service.pb';
import { isReason } from '../platform/errors';
import * as rules from '../platform/request-rules';
import { defineService, type RpcService } from '../platform/rpc/service';
import { createOrder, type OrderPolicy } from './create-order';
import { isPayable, openPayment, type OpenPaymentParts } from './open-payment';
import type { OrderChannel, OrderRow } from './order.model';
import { listOrders, readOrder } from './order.queries';
import type { OrderStatus as StoredStatus } from './order-state';
import { quoteOrder } from './quote-order';

const STATUSES: Readonly<Record<StoredStatus, OrderStatus>> = {
  created: OrderStatus.CREATED,
  pending: OrderStatus.PENDING,
  closing: OrderStatus.CLOSING,
  paid: OrderStatus.PAID,
  closed: OrderStatus.CLOSED,
  failed: OrderStatus.FAILED,
  refunded: OrderStatus.REFUNDED,
};

const CHANNELS: Readonly<Record<OrderChannel, PaymentChannel>> = {
  native: PaymentChannel.NATIVE,
  jsapi: PaymentChannel.JSAPI,
  h5: PaymentChannel.H5,
  app: PaymentChannel.APP,
};

const createRequest = z.object({
  requestId: rules.opaqueId,
  userId: rules.opaqueId,
  planId: rules.opaqueId,
  couponId: rules.optionalOpaqueId,
  channel: z
    .number()
    .refine(
      (channel) => channel === Number(PaymentChannel.NATIVE),
      'must be PAYMENT_CHANNEL_NATIVE: no other is served',
    )
    .transform((): OrderChannel => 'native'),
});

const quoteRequest = z.object({
  userId: rules.opaqueId,
  planId: rules.opaqueId,
  couponId: rules.optionalOpaqueId,
});

const orderRequest = z.object({ userId: rules.opaqueId, orderId: rules.orderId });

const listRequest = z.object({
  userId: rules.opaqueId,
  status: rules.enumFilter(Object.values(STATUSES)),
  pageSize: rules.pageSize,
  pageToken: rules.pageToken,
});

function toOrderMessage(row: OrderRow): Order {
  const { userId, planId, planName, quotaUnits, originalAmount, discountAmount, finalAmount, refundedAmount } = row;
  const { currency, taxRateBasisPoints, netAmount, taxAmount, createTime, expireTime } = row;
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
  };
}

function toPaymentMessage(codeUrl: string): OrderPayment {
  return { method: { $case: 'native', value: { codeUrl } } };
}

/** What OrderService is built from. */
export interface OrderServiceParts extends OpenPaymentParts {
  readonly policy: OrderPolicy;
}

/** OrderService: decode, call, encode. */
export function createOrderService(parts: OrderServiceParts): RpcService {
  const { db, clock, policy } = parts;
  return defineService(OrderServiceService, {
    quoteOrder: (_context, request) => quoteOrder(db, quoteRequest.parse(request), clock.now()),
    createOrder: async (context, request) => {
      const { caller, signal } = context;
      const command = { ...createRequest.parse(request), caller, signal, now: clock.now() };
      const { response, replayed } = await createOrder(db, command, policy);
      if (!replayed) parts.onStatus('created');
      const order = await readOrder(db, command.userId, response.orderId);
      const isFree = order.status === 'paid' && order.transactionId === null;
      if (!replayed && isFree) parts.onStatus('paid');
      const isSettled = isFree || (replayed && !isPayable(order, clock.now()));
      if (isSettled) return { order: toOrderMessage(order), payment: undefined, replayed };
      try {
        const opened = await openPayment(parts, order, context);
        return { order: toOrderMessage(opened.order), payment: toPaymentMessage(opened.codeUrl), replayed };
      } catch (error) {
        if (!isReason(error, 'ORDER_NOT_PAYABLE')) throw error;
        const current = await readOrder(db, order.userId, order.id);
        // Paid before WeChat Pay's answer to the prepay was here: that is success, and nothing is left to pay.
        if (current.status !== 'paid') throw error;
        return { order: toOrderMessage(current), payment: undefined, replayed };
      }
    },
    getOrder: async (_context, request) => {
      const { userId, orderId } = orderRequest.parse(request);
      return { order: toOrderMessage(await readOrder(db, userId, orderId)) };
    },
    getOrderPayment: async (context, request) => {
      const { userId, orderId } = orderRequest.parse(request);
      const order = await readOrder(db, userId, orderId);
      const { codeUrl } = await openPayment(parts, order, context);
      return { payment: toPaymentMessage(codeUrl) };
    },
    listOrders: async (_context, request) => {
      const asked = listRequest.parse(request);
      const filter = { userId: asked.userId, status: rules.nameOf(STATUSES, asked.status) };
      const page = await listOrders(db, filter, asked.pageSize, asked.pageToken);
      return { orders: page.rows.map(toOrderMessage), nextPageToken: page.nextPageToken };
    },
  });
}
