import type { Identity } from '../../support/clients';
import { billingAs } from '../../support/command';
import { registerMember, startHarness, type Harness } from '../../support/harness';
import { untilRefunds } from '../../support/refund-calls';

let h: Harness;
beforeAll(async () => {
  h = await startHarness();
});
afterAll(() => h.stop());

const run = (identity: Identity, ...words: string[]) => billingAs(h, identity, ['--json', 'refund', ...words]);

async function json(identity: Identity, ...words: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await run(identity, ...words);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Record<string, unknown>;
}

async function failure(identity: Identity, ...words: string[]): Promise<unknown> {
  const { code, stderr } = await run(identity, ...words);
  expect(code).toBe(1);
  return JSON.parse(stderr);
}

describe('billing refund', () => {
  test('quotes, refunds a part as finance, repeats by request id, and lists', async () => {
    const { userId, orderId } = await registerMember(h);
    expect(await json('finance', 'quote', userId, orderId, '--amount', '4950')).toMatchObject({
      ...{ order_id: orderId, amount: 4950, refundable_amount: 9900, full: false, revoked_units: 250 },
      coupon_returned: false,
    });
    const words = ['create', userId, orderId, '--amount', '4950', '--reason', '客户投诉', '--request-id', 'r-1'];
    const made = await json('finance', ...words);
    expect(made).toMatchObject({
      ...{ request_id: 'r-1', replayed: false, order_id: orderId, cause: 'REQUESTED', amount: 4950 },
      ...{ frozen_units: 250, reason: '客户投诉' },
    });
    await untilRefunds(h, orderId, ['succeeded']);
    expect(await json('finance', ...words)).toMatchObject({
      ...{ refund_id: made['refund_id'], replayed: true, status: 'SUCCEEDED', order_status: 'PAID' },
      refunded_amount: 4950,
    });
    expect(await json('auditor', 'list', userId, orderId)).toMatchObject([
      { refund: made['refund_id'], status: 'SUCCEEDED', cause: 'REQUESTED', amount_fen: 4950, frozen_units: 250 },
    ]);
  });

  test('tells why it is refused, and changes nothing', async () => {
    const { userId, orderId } = await registerMember(h);
    const create = ['create', userId, orderId, '--reason', 'x'];
    expect(await failure('operations', ...create)).toMatchObject({ reason: 'CALLER_NOT_ALLOWED' });
    expect(await failure('finance', ...create, '--amount', '9901')).toMatchObject({
      ...{ reason: 'ORDER_NOT_REFUNDABLE', metadata: { why: 'exceeds_paid', refundable: '9900' } },
    });
    for (const wrong of [
      ['create', userId, orderId],
      [...create, '--amount', '1.5'],
      [...create, '--amount', '0'],
    ]) {
      expect(await failure('finance', ...wrong)).toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    expect(await json('finance', 'list', userId, orderId)).toEqual([]);
  });
});
