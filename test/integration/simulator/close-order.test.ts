import type { Merchant } from './support/merchant';
import { Stage, payQuietly } from './support/stage';

const NOTIFY_URL = 'https://merchant.example/notify';

let stage: Stage;
let merchant: Merchant;

beforeAll(async () => {
  stage = new Stage();
  merchant = await stage.merchant();
});
afterAll(() => stage.close());

describe('a closed order can never be paid', () => {
  test('closing answers 204, signed over nothing, as often as it is asked', async () => {
    await merchant.prepay('CLOSE_0001', NOTIFY_URL);
    for (const answer of [await merchant.close('CLOSE_0001'), await merchant.close('CLOSE_0001')]) {
      expect([answer.status, answer.text]).toEqual([204, '']);
      expect(merchant.verifiedSerial(answer.headers, '')).toBe(stage.material.publicKeyId);
    }
    expect((await merchant.query('CLOSE_0001')).json).toMatchObject({
      trade_state: 'CLOSED',
      trade_state_desc: '订单已关闭',
    });
    const again = await merchant.prepay('CLOSE_0001', NOTIFY_URL);
    expect([again.status, again.json['code']]).toEqual([400, 'ORDER_CLOSED']);
    const paid = await merchant.control('POST', '/pay', { order_id: 'CLOSE_0001' });
    expect([paid.status, paid.json['code']]).toEqual([409, 'ORDER_CLOSED']);
  });

  test('a paid order is not closed', async () => {
    await payQuietly(merchant, 'CLOSE_0002');
    const answer = await merchant.close('CLOSE_0002');
    expect([answer.status, answer.json['code']]).toEqual([400, 'ORDER_PAID']);
    expect((await merchant.query('CLOSE_0002')).json['trade_state']).toBe('SUCCESS');
  });

  test('nor is an order that never was, or one closed in the name of another merchant', async () => {
    const unknown = await merchant.close('NEVER_MADE');
    expect([unknown.status, unknown.json['code']]).toEqual([404, 'ORDER_NOT_EXIST']);
    await merchant.prepay('CLOSE_0003', NOTIFY_URL);
    const foreign = await merchant.close('CLOSE_0003', '1900000009');
    expect([foreign.status, foreign.json['code']]).toEqual([400, 'PARAM_ERROR']);
    expect((await merchant.query('CLOSE_0003')).json['trade_state']).toBe('NOTPAY');
  });

  test('an order that closed by itself after seven days can be closed again', async () => {
    await merchant.prepay('CLOSE_0004', NOTIFY_URL);
    stage.clock.advance(7 * 86_400_000);
    expect((await merchant.close('CLOSE_0004')).status).toBe(204);
  });
});

describe('a prepay that is overtaken by the close of its order', () => {
  test('leaves nothing payable when the order existed', async () => {
    await merchant.prepay('RACE_0001', NOTIFY_URL);
    await merchant.control('POST', '/fault', { name: 'hold-before', path: '/v3/pay/transactions/native' });
    const late = merchant.prepay('RACE_0001', NOTIFY_URL);
    await untilHeld(1);
    expect((await merchant.close('RACE_0001')).status).toBe(204);
    await merchant.control('DELETE', '/fault');
    expect((await late).json['code']).toBe('ORDER_CLOSED');
    expect((await merchant.query('RACE_0001')).json['trade_state']).toBe('CLOSED');
  });

  test('makes a payable order when it did not exist: the merchant must close once more', async () => {
    await merchant.control('POST', '/fault', { name: 'hold-before', ms: 600_000 });
    const late = merchant.prepay('RACE_0002', NOTIFY_URL);
    await untilHeld(1);
    expect((await merchant.close('RACE_0002')).json['code']).toBe('ORDER_NOT_EXIST');
    await merchant.control('DELETE', '/fault');
    expect((await late).status).toBe(200);
    expect((await merchant.query('RACE_0002')).json['trade_state']).toBe('NOTPAY');
    expect((await merchant.close('RACE_0002')).status).toBe(204);
  });

  test('takes effect after its time', async () => {
    await merchant.control('POST', '/fault', { name: 'hold-before', ms: 1 });
    expect((await merchant.prepay('RACE_0004', NOTIFY_URL)).status).toBe(200);
  });

  test('takes effect though its caller is long gone', async () => {
    await merchant.control('POST', '/fault', { name: 'hold-before' });
    const gone = fetchAborted('RACE_0003');
    await untilHeld(1);
    gone.abort();
    await merchant.control('DELETE', '/fault');
    while ((await merchant.query('RACE_0003')).status !== 200);
    expect((await merchant.control('GET', '/fault')).json).toEqual({ planned: [], held: 0 });
  });

  async function untilHeld(count: number): Promise<void> {
    while ((await merchant.control('GET', '/fault')).json['held'] !== count);
  }

  /** Begins a prepay that its caller can give up. */
  function fetchAborted(outTradeNo: string): AbortController {
    const controller = new AbortController();
    const bend = { signal: controller.signal };
    merchant.prepay(outTradeNo, NOTIFY_URL, {}, bend).catch(() => undefined);
    return controller;
  }
});
