import { ListAuditLogsRequest, type AuditLog } from '../../../src/gen/billing/v1/audit_log.pb';
import { call, mustSucceed } from '../../support/clients';
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
import { cancelOrderCall } from '../../support/order-calls';
import { makePlan } from '../../support/catalog-calls';
import { claim, openPromotion } from '../../support/promotions';

/** Issue 7: auditors find what was done by actor, subject, user and time, page by page, each row with its proof. */
describe('ListAuditLogs', () => {
  let h: Harness;
  beforeAll(async () => {
    h = await startHarness();
  });
  afterAll(() => h.stop());

  const list = (fields: Partial<ListAuditLogsRequest>) =>
    mustSucceed(call(bound(h.as('auditor').audit, 'listAuditLogs'), ListAuditLogsRequest.fromPartial(fields)));
  const actionsOf = async (fields: Partial<ListAuditLogsRequest>) =>
    (await list(fields)).auditLogs.map(({ action }) => action);

  test('tells who did what, in which role, by which request, what was and what is', async () => {
    const userId = await registerUser(h);
    const orderId = await createOrder(h, userId, 'create-1');
    await mustSucceed(cancelOrderCall(h, { userId, orderId, requestId: 'cancel-1' }));
    const { auditLogs } = await list({ subjectType: 'order', subjectId: orderId });
    const about = { subjectType: 'order', subjectId: orderId, userId, role: 'order-service' };
    const cancelled = auditLogs.find(({ request }) => request === 'OrderService/CancelOrder/cancel-1');
    const before = expect.stringContaining('"status"') as string;
    expect(cancelled).toMatchObject({ ...about, before, after: expect.stringContaining('"status"') as string });
    expect(cancelled?.cause).toBe('cancel-1');
    const created = auditLogs.at(-1);
    const actor = 'spiffe://billing/order-service/order-service';
    expect(created).toMatchObject({ ...about, action: 'CreateOrder', actor, before: '', cause: 'create-1' });
    expect(created).toMatchObject({ request: 'OrderService/CreateOrder/create-1' });
    expect(JSON.parse(created?.after ?? '')).toMatchObject({ status: 'created', plan_id: 'monthly' });
  });

  test('of what no request did names the service, and the cause', async () => {
    const { orderId } = await registerMember(h);
    const { auditLogs } = await list({ subjectType: 'order', subjectId: orderId });
    const paid = auditLogs.find(({ action }) => action === 'MarkOrderPaid');
    expect(paid).toMatchObject({ role: 'system', request: '', actor: 'spiffe://billing/system/billing-guard' });
    expect(paid?.cause).not.toBe('');
  });

  test('of a claimed coupon names the request that claimed it', async () => {
    const userId = await registerUser(h);
    const promotionId = await openPromotion(h);
    const { couponId } = await claim(h, userId, promotionId);
    const { auditLogs } = await list({ subjectType: 'coupon', subjectId: couponId });
    expect(auditLogs).toMatchObject([{ action: 'ClaimCoupon', role: 'order-service', userId }]);
    expect(auditLogs[0]?.request).toBe(`PromotionService/ClaimCoupon/${auditLogs[0]?.cause ?? ''}`);
  });

  test('has each row with its place and hash soon after', async () => {
    const userId = await registerUser(h);
    const read = async (): Promise<AuditLog | undefined> => (await list({ userId })).auditLogs[0];
    await until('it is sealed', async () => ((await read())?.position ?? 0) > 0);
    const row = await read();
    const [place] = await h.db.query('SELECT position, hash FROM audit_chain WHERE audit_id = ?', [row?.auditId]);
    const hash = place?.['hash'] as Buffer;
    expect(row).toMatchObject({ position: place?.['position'], hash: hash.toString('hex') });
  });

  test('filters by user, by actor, by kind and by time, and by all of them', async () => {
    const userId = await registerUser(h);
    h.clock.advanceMs(60_000);
    const middle = h.clock.now();
    await createOrder(h, userId);
    expect((await actionsOf({ userId, endTime: middle })).reverse()).toEqual(['RegisterUser']);
    expect(await actionsOf({ userId, startTime: middle })).toContain('CreateOrder');
    expect(await actionsOf({ userId, subjectType: 'user' })).toEqual(['RegisterUser']);
    const actor = 'spiffe://billing/order-service/order-service';
    expect(await actionsOf({ userId, actor, subjectType: 'order', startTime: middle })).toEqual(['CreateOrder']);
    expect(await actionsOf({ userId, actor: 'spiffe://billing/finance/finance' })).toEqual([]);
    expect(await actionsOf({ userId: newId('nobody') })).toEqual([]);
  });

  test('pages through all of it, newest first, without a gap, a double or a stranger, rows of one instant too', async () => {
    h.clock.stopAt(h.clock.now());
    const userId = await registerUser(h);
    for (let n = 0; n < 4; n += 1) await createOrder(h, userId);
    const [{ n } = { n: 0 }] = await h.db.query('SELECT COUNT(*) AS n FROM audit_logs WHERE user_id = ?', [userId]);
    expect(Number(n)).toBeGreaterThanOrEqual(9);
    const seen: AuditLog[] = [];
    let pageToken = '';
    do {
      const page = await list({ userId, pageSize: 2, pageToken });
      seen.push(...page.auditLogs);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    const ids = await h.db.query('SELECT id FROM audit_logs WHERE user_id = ? ORDER BY create_time DESC, id DESC', [
      userId,
    ]);
    expect(seen.map(({ auditId }) => auditId)).toEqual(ids.map(({ id }) => id));
  });

  test('refuses the token of another list or another filter', async () => {
    const plan = await makePlan(h);
    const userId = await registerUser(h);
    await createOrder(h, userId);
    const { nextPageToken: pageToken } = await list({ userId, pageSize: 1 });
    const { audit } = h.as('auditor');
    for (const reply of [
      await call(bound(audit, 'listAuditLogs'), ListAuditLogsRequest.fromPartial({ userId: plan.planId, pageToken })),
      await call(bound(audit, 'listAccessLogs'), ListAuditLogsRequest.fromPartial({ userId, pageToken })),
    ]) {
      expect(reply).toMatchObject({ reason: 'INVALID_REQUEST', fields: ['page_token'] });
    }
  });
});
