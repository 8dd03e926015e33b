import type { Identity } from '../../support/clients';
import { billingAs } from '../../support/command';
import { createOrder, newId, registerUser, startHarness, type Harness } from '../../support/harness';
import { newTransactionId, notify, paidNotification } from '../../support/wechat-notifier';

/** R4.4, R12: what an operator does about what WeChat Pay told, with their own certificate. */
describe('billing payment', () => {
  let h: Harness;
  const paid = newTransactionId();
  const unknown = newTransactionId();
  const orderId = newId('O').slice(0, 32);

  beforeAll(async () => {
    h = await startHarness();
    const known = await createOrder(h, await registerUser(h));
    expect((await notify(h, paidNotification(h, { orderId: known, transactionId: paid }))).status).toBe(204);
    expect((await notify(h, paidNotification(h, { orderId, transactionId: unknown }))).status).toBe(409);
  });
  afterAll(() => h.stop());

  const run = (identity: Identity, ...words: string[]) => billingAs(h, identity, words);
  async function json(...words: string[]): Promise<unknown> {
    const { code, stdout, stderr } = await run('operations', '--json', 'payment', ...words);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return JSON.parse(stdout);
  }
  const refused = { subject: unknown, order: orderId, status: 'REFUSED', reason: 'unknown_order', times: 1 };

  test('list shows what was told, newest first, or what stands in a status', async () => {
    const applied = { event: 'TRANSACTION.SUCCESS', subject: paid, status: 'APPLIED', reason: '' };
    expect(await json('list')).toMatchObject([refused, applied]);
    expect(await json('list', '--status', 'refused')).toMatchObject([refused]);
    const { stdout, stderr } = await run('auditor', 'payment', 'list', '--page-size', '1');
    expect(stdout).toContain(unknown);
    expect(stdout).not.toContain(paid);
    expect(stderr).toMatch(/^More: --page-token \S+\n$/);
  });

  test('replay judges again, shows what became of it, and repeats with the same id', async () => {
    const [{ notification: id } = { notification: '' }] = (await json('list', '--status', 'refused')) as {
      notification: string;
    }[];
    const template = await createOrder(h, await registerUser(h));
    const [columns] = await h.db.query('SELECT * FROM orders WHERE id = ?', [template]);
    const row = { ...columns, id: orderId };
    await h.db.query(`INSERT INTO orders (${Object.keys(row).join(', ')}) VALUES (?)`, [Object.values(row)]);

    const shown = { notification_id: id, order_id: orderId, status: 'APPLIED', request_id: 'fix-1' };
    expect(await json('replay', id, '--request-id', 'fix-1')).toMatchObject({ ...shown, replayed: false });
    expect(await json('replay', id, '--request-id', 'fix-1')).toMatchObject({ ...shown, replayed: true });
    expect(await h.db.query('SELECT status FROM orders WHERE id = ?', [orderId])).toEqual([{ status: 'paid' }]);
    expect(await h.db.query('SELECT 1 FROM payments WHERE order_id = ?', [orderId])).toHaveLength(1);
    const { stdout } = await run('operations', 'payment', 'replay', id);
    expect(stdout).toMatch(/status\s+│ APPLIED/);
  });

  test('replay says what is wrong: not there, and not for auditors', async () => {
    expect(await run('operations', '--json', 'payment', 'replay', 'nothing')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('NOTIFICATION_NOT_FOUND') as string,
    });
    expect(await run('auditor', '--json', 'payment', 'replay', 'nothing')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('CALLER_NOT_ALLOWED') as string,
    });
  });
});
