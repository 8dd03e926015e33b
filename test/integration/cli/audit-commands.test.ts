import { billingAs } from '../../support/command';
import { createOrder, registerUser, startHarness, type Harness } from '../../support/harness';

/** Issue 7: auditors see what was done, and who looked, from the command line; nobody else does. */
describe('billing audit', () => {
  let h: Harness;
  beforeAll(async () => {
    h = await startHarness();
  });
  afterAll(() => h.stop());

  async function json(...words: string[]): Promise<Record<string, unknown>[]> {
    const { code, stdout } = await billingAs(h, 'auditor', ['--json', 'audit', ...words]);
    expect(code).toBe(0);
    return JSON.parse(stdout) as Record<string, unknown>[];
  }

  test('logs shows what was done to whom, newest first, by every filter', async () => {
    const userId = await registerUser(h);
    const orderId = await createOrder(h, userId, 'c-1');
    const rows = await json('logs', '--user', userId, '--subject-type', 'order', '--subject', orderId);
    expect(rows.at(-1)).toMatchObject({
      ...{ action: 'CreateOrder', role: 'order-service', subject: orderId, user: userId },
      request: 'OrderService/CreateOrder/c-1',
    });
    const actor = 'spiffe://billing/order-service/order-service';
    const from = ['--from', '2000-01-01T00:00:00Z', '--to', '9000-01-01T00:00:00Z'];
    const mine = await json('logs', '--user', userId, '--actor', actor, ...from);
    expect(mine.map(({ action }) => action)).toEqual(['CreateOrder', 'RegisterUser']);
    const { stderr } = await billingAs(h, 'auditor', ['audit', 'logs', '--user', userId, '--page-size', '1']);
    expect(stderr).toContain('More: --page-token');
  });

  test('accesses shows who looked', async () => {
    const userId = await registerUser(h);
    await billingAs(h, 'finance', ['quota', 'show', userId]);
    const look = { role: 'finance', rpc: 'QuotaService/GetQuota', subject_type: 'user', subject: userId, user: userId };
    expect(await json('accesses', '--user', userId)).toMatchObject([look]);
  });

  test('is for auditors alone', async () => {
    for (const words of [['logs'], ['accesses']]) {
      const { code, stderr } = await billingAs(h, 'operations', ['audit', ...words]);
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('CALLER_NOT_ALLOWED') as string });
    }
  });
});
