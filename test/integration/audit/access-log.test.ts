import { ListAccessLogsRequest } from '../../../src/gen/billing/v1/audit_log.pb';
import { call, mustSucceed, type Identity } from '../../support/clients';
import type { Row } from '../../support/database';
import { newId, registerMember, registerUser, startHarness, type Harness } from '../../support/harness';
import { bound } from '../../support/malformed-fields';
import { refundOrderCall } from '../../support/refund-calls';

/** Issue 7, R7.3: reads of sensitive data by people are written down before the answer leaves; no record, no answer. */
describe('what people look at', () => {
  let h: Harness;
  beforeAll(async () => {
    h = await startHarness();
  });
  afterAll(() => h.stop());

  const lastId = async () => Number((await h.db.query('SELECT MAX(id) AS id FROM access_logs'))[0]?.['id'] ?? 0);
  /** The rows that something left. */
  async function rowsOf(act: () => Promise<unknown>): Promise<Row[]> {
    const before = await lastId();
    await act();
    const columns = 'actor, role, rpc, subject_type, subject_id, user_id';
    return h.db.query(`SELECT ${columns} FROM access_logs WHERE id > ? ORDER BY id`, [before]);
  }
  const getOrder = (as: Identity, userId: string, orderId: string) =>
    call(bound(h.as(as).order, 'getOrder'), { userId, orderId, refresh: false });
  const getQuota = (as: Identity, userId: string) => call(bound(h.as(as).quota, 'getQuota'), { userId });

  test.each([
    ['operations', 'operations'],
    ['finance-2', 'finance'],
    ['auditor', 'auditor'],
  ] as const)('as %s leaves who, in which role, what and whose', async (identity, role) => {
    const { userId, orderId } = await registerMember(h);
    const rows = await rowsOf(async () => {
      await mustSucceed(getOrder(identity, userId, orderId));
      await mustSucceed(getQuota(identity, userId));
    });
    const who = { actor: `spiffe://billing/${role}/${identity}`, role, user_id: userId };
    expect(rows).toEqual([
      { ...who, rpc: 'OrderService/GetOrder', subject_type: 'order', subject_id: orderId },
      { ...who, rpc: 'QuotaService/GetQuota', subject_type: 'user', subject_id: userId },
    ]);
  });

  test('as a list of everybody names nobody', async () => {
    const { payment } = h.as('finance');
    const rows = await rowsOf(() =>
      mustSucceed(call(bound(payment, 'listNotifications'), { status: 0, pageSize: 0, pageToken: '' })),
    );
    expect(rows).toMatchObject([
      { rpc: 'PaymentService/ListNotifications', subject_type: 'notification', subject_id: '', user_id: null },
    ]);
  });

  test('by services leaves no row, nor does what is nobody’s, nor what was refused', async () => {
    const { userId, orderId } = await registerMember(h);
    const rows = await rowsOf(async () => {
      await mustSucceed(getOrder('order-service', userId, orderId));
      await mustSucceed(getQuota('ai-task-service', userId));
      await mustSucceed(call(bound(h.as('auditor').catalog, 'listCatalog'), { pageSize: 0, pageToken: '' }));
      expect(await getQuota('operations', newId('nobody'))).toMatchObject({ reason: 'USER_NOT_FOUND' });
      expect(await getQuota('operations', '')).toMatchObject({ reason: 'INVALID_REQUEST' });
    });
    expect(rows).toEqual([]);
  });

  test('of changes is in the audit log, not here', async () => {
    const { userId, orderId } = await registerMember(h);
    expect(await rowsOf(() => mustSucceed(refundOrderCall(h, { userId, orderId, amount: 100 })))).toEqual([]);
  });

  describe('when the record can not be written (lesson 21)', () => {
    beforeAll(() => h.db.query(`REVOKE INSERT ON ${h.db.name}.access_logs FROM ?@'%'`, [h.infra.accounts.app.user]));
    afterAll(() => h.db.query(`GRANT INSERT ON ${h.db.name}.access_logs TO ?@'%'`, [h.infra.accounts.app.user]));

    test('a person gets no answer', async () => {
      const { userId, orderId } = await registerMember(h);
      for (const reply of [await getOrder('auditor', userId, orderId), await getQuota('operations', userId)]) {
        expect(reply).toMatchObject({ ok: false, code: 'INTERNAL' });
        expect(JSON.stringify(reply)).not.toContain(orderId);
      }
    });

    test('services, and what needs no record, go on', async () => {
      const { userId, orderId } = await registerMember(h);
      expect(await getOrder('order-service', userId, orderId)).toMatchObject({ ok: true });
      const { catalog } = h.as('operations');
      expect(await call(bound(catalog, 'getPlan'), { planId: 'monthly' })).toMatchObject({ ok: true });
    });
  });

  test('is listed for auditors, and that they look is listed too', async () => {
    const userId = await registerUser(h);
    await mustSucceed(getQuota('operations-2', userId));
    const list = (fields: Partial<ListAccessLogsRequest>) =>
      mustSucceed(call(bound(h.as('auditor').audit, 'listAccessLogs'), ListAccessLogsRequest.fromPartial(fields)));
    const { accessLogs } = await list({ userId });
    const look = { role: 'operations', rpc: 'QuotaService/GetQuota', subjectType: 'user', subjectId: userId, userId };
    expect(accessLogs).toMatchObject([{ ...look, actor: 'spiffe://billing/operations/operations-2' }]);
    const again = await list({ userId });
    expect(again.accessLogs).toMatchObject([{ rpc: 'AuditService/ListAccessLogs', role: 'auditor' }, look]);
    const [first] = again.accessLogs;
    expect((await list({ subjectType: 'access_log', endTime: first?.createTime })).accessLogs).not.toContainEqual(
      first,
    );
  });
});
