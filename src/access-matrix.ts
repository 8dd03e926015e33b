import { AuditServiceService } from './gen/billing/v1/audit_service.pb';
import { GiftServiceService } from './gen/billing/v1/gift_service.pb';
import { CatalogServiceService } from './gen/billing/v1/catalog_service.pb';
import { JobServiceService } from './gen/billing/v1/job_service.pb';
import { EventServiceService } from './gen/billing/v1/event_service.pb';
import { MembershipServiceService } from './gen/billing/v1/membership_service.pb';
import { OrderServiceService } from './gen/billing/v1/order_service.pb';
import { PaymentServiceService } from './gen/billing/v1/payment_service.pb';
import { PrivacyServiceService } from './gen/billing/v1/privacy_service.pb';
import { PromotionServiceService } from './gen/billing/v1/promotion_service.pb';
import { QuotaServiceService } from './gen/billing/v1/quota_service.pb';
import type { Role } from './platform/calls';
import type { SensitiveRead } from './platform/rpc/access-log';

const DEFINITIONS = {
  ...AuditServiceService,
  ...CatalogServiceService,
  ...GiftServiceService,
  ...JobServiceService,
  ...EventServiceService,
  ...MembershipServiceService,
  ...OrderServiceService,
  ...PaymentServiceService,
  ...PrivacyServiceService,
  ...PromotionServiceService,
  ...QuotaServiceService,
};

type PathOf<Method> = Method extends { readonly path: `/${infer Rpc}` } ? Rpc : never;

/** Full name of a billing RPC; a misspelt one does not compile. */
export type BillingRpc = PathOf<(typeof DEFINITIONS)[keyof typeof DEFINITIONS]>;

/**
 * Every billing RPC that is served: a test proves that each of them is decided below. TaskStatusService is not among
 * them: the AI task service serves it.
 */
export const BILLING_RPCS = Object.values(DEFINITIONS).map(({ path }) => path.slice(1) as BillingRpc);

/** What operations, finance and auditors may all do: every read but the audit log. */
const READS: readonly BillingRpc[] = [
  'billing.v1.CatalogService/GetPlan',
  'billing.v1.CatalogService/ListCatalog',
  'billing.v1.CatalogService/ListTaskTariffs',
  'billing.v1.GiftService/GetGiftCampaign',
  'billing.v1.GiftService/ListGiftCampaigns',
  'billing.v1.JobService/ListJobs',
  'billing.v1.JobService/ListDeadLetters',
  'billing.v1.EventService/GetEventStatus',
  'billing.v1.EventService/ListEventDeliveries',
  'billing.v1.MembershipService/GetMembership',
  'billing.v1.MembershipService/CheckEntitlement',
  'billing.v1.MembershipService/ListPlans',
  'billing.v1.OrderService/QuoteOrder',
  'billing.v1.OrderService/GetOrder',
  'billing.v1.OrderService/GetOrderPayment',
  'billing.v1.OrderService/ListOrders',
  'billing.v1.OrderService/QuoteRefund',
  'billing.v1.OrderService/ListProposedRefunds',
  'billing.v1.PaymentService/ListNotifications',
  'billing.v1.PrivacyService/GetKeyRotation',
  'billing.v1.PrivacyService/GetErasure',
  'billing.v1.PrivacyService/ListErasures',
  'billing.v1.PromotionService/GetPromotion',
  'billing.v1.PromotionService/ListPromotions',
  'billing.v1.PromotionService/GetPromotionStats',
  'billing.v1.PromotionService/ListCoupons',
  'billing.v1.PromotionService/ListSuspiciousClaimers',
  'billing.v1.QuotaService/GetQuota',
  'billing.v1.QuotaService/ListQuotaLogs',
  'billing.v1.QuotaService/ExplainRequest',
  'billing.v1.QuotaService/ListSettlementCases',
  'billing.v1.QuotaService/GetUsage',
];

/**
 * Who may call what, as the public contract has it ("Who may call" in docs/architecture.md). Deny by default: an RPC
 * that a row does not list is refused with CALLER_NOT_ALLOWED.
 */
export const ACCESS_MATRIX: Readonly<Record<Role, readonly BillingRpc[]>> = {
  'ai-task-service': [
    'billing.v1.QuotaService/ConsumeQuota',
    'billing.v1.QuotaService/BatchConsumeQuota',
    'billing.v1.QuotaService/RefundQuota',
    'billing.v1.QuotaService/HoldQuota',
    'billing.v1.QuotaService/CaptureQuota',
    'billing.v1.QuotaService/ReleaseQuota',
    'billing.v1.QuotaService/ReportTaskOutcome',
    'billing.v1.QuotaService/GetQuota',
    'billing.v1.QuotaService/ListQuotaLogs',
    'billing.v1.QuotaService/ExplainRequest',
    'billing.v1.QuotaService/ListSettlementCases',
    'billing.v1.QuotaService/GetUsage',
    'billing.v1.MembershipService/GetMembership',
    'billing.v1.MembershipService/CheckEntitlement',
  ],
  'order-service': [
    'billing.v1.MembershipService/RegisterUser',
    'billing.v1.MembershipService/GetMembership',
    'billing.v1.MembershipService/CheckEntitlement',
    'billing.v1.MembershipService/ListPlans',
    'billing.v1.QuotaService/GetQuota',
    'billing.v1.QuotaService/ListQuotaLogs',
    'billing.v1.OrderService/QuoteOrder',
    'billing.v1.OrderService/CreateOrder',
    'billing.v1.OrderService/GetOrder',
    'billing.v1.OrderService/GetOrderPayment',
    'billing.v1.OrderService/ListOrders',
    'billing.v1.OrderService/CancelOrder',
    'billing.v1.OrderService/QuoteRefund',
    'billing.v1.OrderService/AttachInvoice',
    'billing.v1.PromotionService/ClaimCoupon',
    'billing.v1.PromotionService/ListCoupons',
    'billing.v1.PromotionService/GetPromotion',
    'billing.v1.PromotionService/ListPromotions',
  ],
  operations: [
    ...READS,
    'billing.v1.CatalogService/CreatePlan',
    'billing.v1.CatalogService/AddPlanPrice',
    'billing.v1.CatalogService/SetPlanStatus',
    'billing.v1.CatalogService/SetTaskTariff',
    'billing.v1.PromotionService/CreatePromotion',
    'billing.v1.PromotionService/SetPromotionStatus',
    'billing.v1.PromotionService/UpdatePromotion',
    'billing.v1.PaymentService/ReplayNotification',
    'billing.v1.PrivacyService/RotateDataKeys',
    'billing.v1.PrivacyService/EraseUser',
    'billing.v1.PrivacyService/ApproveErasure',
    'billing.v1.PrivacyService/RejectErasure',
    'billing.v1.EventService/ReplayEvents',
    'billing.v1.EventService/RetryEventDelivery',
    'billing.v1.JobService/RerunDeadLetter',
    'billing.v1.GiftService/CreateGiftCampaign',
    'billing.v1.GiftService/UpdateGiftCampaign',
    'billing.v1.GiftService/ApproveGiftCampaign',
    'billing.v1.GiftService/SetGiftCampaignStatus',
    'billing.v1.GiftService/GrantGift',
  ],
  finance: [
    ...READS,
    'billing.v1.OrderService/RefundOrder',
    'billing.v1.OrderService/ApproveRefund',
    'billing.v1.OrderService/RejectRefund',
    'billing.v1.OrderService/AttachInvoice',
  ],
  auditor: [
    ...READS,
    'billing.v1.AuditService/ListAuditLogs',
    'billing.v1.AuditService/ListAccessLogs',
    'billing.v1.AuditService/ListAnchors',
    'billing.v1.AuditService/ExportEvidence',
    'billing.v1.AuditService/RunReview',
    'billing.v1.AuditService/GetReview',
  ],
};

/**
 * Reads of what is somebody's, and of the audit log: when a person makes one, it is written down before the answer leaves
 * (platform/rpc/access-log.ts). Each with what it shows and the field of its request that names it. A test proves that every
 * read is here that names a user or an order, and all of AuditService.
 */
export const SENSITIVE_READS = {
  'billing.v1.AuditService/ListAuditLogs': { subjectType: 'audit_log', subjectField: 'subjectId' },
  'billing.v1.AuditService/ListAccessLogs': { subjectType: 'access_log', subjectField: 'subjectId' },
  'billing.v1.AuditService/ListAnchors': { subjectType: 'audit_anchor' },
  'billing.v1.AuditService/ExportEvidence': { subjectType: 'evidence', subjectField: 'orderId' },
  'billing.v1.AuditService/GetReview': { subjectType: 'review', subjectField: 'reviewId' },
  'billing.v1.EventService/ListEventDeliveries': { subjectType: 'event_delivery' },
  'billing.v1.JobService/ListDeadLetters': { subjectType: 'dead_letter' },
  'billing.v1.MembershipService/GetMembership': { subjectType: 'user', subjectField: 'userId' },
  'billing.v1.MembershipService/CheckEntitlement': { subjectType: 'user', subjectField: 'userId' },
  'billing.v1.OrderService/QuoteOrder': { subjectType: 'user', subjectField: 'userId' },
  'billing.v1.OrderService/GetOrder': { subjectType: 'order', subjectField: 'orderId' },
  'billing.v1.OrderService/GetOrderPayment': { subjectType: 'order', subjectField: 'orderId' },
  'billing.v1.OrderService/ListOrders': { subjectType: 'user', subjectField: 'userId' },
  'billing.v1.OrderService/QuoteRefund': { subjectType: 'order', subjectField: 'orderId' },
  'billing.v1.OrderService/ListProposedRefunds': { subjectType: 'refund' },
  'billing.v1.PaymentService/ListNotifications': { subjectType: 'notification' },
  'billing.v1.PrivacyService/GetErasure': { subjectType: 'erasure', subjectField: 'erasureId' },
  'billing.v1.PrivacyService/ListErasures': { subjectType: 'user', subjectField: 'userId' },
  'billing.v1.PromotionService/ListCoupons': { subjectType: 'user', subjectField: 'userId' },
  'billing.v1.PromotionService/ListSuspiciousClaimers': { subjectType: 'user' },
  'billing.v1.QuotaService/GetQuota': { subjectType: 'user', subjectField: 'userId' },
  'billing.v1.QuotaService/ListQuotaLogs': { subjectType: 'user', subjectField: 'userId' },
  'billing.v1.QuotaService/ExplainRequest': { subjectType: 'user', subjectField: 'userId' },
  'billing.v1.QuotaService/ListSettlementCases': { subjectType: 'user' },
  'billing.v1.QuotaService/GetUsage': { subjectType: 'user', subjectField: 'userId' },
} as const satisfies Readonly<Partial<Record<BillingRpc, SensitiveRead>>>;
