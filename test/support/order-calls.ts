import {
  CreateOrderRequest,
  ListOrdersRequest,
  PaymentChannel,
  QuoteOrderRequest,
  type CreateOrderResponse,
} from '../../src/gen/billing/v1/order_service.pb';
import { call, type Reply } from './clients';
import { newId } from './harness';
import type { Callers } from './promotion-calls';

/** OrderService as the order service calls it. */

/** CreateOrder of the monthly plan by QR code, but for the fields given. */
export function createOrderCall(h: Callers, fields: Partial<CreateOrderRequest>): Promise<Reply<CreateOrderResponse>> {
  const { order } = h.as('order-service');
  const usual = { requestId: newId('order'), planId: 'monthly', channel: PaymentChannel.NATIVE };
  return call(order.createOrder.bind(order), CreateOrderRequest.fromPartial({ ...usual, ...fields }));
}

export function quoteOrderCall(h: Callers, fields: Partial<QuoteOrderRequest>) {
  const { order } = h.as('order-service');
  return call(order.quoteOrder.bind(order), QuoteOrderRequest.fromPartial(fields));
}

export function getOrderCall(h: Callers, userId: string, orderId: string) {
  const { order } = h.as('order-service');
  return call(order.getOrder.bind(order), { userId, orderId });
}

export function getOrderPaymentCall(h: Callers, userId: string, orderId: string) {
  const { order } = h.as('order-service');
  return call(order.getOrderPayment.bind(order), { userId, orderId });
}

export function listOrdersCall(h: Callers, fields: Partial<ListOrdersRequest>) {
  const { order } = h.as('order-service');
  return call(order.listOrders.bind(order), ListOrdersRequest.fromPartial(fields));
}
