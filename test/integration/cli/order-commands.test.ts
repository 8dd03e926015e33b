import type { Identity } from '../../support/clients';
import { billingAs } from '../../support/command';
import { createOrder, registerMember, registerUser, startHarness, type Harness } from '../../support/harness';
import { openPlan, orderUpgrade } from '../../support/upgrade-calls';

let h: Harness;
beforeAll(async () => {
  h = await startHarness();
});
afterAll(() => h.stop());

const run = (identity: Identity, ...words: string[]) => billingAs(h, identity, words);

async function json(identity: Identity, ...words: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await run(identity, '--json', 'order', ...words);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Record<string, unknown>;
}

describe('billing order', () => {
  test('show shows everything about an order; --refresh finds a payment that nobody told of', async () => {
    const userId = await registerUser(h);
    const orderId = await createOrder(h, userId);
    await h.control('/_control/pay', { order_id: orderId, drop: true });
    const shown = await json('auditor', 'show', userId, orderId);
    expect(shown).toMatchObject({
      ...{ order_id: orderId, user_id: userId, status: 'PENDING', plan_id: 'monthly', channel: 'NATIVE' },
      ...{ original_amount: 9900, final_amount: 9900, net_amount: 9340, tax_amount: 560, refunds: [] },
    });
    expect(shown).not.toHaveProperty('refreshed');
    expect(shown).not.toHaveProperty('close_reason');
    const refreshed = await json('auditor', 'show', userId, orderId, '--refresh');
    expect(refreshed).toMatchObject({ status: 'PAID', refreshed: true });
  });

  test('list shows the newest first, or those of a status, and tells where to go on', async () => {
    const { userId, orderId: paid } = await registerMember(h);
    const open = await createOrder(h, userId);
    expect(await json('auditor', 'list', userId)).toMatchObject([
      { order: open, status: 'PENDING' },
      { order: paid, status: 'PAID', final_fen: 9900, refunded_fen: 0 },
    ]);
    expect(await json('auditor', 'list', userId, '--status', 'paid')).toMatchObject([{ order: paid }]);
    const first = await run('auditor', 'order', 'list', userId, '--page-size', '1');
    const [, token = ''] = /--page-token (\S+)/.exec(first.stderr) ?? [];
    expect(await json('auditor', 'list', userId, '--page-token', token, '--page-size', '1')).toMatchObject([
      { order: paid },
    ]);
    expect(await run('auditor', 'order', 'list', userId, '--status', 'odd')).toMatchObject({ code: 1 });
  });

  test('quote shows what an order would cost, and what an upgrade would credit; show tells what one credits', async () => {
    const { userId, orderId: first } = await registerMember(h);
    const planId = await openPlan(h);
    expect(await json('auditor', 'quote', userId, planId)).toMatchObject({
      ...{ kind: 'PURCHASE', list_amount: 29_900, credit_amount: 0, original_amount: 19_900, final_amount: 19_900 },
      credits: [],
    });
    const quoted = await json('auditor', 'quote', userId, planId, '--upgrade');
    expect(quoted).toMatchObject({ kind: 'UPGRADE', credits: [{ order: first, unspent_units: 500 }] });
    const { orderId, creditAmount } = await orderUpgrade(h, { userId, planId });
    expect(await json('auditor', 'show', userId, orderId)).toMatchObject({
      ...{ kind: 'UPGRADE', credit_amount: creditAmount, credits: `${creditAmount} of ${first}` },
    });
    expect(await json('auditor', 'show', userId, first)).toMatchObject({
      ...{ kind: 'PURCHASE', credited: `${creditAmount} to ${orderId}` },
    });
    const { code, stderr } = await run('auditor', '--json', 'order', 'quote', userId, planId, '--upgrade');
    expect([code, JSON.parse(stderr)]).toMatchObject([
      1,
      { reason: 'UPGRADE_NOT_POSSIBLE', metadata: { why: 'order_open' } },
    ]);
  });

  test('payment shows fresh parameters of the channel', async () => {
    const userId = await registerUser(h);
    const orderId = await createOrder(h, userId);
    const shown = await json('operations', 'payment', userId, orderId);
    expect(shown).toMatchObject({ order_id: orderId, channel: 'native' });
    expect(shown['code_url']).toMatch(/^weixin:/);
  });

  test('cancel closes an order, and may be repeated by its request id; who may not is told so', async () => {
    const userId = await registerUser(h);
    const orderId = await createOrder(h, userId);
    const { code, stderr } = await run('auditor', '--json', 'order', 'cancel', userId, orderId);
    expect([code, JSON.parse(stderr)]).toMatchObject([1, { reason: 'CALLER_NOT_ALLOWED' }]);
    const cancelled = await json('order-service', 'cancel', userId, orderId);
    expect(cancelled).toMatchObject({ replayed: false, status: 'CLOSED', close_reason: 'CANCELLED' });
    const requestId = String(cancelled['request_id']);
    const again = await json('order-service', 'cancel', userId, orderId, '--request-id', requestId);
    expect(again).toMatchObject({ request_id: requestId, replayed: true, status: 'CLOSED' });
  });

  test('attach-invoice notes the invoice of a paid order', async () => {
    const { userId, orderId } = await registerMember(h);
    const noted = await json('finance', 'attach-invoice', userId, orderId, '24312000000123456789');
    expect(noted).toMatchObject({ order_id: orderId, invoice_reference: '24312000000123456789', replayed: false });
  });

  test('shows people aligned tables', async () => {
    const { userId, orderId } = await registerMember(h);
    for (const words of [
      ['show', userId, orderId],
      ['list', userId],
    ]) {
      const { code, stdout } = await run('auditor', 'order', ...words);
      expect(code).toBe(0);
      expect(stdout.split('\n').filter((line) => line.startsWith('│')).length).toBeGreaterThan(1);
    }
  });
});
