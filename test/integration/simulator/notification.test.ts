import type { Merchant } from './support/merchant';
import type { Received, Receiver } from './support/receiver';
import { Stage } from './support/stage';

let stage: Stage;
let merchant: Merchant;

beforeAll(async () => {
  stage = new Stage();
  merchant = await stage.merchant();
});
afterAll(() => stage.close());

let nextOrder = 1;

/** Makes and pays a new order; `received` is the first notification that arrived. */
async function pay(
  more: object,
  receiver: Receiver,
): Promise<{ orderId: string; paid: Record<string, unknown>; received: Received }> {
  const orderId = `NOTIFY_${String(nextOrder++).padStart(4, '0')}`;
  await merchant.prepay(orderId, receiver.url, { attach: '附加' });
  const { json } = await merchant.control('POST', '/pay', { order_id: orderId, ...more });
  const [received] = receiver.received;
  if (received === undefined) throw new Error('No notification arrived.');
  return { orderId, paid: json, received };
}

describe('a payment is told in an encrypted, signed notification', () => {
  test('its envelope verifies, decrypts, and says what a query says', async () => {
    const { orderId, paid, received } = await pay({}, await stage.receiver());
    expect(paid).toMatchObject({ deliveries: [{ status: 204, body: '' }] });
    expect(merchant.verifiedSerial(received.headers, received.body)).toBe(stage.material.publicKeyId);
    expect(JSON.parse(received.body)).toEqual({
      id: expect.stringMatching(/^EV-\d{23}$/),
      create_time: '2026-01-31T23:59:59+08:00',
      resource_type: 'encrypt-resource',
      event_type: 'TRANSACTION.SUCCESS',
      summary: '支付成功',
      resource: {
        original_type: 'transaction',
        algorithm: 'AEAD_AES_256_GCM',
        ciphertext: expect.any(String),
        associated_data: 'transaction',
        nonce: expect.stringMatching(/^\w{12}$/),
      },
    });
    expect(merchant.decrypt(received.body)).toEqual((await merchant.query(orderId)).json);
    expect(received.headers.get('user-agent')).toBe('Mozilla/4.0');
    expect(received.headers.get('content-type')).toBe('application/json');
    expect(received.headers.get('request-id')).toMatch(/-0$/);
    expect(received.headers.get('wechatpay-timestamp')).toBe(String(stage.clock.now().getTime() / 1000));
  });

  test('it is signed with the platform certificate when asked', async () => {
    const { received } = await pay({ serial_mode: 'platform' }, await stage.receiver());
    expect(merchant.verifiedSerial(received.headers, received.body)).toBe(stage.material.platformSerial);
  });

  const lies: [lie: Record<string, string>, seen: object][] = [
    [{ mchid: '1900000009' }, { mchid: '1900000009' }],
    [{ appid: 'wx0000000000000000' }, { appid: 'wx0000000000000000' }],
    [{ currency: 'USD' }, { amount: { currency: 'USD', payer_currency: 'USD', total: 9900, payer_total: 9900 } }],
    [{ out_trade_no: 'NOBODYS_0001' }, { out_trade_no: 'NOBODYS_0001' }],
    [{ openid: 'oSomebody' }, { payer: { openid: 'oSomebody' } }],
  ];

  test.each(lies)('%j is claimed inside an authentic notification', async (lie, seen) => {
    const { received } = await pay(lie, await stage.receiver());
    expect(merchant.verifiedSerial(received.headers, received.body)).toBe(stage.material.publicKeyId);
    expect(merchant.decrypt(received.body)).toMatchObject(seen);
  });

  test('paying a rightly paid order tells the same transaction again', async () => {
    const receiver = await stage.receiver();
    const { orderId, paid } = await pay({}, receiver);
    const again = await merchant.control('POST', '/pay', { order_id: orderId, amount: 1 });
    expect(again.json).toMatchObject({ transaction_id: paid['transaction_id'], success_time: paid['success_time'] });
    const second = merchant.decrypt(receiver.received[1]?.body ?? '');
    expect(second).toMatchObject({ transaction_id: paid['transaction_id'], amount: { total: 1 } });
    expect((await merchant.query(orderId)).json).toMatchObject({ amount: { total: 9900 } });
  });
});

describe('a corrupted notification is wrong in exactly one way', () => {
  test.each([
    'body',
    'signature',
    'nonce',
    'timestamp',
    'serial',
    'signtest',
    'not-json',
    'stale',
    'ciphertext',
    'oversized',
  ])('%s', async (corrupt) => {
    const { received, orderId } = await pay({ corrupt }, await stage.receiver(() => 401));
    const isAuthentic = ['stale', 'ciphertext', 'oversized', 'not-json'].includes(corrupt);
    expect(merchant.verifiedSerial(received.headers, received.body) !== undefined).toBe(isAuthentic);
    const ageSeconds = stage.clock.now().getTime() / 1000 - Number(received.headers.get('wechatpay-timestamp'));
    expect(ageSeconds > 300).toBe(corrupt === 'stale');
    const isReadable = !['body', 'ciphertext', 'not-json'].includes(corrupt);
    if (isReadable) expect(merchant.decrypt(received.body)).toMatchObject({ out_trade_no: orderId });
    else expect(() => merchant.decrypt(received.body)).toThrow();
    const isProbe = received.headers.get('wechatpay-signature')?.startsWith('WECHATPAY/SIGNTEST/') === true;
    expect(isProbe).toBe(corrupt === 'signtest');
    expect(received.headers.get('wechatpay-serial') === stage.material.publicKeyId).toBe(corrupt !== 'serial');
    expect(Buffer.byteLength(received.body) > 1_048_576).toBe(corrupt === 'oversized');
  });
});
