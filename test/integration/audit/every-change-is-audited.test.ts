import { BILLING_RPCS } from '../../../src/access-matrix';
import { AttachInvoiceRequest } from '../../../src/gen/billing/v1/order_service.pb';
import { GiftCampaignStatus } from '../../../src/gen/billing/v1/gift_service.pb';
import { PlanStatus } from '../../../src/gen/billing/v1/catalog_service.pb';
import { PromotionStatus } from '../../../src/gen/billing/v1/promotion_service.pb';
import { requestTypeOf } from '../../../src/platform/rpc/descriptors';
import * as catalog from '../../support/catalog-calls';
import { call, mustSucceed, type Identity, type Reply } from '../../support/clients';
import type { Row } from '../../support/database';
import * as gifts from '../../support/gift-calls';
import {
  createOrder,
  newId,
  registerMember,
  registerUser,
  startHarness,
  until,
  type Harness,
} from '../../support/harness';
import { bound } from '../../support/malformed-fields';
import { cancelOrderCall, createOrderCall } from '../../support/order-calls';
import * as promotions from '../../support/promotion-calls';
import { claimCall, openPromotion } from '../../support/promotions';
import { refundOf, refundOrderCall } from '../../support/refund-calls';
import { registerWith } from '../../support/registrations';
import { newTransactionId, notify, paidNotification } from '../../support/wechat-notifier';

/** How an RPC is called so that it changes something, as whom, and whether what it changes was there before. */
interface Change {
  readonly as: Identity;
  readonly isNew?: true;
  /** Prepares what it needs, and calls it under the id. */
  readonly make: (h: Harness, requestId: string) => Promise<Reply<unknown>>;
}

/** A refund that waits for another person. */
async function proposedRefund(h: Harness): Promise<string> {
  return (await refundOf(h, await registerMember(h))).refundId;
}

/** An erasure that waits for another person. */
async function proposedErasure(h: Harness): Promise<string> {
  const request = { requestId: newId('erase'), userId: await registerUser(h), reason: '用户要求' };
  const { erasure } = await mustSucceed(call(bound(h.as('operations').privacy, 'eraseUser'), request));
  return erasure?.erasureId ?? '';
}

/** A told payment that was refused: there is no such order. */
async function refusedNotification(h: Harness): Promise<string> {
  const transactionId = newTransactionId();
  await notify(h, paidNotification(h, { orderId: newId('O').slice(0, 32), transactionId }));
  const [row] = await h.db.query('SELECT id FROM wechatpay_notifications WHERE subject_id = ?', [transactionId]);
  return String(row?.['id']);
}

async function failedDelivery(h: Harness): Promise<string> {
  const eventId = newId('e').slice(0, 32);
  await h.db.query(
    'INSERT INTO event_deliveries (sink, event_id, outbox_id, user_id, type, state, attempts, create_time, end_time) ' +
      "SELECT 'gone', ?, o.id, 'u', o.type, 'failed', 3, o.create_time, o.create_time FROM outbox o ORDER BY o.id LIMIT 1",
    [eventId],
  );
  const [row] = await h.db.query('SELECT id FROM event_deliveries WHERE event_id = ?', [eventId]);
  return String(row?.['id']);
}

async function deadLetter(h: Harness): Promise<string> {
  const id = newId('').slice(1, 27);
  await h.db.query(
    'INSERT INTO job_dead_letters (id, job, subject, state, error, attempts, first_time, last_time) ' +
      "VALUES (?, 'nobodys-job', ?, 'open', 'broken', 3, '2026-01-01', '2026-01-01')",
    [id, id],
  );
  return id;
}

const NEW = { isNew: true } as const;

/** Every RPC that changes anything but quota. */
const CHANGES: Readonly<Record<string, Change>> = {
  'AuditService/RunReview': {
    ...{ as: 'auditor', ...NEW },
    make: (h, requestId) => call(bound(h.as('auditor').audit, 'runReview'), { requestId, reviewer: '' }),
  },
  'CatalogService/CreatePlan': {
    ...{ as: 'operations', ...NEW },
    make: (h, requestId) => catalog.createPlanCall(h, { requestId }),
  },
  'CatalogService/AddPlanPrice': {
    as: 'operations',
    make: async (h, requestId) => {
      const { planId } = await catalog.makePlan(h);
      return catalog.addPriceCall(h, planId, { requestId });
    },
  },
  'CatalogService/SetPlanStatus': {
    as: 'operations',
    make: async (h, requestId) => {
      const { planId } = await catalog.makePlan(h);
      return catalog.planStatusCall(h, planId, PlanStatus.RETIRED, requestId);
    },
  },
  'CatalogService/SetTaskTariff': {
    ...{ as: 'operations', ...NEW },
    make: (h, requestId) => catalog.setTariffCall(h, { requestId }),
  },
  'GiftService/CreateGiftCampaign': {
    ...{ as: 'operations', ...NEW },
    make: (h, requestId) => gifts.createCampaignCall(h, gifts.aCampaign(), { requestId }),
  },
  'GiftService/UpdateGiftCampaign': {
    as: 'operations',
    make: async (h, requestId) => {
      const { campaignId } = await gifts.makeCampaign(h);
      return gifts.updateCampaignCall(h, { campaignId, units: 21, budgetUnits: 210 }, undefined, { requestId });
    },
  },
  'GiftService/ApproveGiftCampaign': {
    as: 'operations-2',
    make: async (h, requestId) => gifts.approveCall(h, (await gifts.makeCampaign(h)).campaignId, { requestId }),
  },
  'GiftService/SetGiftCampaignStatus': {
    as: 'operations',
    make: async (h, requestId) =>
      gifts.campaignStatusCall(h, await gifts.openCampaign(h), GiftCampaignStatus.PAUSED, { requestId }),
  },
  'GiftService/GrantGift': {
    ...{ as: 'operations', ...NEW },
    make: async (h, requestId) =>
      gifts.grantGiftCall(h, await registerUser(h), await gifts.openCampaign(h), { requestId }),
  },
  'JobService/RerunDeadLetter': {
    as: 'operations',
    make: async (h, requestId) => {
      const request = { requestId, deadLetterId: await deadLetter(h) };
      return call(bound(h.as('operations').job, 'rerunDeadLetter'), request);
    },
  },
  'EventService/ReplayEvents': {
    ...{ as: 'operations', ...NEW },
    make: async (h, requestId) => {
      const request = { requestId, fromTime: undefined, fromEventId: '1' };
      return call(bound(h.as('operations').event, 'replayEvents'), request);
    },
  },
  'EventService/RetryEventDelivery': {
    as: 'operations',
    make: async (h, requestId) => {
      const request = { requestId, deliveryId: await failedDelivery(h) };
      return call(bound(h.as('operations').event, 'retryEventDelivery'), request);
    },
  },
  'MembershipService/RegisterUser': {
    ...{ as: 'order-service', ...NEW },
    make: (h, requestId) => registerWith(h, newId('u'), [], requestId),
  },
  'OrderService/CreateOrder': {
    ...{ as: 'order-service', ...NEW },
    make: async (h, requestId) => createOrderCall(h, { requestId, userId: await registerUser(h) }),
  },
  'OrderService/CancelOrder': {
    as: 'order-service',
    make: async (h, requestId) => {
      const userId = await registerUser(h);
      return cancelOrderCall(h, { requestId, userId, orderId: await createOrder(h, userId) });
    },
  },
  'OrderService/RefundOrder': {
    ...{ as: 'finance', ...NEW },
    make: async (h, requestId) => refundOrderCall(h, { requestId, ...(await registerMember(h)), amount: 100 }),
  },
  'OrderService/ApproveRefund': {
    as: 'finance-2',
    make: async (h, requestId) => {
      const request = { requestId, refundId: await proposedRefund(h) };
      return call(bound(h.as('finance-2').order, 'approveRefund'), request);
    },
  },
  'OrderService/RejectRefund': {
    as: 'finance-2',
    make: async (h, requestId) => {
      const request = { requestId, refundId: await proposedRefund(h), reason: '不符合退款条件' };
      return call(bound(h.as('finance-2').order, 'rejectRefund'), request);
    },
  },
  'OrderService/AttachInvoice': {
    as: 'finance',
    make: async (h, requestId) => {
      const request = { requestId, ...(await registerMember(h)), invoiceReference: 'F-1' };
      return call(bound(h.as('finance').order, 'attachInvoice'), AttachInvoiceRequest.create(request));
    },
  },
  'PaymentService/ReplayNotification': {
    ...{ as: 'operations', ...NEW },
    make: async (h, requestId) => {
      const request = { requestId, notificationId: await refusedNotification(h) };
      return call(bound(h.as('operations').payment, 'replayNotification'), request);
    },
  },
  'PrivacyService/RotateDataKeys': {
    ...{ as: 'operations', ...NEW },
    make: (h, requestId) => {
      const [keyId = ''] = h.infra.dataKeys.split(':');
      return call(bound(h.as('operations').privacy, 'rotateDataKeys'), { requestId, keyId });
    },
  },
  'PrivacyService/EraseUser': {
    ...{ as: 'operations', ...NEW },
    make: async (h, requestId) => {
      const request = { requestId, userId: await registerUser(h), reason: '用户要求' };
      return call(bound(h.as('operations').privacy, 'eraseUser'), request);
    },
  },
  'PrivacyService/ApproveErasure': {
    as: 'operations-2',
    make: async (h, requestId) => {
      const request = { requestId, erasureId: await proposedErasure(h) };
      return call(bound(h.as('operations-2').privacy, 'approveErasure'), request);
    },
  },
  'PrivacyService/RejectErasure': {
    as: 'operations-2',
    make: async (h, requestId) => {
      const request = { requestId, erasureId: await proposedErasure(h) };
      return call(bound(h.as('operations-2').privacy, 'rejectErasure'), request);
    },
  },
  'PromotionService/CreatePromotion': {
    ...{ as: 'operations', ...NEW },
    make: (h, requestId) => promotions.createPromotionCall(h, promotions.aPromotion(), { requestId }),
  },
  'PromotionService/SetPromotionStatus': {
    as: 'operations-2',
    make: async (h, requestId) => {
      const { promotionId } = await promotions.makeDraft(h);
      return promotions.setStatusCall(h, promotionId, PromotionStatus.ACTIVE, { as: 'operations-2', requestId });
    },
  },
  'PromotionService/UpdatePromotion': {
    as: 'operations',
    make: async (h, requestId) => {
      const { promotionId } = await promotions.makeDraft(h);
      return promotions.updateCall(h, { promotionId, totalQuota: 11 }, undefined, { requestId });
    },
  },
  'PromotionService/ClaimCoupon': {
    ...{ as: 'order-service', ...NEW },
    make: async (h, requestId) =>
      claimCall(h, { requestId, userId: await registerUser(h), promotionId: await openPromotion(h) }),
  },
};

/** R7.1, R12: whatever changes anything but quota leaves who, in which role, by which request, what was, what is, and why. */
describe('every change is audited', () => {
  let h: Harness;
  beforeAll(async () => {
    h = await startHarness({ REFUND_SECOND_PERSON_FEN: '1000' });
  });
  afterAll(() => h.stop());

  test('no RPC that changes anything is forgotten here', () => {
    const changing = BILLING_RPCS.filter((rpc) => !rpc.startsWith('billing.v1.QuotaService/')).filter((rpc) =>
      requestTypeOf(rpc)?.fields.some(({ name }) => name === 'request_id'),
    );
    expect(Object.keys(CHANGES).sort()).toEqual(changing.map((rpc) => rpc.replace('billing.v1.', '')).sort());
  });

  const auditOf = (request: string): Promise<Row[]> =>
    h.db.query('SELECT * FROM audit_logs WHERE request = ? ORDER BY id', [request]);

  test.each(Object.entries(CHANGES))('%s', async (rpc, { as, isNew, make }) => {
    const requestId = newId('audited');
    await mustSucceed(make(h, requestId));
    const rows = await auditOf(`${rpc}/${requestId}`);
    const role = as.replace(/-2$/, '');
    const own = rows.filter(({ actor }) => actor === `spiffe://billing/${role}/${as}`);
    expect(own.length).toBeGreaterThan(0);
    for (const row of own) {
      expect(row).toMatchObject({ role, cause: expect.stringMatching(/./) as string });
      expect(Object.keys(JSON.parse(String(row['after_state'])) as object)).not.toEqual([]);
      expect(row['subject_id']).not.toBe('');
    }
    const before = own.map((row) => row['before_state']).filter((state) => state !== null);
    if (isNew === true) expect(before).toEqual([]);
    else expect(before.length).toBeGreaterThan(0);
  });

  test('a repeat leaves no second row, nor does what is refused (lesson 1)', async () => {
    const userId = await registerUser(h);
    const requestId = newId('twice');
    await mustSucceed(createOrderCall(h, { userId, requestId }));
    await mustSucceed(createOrderCall(h, { userId, requestId }));
    expect(await createOrderCall(h, { userId, requestId: 'refused', planId: 'none' })).toMatchObject({ ok: false });
    const mine = (await auditOf(`OrderService/CreateOrder/${requestId}`)).filter(
      ({ action }) => action === 'CreateOrder',
    );
    expect(mine).toHaveLength(1);
    expect(await auditOf('OrderService/CreateOrder/refused')).toEqual([]);
  });

  test('what falls due leaves a row of the service itself: a coupon that expires', async () => {
    const userId = await registerUser(h);
    const { coupon } = await mustSucceed(claimCall(h, { userId, promotionId: await openPromotion(h) }));
    h.clock.advanceMs(31 * 86_400_000);
    const rows = async () =>
      h.db.query("SELECT * FROM audit_logs WHERE action = 'ExpireCoupon' AND subject_id = ?", [coupon?.couponId]);
    await until('it has expired', async () => (await rows()).length > 0);
    expect(await rows()).toMatchObject([
      { role: 'system', request: null, user_id: userId, before_state: '{"status":"unused"}' },
    ]);
  });
});
