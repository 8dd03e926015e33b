import type { Merchant } from './support/merchant';
import { Stage, orderReport, payQuietly, untilRefunded } from './support/stage';

const NOTIFY_URL = 'https://merchant.example/notify';

describe('a planned fault spoils the next matching calls and no other', () => {
  let stage: Stage;
  let merchant: Merchant;

  beforeAll(async () => {
    stage = new Stage();
    merchant = await stage.merchant();
  });
  afterAll(() => stage.close());
  afterEach(() => merchant.control('DELETE', '/fault'));

  const plan = (fault: object) => merchant.control('POST', '/fault', fault);
  const isVerified = (answer: { headers: Headers; text: string }): boolean =>
    merchant.verifiedSerial(answer.headers, answer.text) !== undefined;

  const answered: [name: string, status: number, code: string | undefined, isSigned: boolean, hasEffect: boolean][] = [
    ['429', 429, 'FREQUENCY_LIMITED', true, false],
    ['500', 500, 'SYSTEM_ERROR', false, false],
    ['500-after', 500, 'SYSTEM_ERROR', false, true],
    ['202', 202, 'ACCEPTED', true, false],
    ['html-502', 502, undefined, false, false],
    ['unsigned', 200, undefined, false, true],
    ['badsign', 200, undefined, false, true],
  ];

  test.each(answered)('%s', async (name, status, code, isSigned, hasEffect) => {
    const outTradeNo = `FAULT_${name.replace('-', '_')}`;
    expect((await plan({ name })).status).toBe(200);
    const answer = await merchant.prepay(outTradeNo, NOTIFY_URL);
    expect([answer.status, answer.json['code']]).toEqual([status, code]);
    expect(answer.headers.get('request-id')).not.toBeNull();
    expect(isVerified(answer)).toBe(isSigned);
    expect(answer.headers.has('wechatpay-signature')).toBe(isSigned || name === 'badsign');
    expect((await merchant.query(outTradeNo)).status).toBe(hasEffect ? 200 : 404);
    const repeat = await merchant.prepay(outTradeNo, NOTIFY_URL);
    expect([repeat.status, isVerified(repeat)]).toEqual([200, true]);
  });

  test.each([
    ['drop', 404],
    ['drop-after', 200],
  ])('%s', async (name, queryStatus) => {
    const outTradeNo = `DROPPED_${name}`;
    await plan({ name });
    await expect(merchant.prepay(outTradeNo, NOTIFY_URL)).rejects.toThrow('fetch failed');
    expect((await merchant.query(outTradeNo)).status).toBe(queryStatus);
  });

  test('slow: the effect comes first, so a caller that gives up must ask', async () => {
    await plan({ name: 'slow', ms: 600_000 });
    const caller = merchant.prepay('SLOW_0001', NOTIFY_URL).then(
      () => 'answered',
      () => 'cut off',
    );
    while ((await orderReport(merchant, 'SLOW_0001')).prepay_count !== 1);
    expect((await merchant.query('SLOW_0001')).json['trade_state']).toBe('NOTPAY');
    await plan({ name: 'slow', ms: 1 });
    expect((await merchant.query('SLOW_0001')).status).toBe(200);
    await stage.close();
    expect(await caller).toBe('cut off');
    stage = new Stage();
    merchant = await stage.merchant();
  });

  test.each(['500-after', 'drop-after'])(
    '%s: a refund that was not answered is the same one when repeated',
    async (name) => {
      const outTradeNo = `REFUNDED_${name}`;
      await payQuietly(merchant, outTradeNo);
      await plan({ name, path: '/v3/refund' });
      const lost = await merchant.refund(outTradeNo, `R_${name}`, 100).then(
        ({ status }) => status,
        () => 'no answer',
      );
      expect(lost).toBe(name === '500-after' ? 500 : 'no answer');
      await untilRefunded(merchant, `R_${name}`, 'SUCCESS');
      expect((await merchant.refund(outTradeNo, `R_${name}`, 100)).json).toMatchObject({ status: 'SUCCESS' });
      expect(await orderReport(merchant, outTradeNo)).toMatchObject({ refunded_amount: 100 });
    },
  );

  test.each(['429', '500', '202', 'html-502', 'drop'])(
    '%s: a close that did not happen left the order open',
    async (name) => {
      const outTradeNo = `OPEN_${name}_01`;
      await merchant.prepay(outTradeNo, NOTIFY_URL);
      await plan({ name });
      await merchant.close(outTradeNo).catch(() => undefined);
      expect((await merchant.query(outTradeNo)).json['trade_state']).toBe('NOTPAY');
      expect((await merchant.close(outTradeNo)).status).toBe(204);
    },
  );

  test('times and path choose the calls; DELETE forgets the rest', async () => {
    await merchant.prepay('CHOSEN_0001', NOTIFY_URL);
    await plan({ name: '500', times: 3, path: '/v3/pay/transactions/native' });
    expect((await merchant.query('CHOSEN_0001')).status).toBe(200);
    expect((await merchant.prepay('CHOSEN_0001', NOTIFY_URL)).status).toBe(500);
    expect((await merchant.prepay('CHOSEN_0001', NOTIFY_URL)).status).toBe(500);
    await merchant.control('DELETE', '/fault');
    expect((await merchant.prepay('CHOSEN_0001', NOTIFY_URL)).status).toBe(200);
  });

  test('an unknown name is refused with the names there are', async () => {
    const answer = await plan({ name: 'earthquake' });
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.json)).toContain('500-after');
  });
});

describe('the control API', () => {
  test('refuses what it does not know and says how it is', async () => {
    const stage = new Stage();
    const merchant = await stage.merchant();
    expect(await merchant.control('GET', '/health')).toMatchObject({ status: 200, json: { status: 'ok' } });
    expect((await merchant.control('POST', '/pay', { order_id: 'NEVER_MADE' })).status).toBe(404);
    expect((await merchant.control('POST', '/pay', { order_id: 'NEVER_MADE', coruppt: 'body' })).status).toBe(400);
    expect((await merchant.control('GET', '/orders/NEVER_MADE')).status).toBe(404);
    await merchant.prepay('LISTED_0001', NOTIFY_URL);
    const { json } = await merchant.control('GET', '/orders');
    expect(json).toMatchObject({ orders: [{ order_id: 'LISTED_0001', trade_state: 'NOTPAY', prepay_count: 1 }] });
    await stage.close();
  });
});
