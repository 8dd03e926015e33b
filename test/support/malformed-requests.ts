import { CheckEntitlementRequest, ListPlansRequest } from '../../src/gen/billing/v1/membership_service.pb';
import { GetMembershipRequest, RegisterUserRequest } from '../../src/gen/billing/v1/membership_service.pb';
import {
  AttachInvoiceRequest,
  CancelOrderRequest,
  CreateOrderRequest,
  GetOrderPaymentRequest,
  GetOrderRequest,
  ListOrdersRequest,
  PaymentChannel,
  QuoteOrderRequest,
} from '../../src/gen/billing/v1/order_service.pb';
import {
  BatchConsumeQuotaRequest,
  CaptureQuotaRequest,
  ConsumeQuotaRequest,
  ExplainRequestRequest,
  GetQuotaRequest,
  HoldQuotaRequest,
  ListQuotaLogsRequest,
  ListSettlementCasesRequest,
  RefundQuotaRequest,
  ReleaseQuotaRequest,
  ReportTaskOutcomeRequest,
  TaskOutcome,
} from '../../src/gen/billing/v1/quota_service.pb';
import {
  ClaimCouponRequest,
  CreatePromotionRequest,
  GetPromotionRequest,
  GetPromotionStatsRequest,
  ListCouponsRequest,
  ListPromotionsRequest,
  ListSuspiciousClaimersRequest,
  Promotion,
  PromotionStatus,
  SetPromotionStatusRequest,
  UpdatePromotionRequest,
} from '../../src/gen/billing/v1/promotion_service.pb';
import { call, type Reply } from './clients';
import type { Harness } from './harness';

/** What may be wrong with a field of a kind, as [what, value]. */
type Faults = readonly (readonly [what: string, value: unknown])[];

const MALFORMED_TEXT_OF_ID: Faults = [
  ['65 characters', 'x'.repeat(65)],
  ['a NUL', 'a\u0000b'],
  ['a line break', 'a\nb'],
  ['DEL', 'a\u007fb'],
  ['a space before', ' a'],
  ['a space behind', 'a '],
  ['a letter beyond ASCII', 'é'],
  ['Chinese', '任务'],
];
const BEYOND_SAFE: Faults = [
  ['2^53', 2 ** 53],
  ['-2^53', -(2 ** 53)],
];

const ID: Faults = [['nothing', ''], ['a space', ' '], ...MALFORMED_TEXT_OF_ID];
const OPTIONAL_ID: Faults = MALFORMED_TEXT_OF_ID;
const UNITS: Faults = [['-1', -1], ...BEYOND_SAFE];
const POSITIVE_UNITS: Faults = [['0', 0], ...UNITS];
const FREE_TEXT: Faults = [
  ['257 characters', 'x'.repeat(257)],
  ['a bell', 'a\u0007b'],
  ['a line break', 'a\nb'],
  ['a C1 control', 'a\u0085b'],
];
const ORDER_ID: Faults = [
  ['nothing', ''],
  ['5 characters', 'abcde'],
  ['33 characters', 'a'.repeat(33)],
  ['a space', 'abc def'],
  ['a star', 'abc*def'],
];
const OPENID: Faults = [
  ['129 characters', 'o'.repeat(129)],
  ['a space', 'o 1'],
  ['a line break', 'o\n'],
  ['Chinese', '微信'],
];
const CLIENT_IP: Faults = [
  ['three numbers', '192.0.2'],
  ['a number above 255', '192.0.2.256'],
  ['a port', '192.0.2.1:80'],
  ['a zone', 'fe80::1%eth0'],
  ['two gaps', '::1::'],
  ['a name', 'localhost'],
  ['a space behind', '192.0.2.1 '],
];
const PAGE_SIZE: Faults = [['-1', -1]];
const PAGE_TOKEN: Faults = [
  ['no token', 'garbage'],
  ['513 characters', 'x'.repeat(513)],
];
const TTL: Faults = [
  ['no time', { seconds: 0, nanos: 0 }],
  ['999 ms', { seconds: 0, nanos: 999_999_999 }],
  ['before now', { seconds: -60, nanos: 0 }],
  ['30 days and a second', { seconds: 30 * 86_400 + 1, nanos: 0 }],
];
const ITEM = { requestId: 'b', userId: 'u', amount: 1 };
const ITEMS: Faults = [
  ['none', []],
  ['1 001', Array.from({ length: 1_001 }, () => ConsumeQuotaRequest.create(ITEM))],
];
const IDENTITY_HASHES: Faults = [['11', Array.from({ length: 11 }, (_, i) => `hash-${i}`)]];
const UNKNOWN_ENUM: Faults = [
  ['99', 99],
  ['-1', -1],
];

type Fields = Readonly<Record<string, unknown>>;

/** An RPC, a request that it takes, and what may be wrong with each field. */
export interface MalformedCalls {
  readonly rpc: string;
  readonly valid: (userId: string) => Fields;
  readonly faults: Readonly<Record<string, Faults>>;
  readonly send: (h: Harness, fields: Fields) => Promise<Reply<unknown>>;
}

const order = { userId: ID, orderId: ORDER_ID };
const paging = { pageSize: PAGE_SIZE, pageToken: PAGE_TOKEN };
const NO_PROMOTION: Faults = [['nothing', undefined]];
const anOrder = (userId: string): Fields => ({ userId, orderId: '01ARZ3NDEKTSV4RRFFQ69G5FAV' });

/** Every RPC of the services. What is wrong within a promotion: test/integration/promotion. */
export const MALFORMED_CALLS: readonly MalformedCalls[] = [
  {
    rpc: 'QuotaService/ConsumeQuota',
    valid: (userId) => ({ requestId: 'c', userId, amount: 1 }),
    faults: {
      requestId: ID,
      userId: ID,
      amount: POSITIVE_UNITS,
      taskId: OPTIONAL_ID,
      taskType: OPTIONAL_ID,
      description: FREE_TEXT,
    },
    send: (h, fields) => call(bound(h.as('ai-task-service').quota, 'consumeQuota'), ConsumeQuotaRequest.create(fields)),
  },
  {
    rpc: 'QuotaService/RefundQuota',
    valid: (userId) => ({ requestId: 'r', userId, consumeRequestId: 'c', amount: 1 }),
    faults: { requestId: ID, userId: ID, consumeRequestId: ID, amount: UNITS, reason: FREE_TEXT },
    send: (h, fields) => call(bound(h.as('ai-task-service').quota, 'refundQuota'), RefundQuotaRequest.create(fields)),
  },
  {
    rpc: 'QuotaService/BatchConsumeQuota',
    valid: (userId) => ({ items: [ConsumeQuotaRequest.create({ ...ITEM, userId })] }),
    faults: { items: ITEMS },
    send: (h, fields) =>
      call(bound(h.as('ai-task-service').quota, 'batchConsumeQuota'), BatchConsumeQuotaRequest.create(fields)),
  },
  {
    rpc: 'QuotaService/HoldQuota',
    valid: (userId) => ({ requestId: 'h', userId, amount: 1 }),
    faults: {
      requestId: ID,
      userId: ID,
      amount: POSITIVE_UNITS,
      taskId: OPTIONAL_ID,
      taskType: OPTIONAL_ID,
      ttl: TTL,
      description: FREE_TEXT,
    },
    send: (h, fields) => call(bound(h.as('ai-task-service').quota, 'holdQuota'), HoldQuotaRequest.create(fields)),
  },
  {
    rpc: 'QuotaService/CaptureQuota',
    valid: (userId) => ({ requestId: 'k', userId, holdId: 'h', amount: 1 }),
    faults: { requestId: ID, userId: ID, holdId: ID, amount: POSITIVE_UNITS },
    send: (h, fields) => call(bound(h.as('ai-task-service').quota, 'captureQuota'), CaptureQuotaRequest.create(fields)),
  },
  {
    rpc: 'QuotaService/ReleaseQuota',
    valid: (userId) => ({ requestId: 'k', userId, holdId: 'h' }),
    faults: { requestId: ID, userId: ID, holdId: ID, reason: FREE_TEXT },
    send: (h, fields) => call(bound(h.as('ai-task-service').quota, 'releaseQuota'), ReleaseQuotaRequest.create(fields)),
  },
  {
    rpc: 'QuotaService/ReportTaskOutcome',
    valid: (userId) => ({ requestId: 'o', userId, taskId: 't', outcome: TaskOutcome.FAILED }),
    faults: { requestId: ID, userId: ID, taskId: ID, outcome: [['nothing', 0], ...UNKNOWN_ENUM] },
    send: (h, fields) =>
      call(bound(h.as('ai-task-service').quota, 'reportTaskOutcome'), ReportTaskOutcomeRequest.create(fields)),
  },
  {
    rpc: 'QuotaService/ExplainRequest',
    valid: (userId) => ({ userId, requestId: 'c' }),
    faults: { userId: ID, requestId: ID },
    send: (h, fields) => call(bound(h.as('auditor').quota, 'explainRequest'), ExplainRequestRequest.create(fields)),
  },
  {
    rpc: 'QuotaService/ListSettlementCases',
    valid: () => ({}),
    faults: paging,
    send: (h, fields) =>
      call(bound(h.as('auditor').quota, 'listSettlementCases'), ListSettlementCasesRequest.create(fields)),
  },
  {
    rpc: 'QuotaService/GetQuota',
    valid: (userId) => ({ userId }),
    faults: { userId: ID },
    send: (h, fields) => call(bound(h.as('auditor').quota, 'getQuota'), GetQuotaRequest.create(fields)),
  },
  {
    rpc: 'QuotaService/ListQuotaLogs',
    valid: (userId) => ({ userId }),
    faults: { userId: ID, type: UNKNOWN_ENUM, ...paging },
    send: (h, fields) => call(bound(h.as('auditor').quota, 'listQuotaLogs'), ListQuotaLogsRequest.create(fields)),
  },
  {
    rpc: 'MembershipService/RegisterUser',
    valid: (userId) => ({ requestId: 'again', userId }),
    faults: { requestId: ID, userId: ID, identityHashes: IDENTITY_HASHES },
    send: (h, fields) =>
      call(bound(h.as('order-service').membership, 'registerUser'), RegisterUserRequest.create(fields)),
  },
  {
    rpc: 'MembershipService/GetMembership',
    valid: (userId) => ({ userId }),
    faults: { userId: ID },
    send: (h, fields) => call(bound(h.as('auditor').membership, 'getMembership'), GetMembershipRequest.create(fields)),
  },
  {
    rpc: 'MembershipService/CheckEntitlement',
    valid: (userId) => ({ userId, feature: 'image.generate', amount: 1 }),
    faults: { userId: ID, feature: ID, amount: UNITS },
    send: (h, fields) =>
      call(bound(h.as('auditor').membership, 'checkEntitlement'), CheckEntitlementRequest.create(fields)),
  },
  {
    rpc: 'MembershipService/ListPlans',
    valid: () => ({}),
    faults: paging,
    send: (h, fields) => call(bound(h.as('auditor').membership, 'listPlans'), ListPlansRequest.create(fields)),
  },
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
  {
    rpc: 'PromotionService/CreatePromotion',
    valid: () => ({ requestId: 'p', promotion: Promotion.create() }),
    faults: { requestId: ID, promotion: NO_PROMOTION },
    send: (h, fields) =>
      call(bound(h.as('operations').promotion, 'createPromotion'), CreatePromotionRequest.create(fields)),
  },
  {
    rpc: 'PromotionService/SetPromotionStatus',
    valid: () => ({ requestId: 'p', promotionId: 'p', status: PromotionStatus.ACTIVE }),
    faults: { requestId: ID, promotionId: ID, status: [['nothing', 0], ...UNKNOWN_ENUM] },
    send: (h, fields) =>
      call(bound(h.as('operations').promotion, 'setPromotionStatus'), SetPromotionStatusRequest.create(fields)),
  },
  {
    rpc: 'PromotionService/UpdatePromotion',
    valid: () => ({ requestId: 'p', promotion: Promotion.create({ promotionId: 'p' }) }),
    faults: { requestId: ID, promotion: NO_PROMOTION, updateMask: [['a path of nothing', ['no_such']]] },
    send: (h, fields) =>
      call(bound(h.as('operations').promotion, 'updatePromotion'), UpdatePromotionRequest.create(fields)),
  },
  {
    rpc: 'PromotionService/GetPromotion',
    valid: () => ({ promotionId: 'p' }),
    faults: { promotionId: ID },
    send: (h, fields) => call(bound(h.as('auditor').promotion, 'getPromotion'), GetPromotionRequest.create(fields)),
  },
  {
    rpc: 'PromotionService/ListPromotions',
    valid: () => ({}),
    faults: { status: UNKNOWN_ENUM, ...paging },
    send: (h, fields) => call(bound(h.as('auditor').promotion, 'listPromotions'), ListPromotionsRequest.create(fields)),
  },
  {
    rpc: 'PromotionService/GetPromotionStats',
    valid: () => ({ promotionId: 'p' }),
    faults: { promotionId: ID },
    send: (h, fields) =>
      call(bound(h.as('auditor').promotion, 'getPromotionStats'), GetPromotionStatsRequest.create(fields)),
  },
  {
    rpc: 'PromotionService/ClaimCoupon',
    valid: (userId) => ({ requestId: 'c', userId, promotionId: 'p' }),
    faults: { requestId: ID, userId: ID, promotionId: ID },
    send: (h, fields) => call(bound(h.as('order-service').promotion, 'claimCoupon'), ClaimCouponRequest.create(fields)),
  },
  {
    rpc: 'PromotionService/ListCoupons',
    valid: (userId) => ({ userId }),
    faults: { userId: ID, status: UNKNOWN_ENUM, ...paging },
    send: (h, fields) => call(bound(h.as('auditor').promotion, 'listCoupons'), ListCouponsRequest.create(fields)),
  },
  {
    rpc: 'PromotionService/ListSuspiciousClaimers',
    valid: () => ({}),
    faults: paging,
    send: (h, fields) =>
      call(bound(h.as('auditor').promotion, 'listSuspiciousClaimers'), ListSuspiciousClaimersRequest.create(fields)),
  },
];

/** A method that keeps its client. */
function bound<Client extends object, Name extends keyof Client>(client: Client, name: Name): Client[Name] {
  const method = client[name];
  if (typeof method !== 'function') throw new Error(`${String(name)} is not a method`);
  return method.bind(client) as Client[Name];
}
