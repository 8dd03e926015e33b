import { type Metadata, makeGenericClientConstructor, type ServiceError } from '@grpc/grpc-js';
import { connect } from 'node:tls';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ACCESS_MATRIX, BILLING_RPCS } from '../../src/access-matrix';
import { ROLES } from '../../src/platform/calls';
import { call, credentialsOf, type Identity, type Reply } from '../support/clients';
import { startHarness, type Harness } from '../support/harness';
import { moneyState } from '../support/observe';

/** R12, must show 8: who may call what, written out from the public contract apart from the code that decides it. */
const MAY_CALL: Readonly<Record<string, readonly string[]>> = {
  'billing.v1.AuditService/ListAuditLogs': ['auditor'],
  'billing.v1.AuditService/ListAccessLogs': ['auditor'],
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

describe('who may call what', () => {
  test('the contract decides every RPC that is served, and the code says the same', () => {
    expect([...BILLING_RPCS].sort()).toEqual(Object.keys(MAY_CALL).sort());
    for (const role of ROLES) {
      const contract = Object.keys(MAY_CALL).filter((rpc) => MAY_CALL[rpc]?.includes(role));
      expect({ role, rpcs: [...ACCESS_MATRIX[role]].sort() }).toEqual({ role, rpcs: contract.sort() });
    }
  });

  describe('over mutual TLS', () => {
    let h: Harness;
    beforeAll(async () => {
      h = await startHarness();
    });
    afterAll(() => h.stop());

    /** Calls any RPC with an empty message, so that whoever is let in is stopped by validation. */
    const callEmpty = async (identity: Identity, rpc: string): Promise<Reply<unknown>> => {
      const bytes = (value: Buffer): Buffer => value;
      const definition = {
        path: `/${rpc}`,
        requestStream: false,
        responseStream: false,
        requestSerialize: bytes,
        requestDeserialize: bytes,
        responseSerialize: bytes,
        responseDeserialize: bytes,
      } as const;
      const Client = makeGenericClientConstructor({ invoke: definition }, rpc);
      const client = new Client(h.grpcAddress, credentialsOf(h.infra.tlsDir, identity), {
        'grpc.ssl_target_name_override': 'localhost',
      });
      type Invoke = (
        request: Buffer,
        metadata: Metadata,
        options: { deadline: Date },
        done: (error: ServiceError | null, response: Buffer) => void,
      ) => unknown;
      const invoke = (client['invoke'] as unknown as Invoke).bind(client);
      const reply = await call<Buffer, Buffer>(invoke, Buffer.alloc(0));
      client.close();
      return reply;
    };

    const pairs = (Object.keys(IDENTITIES) as Identity[]).flatMap((identity) =>
      Object.keys(MAY_CALL).map((rpc): [Identity, string] => [identity, rpc]),
    );

    test.each(pairs)('%s × %s', async (identity, rpc) => {
      const role = IDENTITIES[identity];
      const before = await moneyState(h);
      const linesBefore = h.logs.length;
      const reply = await callEmpty(identity, rpc);
      const lines = h.logs.slice(linesBefore).filter((line) => line['rpc'] === rpc);
      expect(await moneyState(h)).toEqual(before);
      if (MAY_CALL[rpc]?.includes(role) === true) {
        const outcome = reply.ok ? 'answered' : reply.reason;
        const isAnswerable =
          /\/(GetEventStatus|GetKeyRotation|List(Erasures|Catalog|TaskTariffs|Plans|SettlementCases|Promotions|SuspiciousClaimers|Notifications|Jobs|DeadLetters|ProposedRefunds|AuditLogs|AccessLogs|GiftCampaigns|EventDeliveries))$/.test(
            rpc,
          );
        expect(outcome).toBe(isAnswerable ? 'answered' : 'INVALID_REQUEST');
        return;
      }
      expect(reply).toMatchObject({ ok: false, code: 'PERMISSION_DENIED', reason: 'CALLER_NOT_ALLOWED' });
      expect(reply).toMatchObject({ metadata: { role, rpc } });
      const caller = expect.stringContaining(`spiffe://billing/${role}/`) as unknown;
      expect(lines).toEqual([expect.objectContaining({ level: 'warn', caller, rpc, reason: 'CALLER_NOT_ALLOWED' })]);
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
