import {
  ApproveRefundRequest,
  AttachInvoiceRequest,
  CancelOrderRequest,
  CreateOrderRequest,
  GetOrderPaymentRequest,
  GetOrderRequest,
  ListOrdersRequest,
  ListProposedRefundsRequest,
  PaymentChannel,
  QuoteOrderRequest,
  QuoteRefundRequest,
  RefundOrderRequest,
  RejectRefundRequest,
} from '../../src/gen/billing/v1/order_service.pb';
import { ListDeadLettersRequest, RerunDeadLetterRequest } from '../../src/gen/billing/v1/job_service.pb';
import { ListNotificationsRequest, ReplayNotificationRequest } from '../../src/gen/billing/v1/payment_service.pb';
import { call } from './clients';
import {
  ID,
  OPTIONAL_ID,
  UNITS,
  REFUND_REASON,
  REJECT_REASON,
  OPENID,
  CLIENT_IP,
  UNKNOWN_ENUM,
  order,
  paging,
  anOrder,
  bound,
  type MalformedCalls,
} from './malformed-fields';

/** OrderService and PaymentService. */
export const MALFORMED_ORDER_CALLS: readonly MalformedCalls[] = [
  {
    rpc: 'OrderService/QuoteOrder',
    valid: (userId) => ({ userId, planId: 'monthly' }),
    faults: { userId: ID, planId: ID, couponId: OPTIONAL_ID },
    send: (h, fields) => call(bound(h.as('auditor').order, 'quoteOrder'), QuoteOrderRequest.create(fields)),
  },
  {
    rpc: 'OrderService/CreateOrder',
    valid: (userId) => ({ requestId: 'o', userId, planId: 'monthly', channel: PaymentChannel.NATIVE }),
    faults: {
      requestId: ID,
      userId: ID,
      planId: ID,
      couponId: OPTIONAL_ID,
      channel: [['nothing', 0], ...UNKNOWN_ENUM],
      openid: [['one that is not asked for', 'oUpF8uMuAJO'], ...OPENID],
      clientIp: [['one that is not asked for', '192.0.2.1'], ...CLIENT_IP],
    },
    send: (h, fields) => call(bound(h.as('order-service').order, 'createOrder'), CreateOrderRequest.create(fields)),
  },
  {
    rpc: 'OrderService/CreateOrder',
    valid: (userId) => ({ requestId: 'o', userId, planId: 'monthly', channel: PaymentChannel.JSAPI, openid: 'o1' }),
    faults: { openid: [['nothing', ''], ...OPENID] },
    send: (h, fields) => call(bound(h.as('order-service').order, 'createOrder'), CreateOrderRequest.create(fields)),
  },
  {
    rpc: 'OrderService/CreateOrder',
    valid: (userId) => ({ requestId: 'o', userId, planId: 'monthly', channel: PaymentChannel.H5, clientIp: '::1' }),
    faults: { clientIp: [['nothing', ''], ...CLIENT_IP] },
    send: (h, fields) => call(bound(h.as('order-service').order, 'createOrder'), CreateOrderRequest.create(fields)),
  },
  {
    rpc: 'OrderService/CancelOrder',
    valid: (userId) => ({ requestId: 'k', ...anOrder(userId) }),
    faults: { requestId: ID, ...order },
    send: (h, fields) => call(bound(h.as('order-service').order, 'cancelOrder'), CancelOrderRequest.create(fields)),
  },
  {
    rpc: 'OrderService/AttachInvoice',
    valid: (userId) => ({ requestId: 'i', ...anOrder(userId), invoiceReference: '24312000000123456789' }),
    faults: { requestId: ID, ...order, invoiceReference: ID },
    send: (h, fields) => call(bound(h.as('finance').order, 'attachInvoice'), AttachInvoiceRequest.create(fields)),
  },
  {
    rpc: 'OrderService/QuoteRefund',
    valid: anOrder,
    faults: { ...order, amount: UNITS },
    send: (h, fields) => call(bound(h.as('finance').order, 'quoteRefund'), QuoteRefundRequest.create(fields)),
  },
  {
    rpc: 'OrderService/RefundOrder',
    valid: (userId) => ({ requestId: 'f', ...anOrder(userId), amount: 1, reason: '用户申请退款' }),
    faults: { requestId: ID, ...order, amount: UNITS, reason: REFUND_REASON },
    send: (h, fields) => call(bound(h.as('finance').order, 'refundOrder'), RefundOrderRequest.create(fields)),
  },
  {
    rpc: 'OrderService/ApproveRefund',
    valid: () => ({ requestId: 'a', refundId: 'r' }),
    faults: { requestId: ID, refundId: ID },
    send: (h, fields) => call(bound(h.as('finance').order, 'approveRefund'), ApproveRefundRequest.create(fields)),
  },
  {
    rpc: 'OrderService/RejectRefund',
    valid: () => ({ requestId: 'a', refundId: 'r', reason: '金额有误' }),
    faults: { requestId: ID, refundId: ID, reason: REJECT_REASON },
    send: (h, fields) => call(bound(h.as('finance').order, 'rejectRefund'), RejectRefundRequest.create(fields)),
  },
  {
    rpc: 'OrderService/ListProposedRefunds',
    valid: () => ({}),
    faults: paging,
    send: (h, fields) =>
      call(bound(h.as('auditor').order, 'listProposedRefunds'), ListProposedRefundsRequest.create(fields)),
  },
  {
    rpc: 'PaymentService/ListNotifications',
    valid: () => ({}),
    faults: { status: UNKNOWN_ENUM, ...paging },
    send: (h, fields) =>
      call(bound(h.as('auditor').payment, 'listNotifications'), ListNotificationsRequest.create(fields)),
  },
  {
    rpc: 'PaymentService/ReplayNotification',
    valid: () => ({ requestId: 'n', notificationId: 'n' }),
    faults: { requestId: ID, notificationId: ID },
    send: (h, fields) =>
      call(bound(h.as('operations').payment, 'replayNotification'), ReplayNotificationRequest.create(fields)),
  },
  {
    rpc: 'JobService/ListDeadLetters',
    valid: () => ({}),
    faults: { job: OPTIONAL_ID, state: UNKNOWN_ENUM, ...paging },
    send: (h, fields) => call(bound(h.as('auditor').job, 'listDeadLetters'), ListDeadLettersRequest.create(fields)),
  },
  {
    rpc: 'JobService/RerunDeadLetter',
    valid: () => ({ requestId: 'n', deadLetterId: 'n' }),
    faults: { requestId: ID, deadLetterId: ID },
    send: (h, fields) => call(bound(h.as('operations').job, 'rerunDeadLetter'), RerunDeadLetterRequest.create(fields)),
  },
  {
    rpc: 'OrderService/GetOrder',
    valid: anOrder,
    faults: order,
    send: (h, fields) => call(bound(h.as('auditor').order, 'getOrder'), GetOrderRequest.create(fields)),
  },
  {
    rpc: 'OrderService/GetOrderPayment',
    valid: anOrder,
    faults: order,
    send: (h, fields) =>
      call(bound(h.as('order-service').order, 'getOrderPayment'), GetOrderPaymentRequest.create(fields)),
  },
  {
    rpc: 'OrderService/ListOrders',
    valid: (userId) => ({ userId }),
    faults: { userId: ID, status: UNKNOWN_ENUM, ...paging },
    send: (h, fields) => call(bound(h.as('auditor').order, 'listOrders'), ListOrdersRequest.create(fields)),
  },
];
