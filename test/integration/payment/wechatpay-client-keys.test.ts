import { createCaller, type Caller } from '../../../src/payment/wechatpay/client/caller';
import { openCertificateStore, type CertificateStore } from '../../../src/payment/wechatpay/certificate-store';
import type { WechatpayClient } from '../../../src/payment/wechatpay/client/client';
import { readMerchantKey } from '../../../src/payment/wechatpay/keys';
import type { KeyMode, Wechatpay } from '../../../src/payment/wechatpay/wechatpay';
import type { Clock } from '../../../src/platform/clock';
import { until } from '../../support/harness';
import { certificatesBody, makeCertificate, type MadeCertificate } from '../../unit/payment/platform-certificate';
import { APIV3_KEY, PUBLIC_KEY_ID, signedHeaders } from '../../unit/payment/wechat-signer';
import { startAnsweringServer, type Answer, type AnsweringServer } from './answering-server';
import {
  bare,
  budget,
  CODE_URL,
  MCHID,
  merchant,
  openClient,
  opened,
  prepay,
  unavailable,
  wechat,
  type Lines,
} from './client-under-test';

let now: Date;
let elapsedMs: number;
const clock: Clock = { now: () => now, machineNow: () => now };

const older = makeCertificate('4A');
const newer = makeCertificate('4B');
const brief = makeCertificate('4C', 1);

let server: AnsweringServer;
let lines: Lines;
const clients: WechatpayClient[] = [];
beforeAll(async () => {
  server = await startAnsweringServer();
});
beforeEach(() => {
  now = new Date(older.expireTime.getTime() - 3_000 * 86_400_000);
  elapsedMs = 0;
  lines = [];
});
afterEach(() => Promise.all(clients.splice(0).map((client) => client.close())));
afterAll(() => server.close());

/** Answers certificates and prepays, each signed by a certificate. */
function answering(told: readonly MadeCertificate[], signer: MadeCertificate, prepaySigner = signer): Answer {
  return (response, { url }) => {
    const isDownload = url === '/v3/certificates';
    const body = isDownload ? certificatesBody(...told) : JSON.stringify({ code_url: CODE_URL });
    const { privateKey, serial } = isDownload ? signer : prepaySigner;
    response.writeHead(200, signedHeaders(privateKey, body, now, serial)).end(body);
  };
}
const downloads = () => server.received.filter(({ url }) => url === '/v3/certificates').length;

function open(keyMode: KeyMode): Wechatpay {
  const wechatpay = openClient(server.url, lines, { keyMode, clock });
  clients.push(wechatpay.client);
  return wechatpay;
}
const known = (keys: Wechatpay['keys'], ...certificates: readonly MadeCertificate[]): boolean[] =>
  certificates.map(({ serial, publicKey }) => keys.get(serial)?.equals(publicKey) ?? false);

describe('public-key mode', () => {
  test('sends the id of the key, downloads nothing, and believes no certificate', async () => {
    server.answerWith(answering([older], older));
    const { client, keys } = open('public-key');
    await expect(client.prepay(prepay, budget)).rejects.toMatchObject(unavailable);
    await keys.learn(older.serial);
    expect(server.received).toHaveLength(1);
    expect(server.received[0]!.headers['wechatpay-serial']).toBe(PUBLIC_KEY_ID);
    expect(keys.get(older.serial)).toBeUndefined();
  });

  test('can not be opened without the key; certificate mode can', async () => {
    const without = { publicKey: undefined, clock };
    expect(() => openClient(server.url, lines, { ...without, keyMode: 'public-key' })).toThrow(/public key/);
    expect(() => openClient(server.url, lines, { ...without, keyMode: 'switching' })).toThrow(/public key/);
    server.answerWith(answering([older], older));
    const { client } = openClient(server.url, lines, { ...without, keyMode: 'certificate' });
    await expect(client.prepay(prepay, budget)).resolves.toEqual(opened);
    await client.close();
  });
});

describe('certificate mode', () => {
  test('names no key, and waits for the first certificates, whose answer is signed by one of them', async () => {
    server.answerWith(answering([older, newer], newer));
    const { client, keys } = open('certificate');
    await expect(client.prepay(prepay, budget)).resolves.toEqual(opened);
    expect(server.received.some(({ headers }) => 'wechatpay-serial' in headers)).toBe(false);
    expect(known(keys, older, newer)).toEqual([true, true]);
    expect(keys.get(PUBLIC_KEY_ID)).toBeUndefined();
    expect(downloads()).toBe(1);
  });

  test.each<[string, () => Answer]>([
    ['is not signed', () => bare(200, certificatesBody(older))],
    ['is signed by a certificate that it does not bring', () => answering([older], newer)],
    ['is an error', () => bare(404, '{"code":"RESOURCE_NOT_EXISTS"}')],
    ['holds nothing', () => bare(200, '{"data":[]}')],
  ])('a download that %s brings no key, and no answer is believed', async (_, answer) => {
    server.answerWith(answer(), answering([older], older));
    const { keys } = open('certificate');
    await keys.learn(older.serial);
    expect(keys.get(older.serial)).toBeUndefined();
    expect(lines.filter((line) => 'err' in line)).toHaveLength(1);
  });
});

describe('switching mode', () => {
  test('believes both kinds, and asks WeChat Pay to use the public key', async () => {
    server.answerWith(answering([older], older));
    const { client, keys } = open('switching');
    await expect(client.prepay(prepay, budget)).resolves.toEqual(opened);
    expect(server.received.every(({ headers }) => headers['wechatpay-serial'] === PUBLIC_KEY_ID)).toBe(true);
    expect(known(keys, older)).toEqual([true]);
    server.answerWith((response) => {
      const body = JSON.stringify({ code_url: CODE_URL });
      response.writeHead(200, signedHeaders(wechat.privateKey, body, now, PUBLIC_KEY_ID)).end(body);
    });
    await expect(client.prepay(prepay, budget)).resolves.toEqual(opened);
  });

  test('goes on with the public key where there are no certificates (any more)', async () => {
    server.answerWith(bare(404, '{"code":"RESOURCE_NOT_EXISTS"}'));
    const { keys } = open('switching');
    expect(keys.get(PUBLIC_KEY_ID)).toBeDefined();
    await until('the download was refused', async () => lines.some((line) => 'err' in line));
    expect(keys.get(PUBLIC_KEY_ID)).toBeDefined();
  });
});

describe('the certificates', () => {
  let caller: Caller;
  let store: CertificateStore;
  const start = (refreshMs = 3_600_000): void => {
    store = openCertificateStore({
      ...{ caller, apiv3Key: APIV3_KEY, fixed: { get: () => undefined }, refreshMs, clock },
      elapsedMs: () => elapsedMs,
      log: { info: (fields) => void lines.push(fields), warn: (fields) => void lines.push(fields) },
    });
  };
  const settled = (count: number) =>
    until(`${count} downloads ended`, async () => lines.filter((l) => 'serials' in l || 'err' in l).length === count);
  beforeEach(() => {
    caller = createCaller({
      ...{ origins: [server.url], mchid: MCHID, merchantSerial: 'AB', publicKeyId: undefined, version: 'test', clock },
      merchantKey: readMerchantKey(merchant.privatePem),
      ...{ connectTimeoutMs: 5_000, breakerFailuresMax: 100, breakerOpenMs: 1 },
      log: { info: () => undefined, warn: () => undefined },
    });
  });
  afterEach(async () => {
    store.close();
    await caller.close();
  });

  test('rotation: a new one is learned when it is first met, and the old one still counts', async () => {
    server.answerWith(answering([older], older));
    start();
    await settled(1);
    server.answerWith(answering([newer], newer));
    elapsedMs = 60_000;
    await store.learn(newer.serial);
    expect(known(store, older, newer)).toEqual([true, true]);
  });

  test('strangers with a thousand serials cause one download a minute, and nobody waits for a second', async () => {
    server.answerWith(answering([older], older));
    start();
    await settled(1);
    const storm = () => Promise.all(Array.from({ length: 1_000 }, (_, i) => store.learn(`4D${i}`)));
    await storm();
    expect(downloads()).toBe(1);
    elapsedMs = 59_999;
    await storm();
    expect(downloads()).toBe(1);
    elapsedMs = 60_000;
    await storm();
    await storm();
    expect(downloads()).toBe(2);
  });

  test('whoever comes during a download waits for it', async () => {
    let release = (): void => undefined;
    server.answerWith((response, request) => (release = () => answering([older], older)(response, request)));
    start();
    await until('the download is under way', async () => downloads() === 1);
    const waiting = Promise.all(Array.from({ length: 20 }, () => store.learn(older.serial)));
    release();
    await waiting;
    expect([downloads(), ...known(store, older)]).toEqual([1, true]);
  });

  test('what can be no serial of a certificate is never looked for', async () => {
    server.answerWith(answering([older], older));
    start();
    await settled(1);
    elapsedMs = 60_000;
    for (const serial of [PUBLIC_KEY_ID, '', '__proto__', '4a00', `${older.serial}0`, '4A00 '])
      await store.learn(serial);
    expect(downloads()).toBe(1);
  });

  test('a download that fails leaves what is known, and the next interval tries again', async () => {
    server.answerWith(answering([older], older));
    start(30);
    await settled(1);
    server.answerWith(bare(400, '{"code":"PARAM_ERROR"}'));
    await until('a later one failed', async () => lines.some((line) => 'err' in line));
    expect(known(store, older)).toEqual([true]);
  });

  test('an interval brings what is new, without anybody asking', async () => {
    server.answerWith(answering([older], older), answering([older, newer], older));
    start(30);
    await until('the new one is known', async () => known(store, newer)[0] === true);
  });

  test('one that expired counts no longer, and is dropped', async () => {
    now = new Date(brief.expireTime.getTime() - 1);
    server.answerWith(answering([older, brief], older));
    start();
    await settled(1);
    expect(known(store, brief, older)).toEqual([true, true]);
    now = brief.expireTime;
    expect(known(store, brief, older)).toEqual([false, true]);
    elapsedMs = 60_000;
    await store.learn(brief.serial);
    expect(known(store, brief, older)).toEqual([false, true]);
    expect(lines.filter((line) => 'serials' in line).at(-1)).toEqual({ serials: [older.serial] });
  });

  test('nothing is downloaded after it was closed', async () => {
    server.answerWith(answering([older], older));
    start();
    await settled(1);
    store.close();
    elapsedMs = 60_000;
    await store.learn(newer.serial);
    expect(downloads()).toBe(1);
  });
});
