import { Client } from '@grpc/grpc-js';
import { connect } from 'node:tls';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ACCESS_MATRIX, BILLING_RPCS } from '../../src/access-matrix';
import { ROLES } from '../../src/platform/calls';
import { protoRegistry } from '../../src/platform/rpc/descriptors';
import { call, credentialsOf, type Identity, type Reply } from '../support/clients';
import { QUIET, startHarness, type Harness } from '../support/harness';
import { moneyState } from '../support/observe';

/** R12, must show 8: who may call what, written out from the public contract apart from the code that decides it. */
const MAY_CALL: Readonly<Record<string, readonly string[]>> = {
  'billing.v1.AuditService/ListAuditLogs': ['auditor'],
  'billing.v1.AuditService/ListAccessLogs': ['auditor'],
  'billing.v1.AuditService/ListAnchors': ['auditor'],
  'billing.v1.AuditService/RunReview': ['auditor'],
  'billing.v1.AuditService/GetReview': ['auditor'],
  'billing.v1.AuditService/ExportEvidence': ['auditor'],
  'billing.v1.CatalogService/CreatePlan': ['operations'],
  'billing.v1.CatalogService/AddPlanPrice': ['operations'],
  'billing.v1.CatalogService/SetPlanStatus': ['operations'],
  'billing.v1.CatalogService/GetPlan': ['operations', 'finance', 'auditor'],
  'billing.v1.CatalogService/ListCatalog': ['operations', 'finance', 'auditor'],
  'billing.v1.CatalogService/SetTaskTariff': ['operations'],
  'billing.v1.CatalogService/ListTaskTariffs': ['operations', 'finance', 'auditor'],
  'billing.v1.QuotaService/ConsumeQuota': ['ai-task-service'],
  'billing.v1.QuotaService/BatchConsumeQuota': ['ai-task-service'],
  'billing.v1.QuotaService/RefundQuota': ['ai-task-service'],
  'billing.v1.QuotaService/HoldQuota': ['ai-task-service'],
  'billing.v1.QuotaService/CaptureQuota': ['ai-task-service'],
  'billing.v1.QuotaService/ReleaseQuota': ['ai-task-service'],
  'billing.v1.QuotaService/ReportTaskOutcome': ['ai-task-service'],
  'billing.v1.QuotaService/ExplainRequest': ['ai-task-service', 'operations', 'finance', 'auditor'],
  'billing.v1.QuotaService/GetUsage': ['ai-task-service', 'operations', 'finance', 'auditor'],
  'billing.v1.QuotaService/ListSettlementCases': ['ai-task-service', 'operations', 'finance', 'auditor'],
  'billing.v1.QuotaService/GetQuota': ['ai-task-service', 'order-service', 'operations', 'finance', 'auditor'],
  'billing.v1.QuotaService/ListQuotaLogs': ['ai-task-service', 'order-service', 'operations', 'finance', 'auditor'],
  'billing.v1.MembershipService/RegisterUser': ['order-service'],
  'billing.v1.MembershipService/GetMembership': [
    'ai-task-service',
    'order-service',
    'operations',
    'finance',
    'auditor',
  ],
  'billing.v1.MembershipService/CheckEntitlement': [
    'ai-task-service',
    'order-service',
    'operations',
    'finance',
    'auditor',
  ],
  'billing.v1.MembershipService/ListPlans': ['order-service', 'operations', 'finance', 'auditor'],
  'billing.v1.OrderService/QuoteOrder': ['order-service', 'operations', 'finance', 'auditor'],
  'billing.v1.OrderService/CreateOrder': ['order-service'],
  'billing.v1.OrderService/GetOrder': ['order-service', 'operations', 'finance', 'auditor'],
  'billing.v1.OrderService/GetOrderPayment': ['order-service', 'operations', 'finance', 'auditor'],
  'billing.v1.OrderService/ListOrders': ['order-service', 'operations', 'finance', 'auditor'],
  'billing.v1.OrderService/CancelOrder': ['order-service'],
  'billing.v1.OrderService/QuoteRefund': ['order-service', 'operations', 'finance', 'auditor'],
  'billing.v1.OrderService/RefundOrder': ['finance'],
  'billing.v1.OrderService/ApproveRefund': ['finance'],
  'billing.v1.OrderService/RejectRefund': ['finance'],
  'billing.v1.OrderService/ListProposedRefunds': ['operations', 'finance', 'auditor'],
  'billing.v1.OrderService/AttachInvoice': ['order-service', 'finance'],
  'billing.v1.PaymentService/ListNotifications': ['operations', 'finance', 'auditor'],
  'billing.v1.PaymentService/ReplayNotification': ['operations'],
  'billing.v1.PrivacyService/RotateDataKeys': ['operations'],
  'billing.v1.PrivacyService/GetKeyRotation': ['operations', 'finance', 'auditor'],
  'billing.v1.PrivacyService/EraseUser': ['operations'],
  'billing.v1.PrivacyService/ApproveErasure': ['operations'],
  'billing.v1.PrivacyService/RejectErasure': ['operations'],
  'billing.v1.PrivacyService/GetErasure': ['operations', 'finance', 'auditor'],
  'billing.v1.PrivacyService/ListErasures': ['operations', 'finance', 'auditor'],
  'billing.v1.EventService/GetEventStatus': ['operations', 'finance', 'auditor'],
  'billing.v1.EventService/ListEventDeliveries': ['operations', 'finance', 'auditor'],
  'billing.v1.EventService/ReplayEvents': ['operations'],
  'billing.v1.EventService/RetryEventDelivery': ['operations'],
  'billing.v1.JobService/ListJobs': ['operations', 'finance', 'auditor'],
  'billing.v1.JobService/ListDeadLetters': ['operations', 'finance', 'auditor'],
  'billing.v1.JobService/RerunDeadLetter': ['operations'],
  'billing.v1.GiftService/CreateGiftCampaign': ['operations'],
  'billing.v1.GiftService/UpdateGiftCampaign': ['operations'],
  'billing.v1.GiftService/ApproveGiftCampaign': ['operations'],
  'billing.v1.GiftService/SetGiftCampaignStatus': ['operations'],
  'billing.v1.GiftService/GrantGift': ['operations'],
  'billing.v1.GiftService/GetGiftCampaign': ['operations', 'finance', 'auditor'],
  'billing.v1.GiftService/ListGiftCampaigns': ['operations', 'finance', 'auditor'],
  'billing.v1.PromotionService/CreatePromotion': ['operations'],
  'billing.v1.PromotionService/SetPromotionStatus': ['operations'],
  'billing.v1.PromotionService/UpdatePromotion': ['operations'],
  'billing.v1.PromotionService/ClaimCoupon': ['order-service'],
  'billing.v1.PromotionService/ListCoupons': ['order-service', 'operations', 'finance', 'auditor'],
  'billing.v1.PromotionService/GetPromotion': ['order-service', 'operations', 'finance', 'auditor'],
  'billing.v1.PromotionService/ListPromotions': ['order-service', 'operations', 'finance', 'auditor'],
  'billing.v1.PromotionService/GetPromotionStats': ['operations', 'finance', 'auditor'],
  'billing.v1.PromotionService/ListSuspiciousClaimers': ['operations', 'finance', 'auditor'],
};

const IDENTITIES: Readonly<Record<Identity, string>> = {
  'ai-task-service': 'ai-task-service',
  'order-service': 'order-service',
  operations: 'operations',
  'operations-2': 'operations',
  finance: 'finance',
  'finance-2': 'finance',
  auditor: 'auditor',
};

/** What an empty message comes to where it is no INVALID_REQUEST: these ask for nothing that must be there. */
const EMPTY_IS_VALID: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [
      ...['AuditService/ListAuditLogs', 'AuditService/ListAccessLogs', 'AuditService/ListAnchors'],
      ...['CatalogService/ListCatalog', 'CatalogService/ListTaskTariffs', 'EventService/GetEventStatus'],
      ...['EventService/ListEventDeliveries', 'GiftService/ListGiftCampaigns', 'JobService/ListDeadLetters'],
      ...['JobService/ListJobs', 'MembershipService/ListPlans', 'OrderService/ListProposedRefunds'],
      ...['PaymentService/ListNotifications', 'PrivacyService/GetKeyRotation', 'PrivacyService/ListErasures'],
      ...['PromotionService/ListPromotions', 'PromotionService/ListSuspiciousClaimers'],
      'QuotaService/ListSettlementCases',
    ].map((rpc) => [`billing.v1.${rpc}`, 'answered']),
  ),
  'billing.v1.AuditService/GetReview': 'REVIEW_NOT_FOUND',
};

describe('who may call what', () => {
  test('the contract decides every RPC of every service but the one that we call, and the code says the same', () => {
    const rpcs = [...protoRegistry].flatMap((described) =>
      described.kind === 'service' && described.typeName.startsWith('billing.v1.')
        ? described.methods.map(({ name }) => `${described.typeName}/${name}`)
        : [],
    );
    const served = rpcs.filter((rpc) => !rpc.startsWith('billing.v1.TaskStatusService/')).sort();
    expect(Object.keys(MAY_CALL).sort()).toEqual(served);
    expect([...BILLING_RPCS].sort()).toEqual(served);
    for (const role of ROLES) {
      const contract = Object.keys(MAY_CALL).filter((rpc) => MAY_CALL[rpc]?.includes(role));
      expect({ role, rpcs: [...ACCESS_MATRIX[role]].sort() }).toEqual({ role, rpcs: contract.sort() });
    }
    expect(ROLES.filter((role) => !Object.values(IDENTITIES).includes(role))).toEqual([]);
  });

  describe('over mutual TLS', () => {
    let h: Harness;
    beforeAll(async () => {
      h = await startHarness(QUIET);
    });
    afterAll(() => h.stop());

    describe.each(Object.entries(IDENTITIES) as [Identity, string][])('%s', (identity, role) => {
      let client: Client;
      let before: Awaited<ReturnType<typeof moneyState>>;
      beforeAll(async () => {
        const trusting = { 'grpc.ssl_target_name_override': 'localhost' };
        client = new Client(h.grpcAddress, credentialsOf(h.infra.tlsDir, identity), trusting);
        before = await moneyState(h);
      });
      afterAll(() => client.close());

      /** Calls any RPC with an empty message, so that whoever is let in is stopped by validation. */
      const callEmpty = (rpc: string): Promise<Reply<Buffer>> => {
        const bytes = (value: Buffer): Buffer => value;
        return call<Buffer, Buffer>(
          (request, metadata, options, done) =>
            client.makeUnaryRequest(`/${rpc}`, bytes, bytes, request, metadata, options, (error, response) =>
              done(error, response ?? Buffer.alloc(0)),
            ),
          Buffer.alloc(0),
        );
      };

      test.each(Object.keys(MAY_CALL))('× %s', async (rpc) => {
        const linesBefore = h.logs.length;
        const reply = await callEmpty(rpc);
        const lines = h.logs.slice(linesBefore).filter((line) => line['rpc'] === rpc);
        if (MAY_CALL[rpc]?.includes(role) === true) {
          const outcome = reply.ok ? 'answered' : reply.reason;
          expect(outcome).toBe(EMPTY_IS_VALID[rpc] ?? 'INVALID_REQUEST');
          return;
        }
        expect(reply).toMatchObject({ ok: false, code: 'PERMISSION_DENIED', reason: 'CALLER_NOT_ALLOWED' });
        expect(reply).toMatchObject({ metadata: { role, rpc } });
        const caller = expect.stringContaining(`spiffe://billing/${role}/`) as unknown;
        expect(lines).toEqual([expect.objectContaining({ level: 'warn', caller, rpc, reason: 'CALLER_NOT_ALLOWED' })]);
      });

      // After all of its calls: every row is hashed, which takes longer than they do.
      test('none of them has changed anything', async () => {
        expect(await moneyState(h)).toEqual(before);
      });
    });

    test('without a certificate, TLS ends before any handler is reached', async () => {
      const linesBefore = h.logs.length;
      const [host = '', port = ''] = h.grpcAddress.split(':');
      const ca = readFileSync(join(h.infra.tlsDir, 'ca.crt'));
      const refusal = await new Promise<Error>((resolve, reject) => {
        connect({ host, port: Number(port), ca, servername: 'localhost', ALPNProtocols: ['h2'] })
          .on('error', resolve)
          .on('end', () => reject(new Error('ended without an alert')))
          .resume();
      });
      expect(refusal.message).toMatch(/certificate required|handshake failure|alert/i);
      expect(h.logs.slice(linesBefore).filter((line) => 'rpc' in line)).toEqual([]);
    });
  });
});
