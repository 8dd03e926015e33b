import {
  AttachInvoiceRequest,
  CancelOrderRequest,
  CreateOrderRequest,
  GetOrderRequest,
  ListOrdersRequest,
  PaymentChannel,
  QuoteOrderRequest,
  type CreateOrderResponse,
  type OrderPayment,
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

export function getOrderCall(h: Callers, userId: string, orderId: string, fields: Partial<GetOrderRequest> = {}) {
  const { order } = h.as('order-service');
  return call(order.getOrder.bind(order), GetOrderRequest.fromPartial({ userId, orderId, ...fields }));
}

export function getOrderPaymentCall(h: Callers, userId: string, orderId: string) {
  const { order } = h.as('order-service');
  return call(order.getOrderPayment.bind(order), { userId, orderId });
}

export function listOrdersCall(h: Callers, fields: Partial<ListOrdersRequest>) {
  const { order } = h.as('order-service');
  return call(order.listOrders.bind(order), ListOrdersRequest.fromPartial(fields));
}

export function cancelOrderCall(h: Callers, fields: Partial<CancelOrderRequest>) {
  const { order } = h.as('order-service');
  const usual = { requestId: newId('cancel') };
  return call(order.cancelOrder.bind(order), CancelOrderRequest.fromPartial({ ...usual, ...fields }));
}

export function attachInvoiceCall(h: Callers, fields: Partial<AttachInvoiceRequest>) {
  const { order } = h.as('finance');
  const usual = { requestId: newId('invoice'), invoiceReference: '24312000000123456789' };
  return call(order.attachInvoice.bind(order), AttachInvoiceRequest.fromPartial({ ...usual, ...fields }));
}

/** The code of a payment by QR code; undefined for any other, and without one. */
export function codeUrlOf(payment: OrderPayment | undefined): string | undefined {
  return payment?.method?.$case === 'native' ? payment.method.value.codeUrl : undefined;
}
