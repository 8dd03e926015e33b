import type { Bend, Merchant } from './support/merchant';
import { Stage, orderReport } from './support/stage';

const NOTIFY_URL = 'https://merchant.example/notify';

describe('a request that the merchant did not sign just so is refused and has no effect', () => {
  let stage: Stage;
  let merchant: Merchant;

  beforeAll(async () => {
    stage = new Stage();
    merchant = await stage.merchant();
  });
  afterAll(() => stage.close());

  const secondsFromNow = (seconds: number): string => String(Math.floor(stage.clock.now().getTime() / 1000) + seconds);
  const refusals: [name: string, field: string, bend: () => Bend][] = [
    ['no Authorization', 'Authorization', () => ({ headers: { authorization: null } })],
    ['another scheme', 'Authorization', () => ({ scheme: 'WECHATPAY2-SM2-WITH-SM3' })],
    [
      'items that are not name="value"',
      'Authorization',
      () => ({ headers: { authorization: 'WECHATPAY2-SHA256-RSA2048 a' } }),
    ],
    ['mchid missing', 'mchid', () => ({ items: { mchid: null } })],
    ['nonce_str missing', 'nonce_str', () => ({ items: { nonce_str: null } })],
    ['timestamp missing', 'timestamp', () => ({ items: { timestamp: null } })],
    ['serial_no missing', 'serial_no', () => ({ items: { serial_no: null } })],
    ['signature missing', 'signature', () => ({ items: { signature: null } })],
    ['unknown mchid', 'mchid', () => ({ items: { mchid: '1900000009' } })],
    ['unknown serial', 'serial_no', () => ({ items: { serial_no: 'A'.repeat(40) } })],
    ['301 seconds old', 'timestamp', () => ({ items: { timestamp: secondsFromNow(-301) } })],
    ['301 seconds ahead', 'timestamp', () => ({ items: { timestamp: secondsFromNow(301) } })],
    ['timestamp not in seconds', 'timestamp', () => ({ items: { timestamp: `${secondsFromNow(0)}000` } })],
    [
      'signature of something else',
      'signature',
      () => ({ items: { signature: Buffer.alloc(256, 7).toString('base64') } }),
    ],
    ['signature not base64', 'signature', () => ({ items: { signature: '!'.repeat(344) } })],
    ['body changed by one blank', 'signature', () => ({ sentBody: '{ }' })],
    ['query added', 'signature', () => ({ sentTarget: '/v3/pay/transactions/native?a=1' })],
    ['method changed', 'signature', () => ({ method: 'PUT' })],
  ];

  test.each(refusals)('%s', async (name, field, bend) => {
    const outTradeNo = `REFUSED_${refusals.findIndex((row) => row[0] === name)}`;
    const answer = await merchant.prepay(outTradeNo, NOTIFY_URL, {}, bend());
    expect(answer.status).toBe(401);
    expect(answer.json).toMatchObject({ code: 'SIGN_ERROR', detail: { field, location: 'authorization' } });
    expect(merchant.verifiedSerial(answer.headers, answer.text)).toBe(stage.material.publicKeyId);
    expect((await merchant.query(outTradeNo)).json).toMatchObject({ code: 'ORDER_NOT_EXIST' });
  });

  test('the refusal of a signature shows what should have been signed', async () => {
    const answer = await merchant.prepay('SHOWN_0001', NOTIFY_URL, {}, { sentBody: '{}' });
    expect(answer.json).toMatchObject({
      message: '错误的签名，验签失败',
      detail: {
        detail: { issue: 'sign not match' },
        sign_information: {
          method: 'POST',
          url: '/v3/pay/transactions/native',
          truncated_sign_message: expect.stringMatching(
            /^POST\n\/v3\/pay\/transactions\/native\n\d{10}\n\w{32}\n\{\}\n$/,
          ),
        },
      },
    });
  });

  test('300 seconds of skew in either direction are accepted', async () => {
    for (const seconds of [-300, 300]) {
      const answer = await merchant.prepay(
        'SKEWED_0001',
        NOTIFY_URL,
        {},
        { items: { timestamp: secondsFromNow(seconds) } },
      );
      expect(answer.status).toBe(200);
    }
  });

  test('a recorded request is refused the second time, and counts once', async () => {
    const bend = { items: { nonce_str: 'usedtwice' } };
    expect((await merchant.prepay('REPLAYED_0001', NOTIFY_URL, {}, bend)).status).toBe(200);
    const replay = await merchant.prepay('REPLAYED_0001', NOTIFY_URL, {}, bend);
    expect(replay.status).toBe(401);
    expect(replay.json).toMatchObject({ code: 'SIGN_ERROR', detail: { field: 'nonce_str' } });
    expect((await orderReport(merchant, 'REPLAYED_0001')).prepay_count).toBe(1);
  });

  test('a forged request does not spend the nonce of a later true one', async () => {
    const items = { nonce_str: 'notspentbyforger' };
    const forged = { items: { ...items, signature: Buffer.alloc(256).toString('base64') } };
    expect((await merchant.prepay('NONCE_0001', NOTIFY_URL, {}, forged)).status).toBe(401);
    expect((await merchant.prepay('NONCE_0001', NOTIFY_URL, {}, { items })).status).toBe(200);
  });

  test.each(['user-agent', 'accept'])('%s is required', async (header) => {
    // fetch fills in both headers when they are left out, so the empty one stands for none.
    const answer = await merchant.prepay('HEADER_0001', NOTIFY_URL, {}, { headers: { [header]: '' } });
    expect(answer.status).toBe(400);
    expect(answer.json).toMatchObject({ code: 'PARAM_ERROR', detail: { location: 'header' } });
  });
});
