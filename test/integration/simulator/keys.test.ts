import { X509Certificate, createPublicKey, createVerify } from 'node:crypto';
import type { Answer, Merchant } from './support/merchant';
import { Stage } from './support/stage';

const NOTIFY_URL = 'https://merchant.example/notify';
const WITHOUT_SERIAL = { headers: { 'wechatpay-serial': null } };

let stage: Stage;
let merchant: Merchant;

beforeAll(() => {
  stage = new Stage();
});
afterAll(() => stage.close());
beforeEach(async () => {
  merchant = await stage.merchant();
});

/** The platform certificates, decrypted, by serial. */
async function certificates(): Promise<{ answer: Answer; bySerial: Map<string, X509Certificate> }> {
  const answer = await merchant.call('GET', '/v3/certificates', '', WITHOUT_SERIAL);
  const data = answer.json['data'] as { serial_no: string; encrypt_certificate: Record<string, string> }[];
  const read = data.map(
    (each) => [each.serial_no, new X509Certificate(merchant.open(each.encrypt_certificate))] as const,
  );
  return { answer, bySerial: new Map(read) };
}

describe('platform certificates', () => {
  test('are listed encrypted, in an answer that the listed one signs', async () => {
    const { answer, bySerial } = await certificates();
    expect([...bySerial.keys()]).toEqual([stage.material.platformSerial]);
    expect(bySerial.get(stage.material.platformSerial)?.serialNumber).toBe(stage.material.platformSerial);
    expect(merchant.verifiedSerial(answer.headers, answer.text)).toBe(stage.material.platformSerial);
    expect(answer.json).toMatchObject({
      data: [
        {
          effective_time: expect.stringMatching(/\+08:00$/),
          expire_time: expect.stringMatching(/\+08:00$/),
          encrypt_certificate: { algorithm: 'AEAD_AES_256_GCM', associated_data: 'certificate' },
        },
      ],
    });
    expect((await merchant.call('GET', '/v3/certificates?algorithm_type=RSA', '')).status).toBe(200);
    expect((await merchant.call('GET', '/v3/certificates?algorithm_type=DSA', '')).status).toBe(400);
  });

  test('rotate: the new one signs answers and notifications from then on, both are listed, also after a restart', async () => {
    const stateDir = stage.newStateDir();
    const simulator = await stage.simulator({ stateDir });
    merchant = stage.merchantOf(simulator);
    const { json } = await merchant.control('POST', '/keys/rotate', {});
    const serial = String(json['serial_no']);
    expect(serial).toMatch(/^[4-7][0-9A-F]{39}$/);
    const certificate = new X509Certificate(String(json['certificate']));
    // Valid from now on by the clock that was moved, not by the machine's.
    expect(new Date(certificate.validFrom)).toEqual(stage.clock.now());
    const before = await certificates();
    expect([...before.bySerial.keys()]).toEqual([stage.material.platformSerial, serial]);
    await simulator.close();
    merchant = await stage.merchant({ stateDir });
    const { answer, bySerial } = await certificates();
    expect(answer.headers.get('wechatpay-serial')).toBe(serial);
    const receiver = await stage.receiver();
    await merchant.prepay('ROTATE_0001', receiver.url, {}, { headers: { 'wechatpay-serial': serial } });
    await merchant.control('POST', '/pay', { order_id: 'ROTATE_0001', serial_mode: 'platform' });
    const { headers, body } = receiver.received[0]!;
    expect(headers.get('wechatpay-serial')).toBe(serial);
    const signed = `${headers.get('wechatpay-timestamp')}\n${headers.get('wechatpay-nonce')}\n${body}\n`;
    const key = createPublicKey(bySerial.get(serial)!.publicKey.export({ type: 'spki', format: 'pem' }));
    const signature = headers.get('wechatpay-signature') ?? '';
    expect(createVerify('RSA-SHA256').update(signed).verify(key, signature, 'base64')).toBe(true);
  });

  test('do not exist for a merchant with the public key alone, and cannot be asked to sign', async () => {
    await merchant.control('POST', '/keys', { mode: 'public-key' });
    const none = await merchant.call('GET', '/v3/certificates', '', WITHOUT_SERIAL);
    expect([none.status, none.json['code']]).toEqual([404, 'RESOURCE_NOT_EXISTS']);
    expect(merchant.verifiedSerial(none.headers, none.text)).toBe(stage.material.publicKeyId);
    const bend = { headers: { 'wechatpay-serial': stage.material.platformSerial } };
    expect((await merchant.prepay('MODE_0001', NOTIFY_URL, {}, bend)).json['code']).toBe('PARAM_ERROR');
    expect((await merchant.query('MODE_0001')).status).toBe(404);
  });
});

describe('the switch from certificates to the public key', () => {
  test('before it, the platform certificate signs whatever the request names', async () => {
    await merchant.control('POST', '/keys', { mode: 'platform' });
    const receiver = await stage.receiver();
    const answer = await merchant.prepay('MODE_0002', receiver.url);
    expect(merchant.verifiedSerial(answer.headers, answer.text)).toBe(stage.material.platformSerial);
    await merchant.control('POST', '/pay', { order_id: 'MODE_0002' });
    expect(receiver.received[0]?.headers.get('wechatpay-serial')).toBe(stage.material.platformSerial);
  });

  test.each([0, 20, 100])('%p %% of the notifications are signed with the public key', async (percent) => {
    await merchant.control('POST', '/keys', { mode: 'both', callback_public_key_percent: percent });
    const receiver = await stage.receiver();
    await merchant.prepay('MODE_0003', receiver.url);
    for (let n = 0; n < 10; n++) await merchant.control('POST', '/pay', { order_id: 'MODE_0003' });
    const serials = receiver.received.map(({ headers, body }) => merchant.verifiedSerial(headers, body));
    expect(serials.filter((serial) => serial === stage.material.publicKeyId)).toHaveLength(percent / 10);
    expect(serials.filter((serial) => serial === stage.material.platformSerial)).toHaveLength(10 - percent / 10);
  });
});
