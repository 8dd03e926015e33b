import { CheckEntitlementRequest, ListPlansRequest } from '../../src/gen/billing/v1/membership_service.pb';
import { GetMembershipRequest, RegisterUserRequest } from '../../src/gen/billing/v1/membership_service.pb';
import {
  BatchConsumeQuotaRequest,
  CaptureQuotaRequest,
  ConsumeQuotaRequest,
  ExplainRequestRequest,
  GetQuotaRequest,
  GetUsageRequest,
  HoldQuotaRequest,
  ListQuotaLogsRequest,
  ListSettlementCasesRequest,
  RefundQuotaRequest,
  ReleaseQuotaRequest,
  ReportTaskOutcomeRequest,
  TaskOutcome,
  UsageGroup,
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
import { call } from './clients';
import {
  ID,
  OPTIONAL_ID,
  UNITS,
  POSITIVE_UNITS,
  FREE_TEXT,
  TTL,
  ITEM,
  ITEMS,
  IDENTITY_HASHES,
  UNKNOWN_ENUM,
  paging,
  NO_PROMOTION,
  bound,
  type MalformedCalls,
} from './malformed-fields';
import { MALFORMED_AUDIT_CALLS } from './malformed-audit';
import { MALFORMED_CATALOG_CALLS } from './malformed-catalog';
import { MALFORMED_EVIDENCE_CALLS } from './malformed-evidence';
import { MALFORMED_EVENT_CALLS } from './malformed-events';
import { MALFORMED_GIFT_CALLS } from './malformed-gifts';
import { MALFORMED_ORDER_CALLS } from './malformed-orders';
import { MALFORMED_PRIVACY_CALLS } from './malformed-privacy';

/** Every RPC of the services that asks for anything. What is wrong within a promotion: test/integration/promotion. */
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
    rpc: 'QuotaService/GetUsage',
    valid: (userId) => ({ userId, startTime: new Date(), groupBy: UsageGroup.DAY }),
    faults: {
      userId: ID,
      startTime: [['missing', undefined]],
      groupBy: [...UNKNOWN_ENUM, ['missing', UsageGroup.UNSPECIFIED]],
      endTime: [
        ['before start_time', new Date('2000-01-01T00:00:00.000Z')],
        ['more than 366 days after start_time', new Date('9000-01-01T00:00:00.000Z')],
      ],
    },
    send: (h, fields) => call(bound(h.as('auditor').quota, 'getUsage'), GetUsageRequest.create(fields)),
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
  ...MALFORMED_AUDIT_CALLS,
  ...MALFORMED_CATALOG_CALLS,
  ...MALFORMED_EVIDENCE_CALLS,
  ...MALFORMED_EVENT_CALLS,
  ...MALFORMED_GIFT_CALLS,
  ...MALFORMED_ORDER_CALLS,
  ...MALFORMED_PRIVACY_CALLS,
];
