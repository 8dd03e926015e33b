import type { WechatpayClient } from '../../../src/payment/wechatpay/client/client';
import { monotonicMs } from '../../../src/platform/clock';
import { PUBLIC_KEY_ID, signedHeaders } from '../../unit/payment/wechat-signer';
import {
  authorizationItems,
  isSignedBy,
  startAnsweringServer,
  type Answer,
  type AnsweringServer,
} from './answering-server';
import {
  bare,
  budget,
  CODE_URL,
  dropped,
  merchant,
  NOW,
  ok,
  openClient,
  opened,
  prepay,
  REQUEST_ID,
  signed,
  unavailable,
  type Lines,
} from './client-under-test';

let server: AnsweringServer;
let client: WechatpayClient;
let lines: Lines;

beforeAll(async () => {
  server = await startAnsweringServer();
});
beforeEach(() => {
  lines = [];
  ({ client } = openClient(server.url, lines));
});
afterEach(() => client.close());
afterAll(() => server.close());

test('a prepay is signed over the very bytes sent, and its verified answer gives the code_url', async () => {
  server.answerWith(ok);
  await expect(client.prepay(prepay, budget)).resolves.toEqual(opened);
  const [request] = server.received;
  expect(request).toMatchObject({ method: 'POST', url: '/v3/pay/transactions/native' });
  expect(isSignedBy(merchant.publicKey, request!)).toBe(true);
  expect(authorizationItems(request!)).toMatchObject({
    scheme: 'WECHATPAY2-SHA256-RSA2048',
    mchid: '1900007291',
    serial_no: '408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB',
    timestamp: String(NOW.getTime() / 1_000),
    nonce_str: expect.stringMatching(/^[0-9A-Za-z]{32}$/) as string,
  });
  expect(request!.headers).toMatchObject({
    accept: 'application/json',
    'content-type': 'application/json',
    'user-agent': `billing-guard/1.2.3 (node ${process.version})`,
    'wechatpay-serial': PUBLIC_KEY_ID,
  });
  expect(JSON.parse(request!.body.toString())).toEqual({
    appid: 'wxd678efb567ab6787',
    mchid: '1900007291',
    description: '月度会员 "¥99" ',
    out_trade_no: 'T20260701120000001',
    time_expire: '2026-07-01T12:30:05+08:00',
    notify_url: 'https://pay.example.com/wechatpay/notify/transaction',
    amount: { total: 9900, currency: 'CNY' },
  });
});

test.each<[string, Answer]>([
  ['unsigned', bare(200, JSON.stringify({ code_url: CODE_URL }))],
  ['signed over another body', signed(200, '{"code_url":"x"}', { 'wechatpay-nonce': 'other' })],
  [
    'signed with another key',
    signed(200, '{"code_url":"x"}', signedHeaders(merchant.privateKey, '{"code_url":"x"}', NOW)),
  ],
  ['named by an unknown serial', signed(200, '{"code_url":"x"}', { 'wechatpay-serial': 'PUB_KEY_ID_1' })],
  ['signed 301 s ago', signed(200, '{"code_url":"x"}', {}, new Date(NOW.getTime() - 301_000))],
  ['signed 301 s ahead', signed(200, '{"code_url":"x"}', {}, new Date(NOW.getTime() + 301_000))],
  ['a signed error envelope', signed(200, '{"code":"SYSTEMERROR","message":"…"}')],
  ['signed but not JSON', signed(200, 'ok')],
  ['signed and empty (204)', signed(204, '')],
  ['longer than 1 MiB', signed(200, JSON.stringify({ code_url: CODE_URL, fill: 'x'.repeat(1_048_576) }))],
  ['a redirect', bare(302, '')],
  ['HTTP 504', bare(504, '')],
  ['an HTML page in a 403', bare(403, '<html>blocked</html>')],
])('an answer that is %s leaves the outcome unknown and is not repeated', async (_, answer) => {
  server.answerWith(answer);
  await expect(client.prepay(prepay, budget)).rejects.toMatchObject(unavailable);
  expect(server.received).toHaveLength(1);
});

test.each<[string, Answer]>([
  ['500', bare(500, '{"code":"SYSTEM_ERROR","message":"…"}')],
  ['429', bare(429, '{"code":"FREQUENCY_LIMITED","message":"…"}')],
  ['202', bare(202, '')],
  ['an HTML 502', bare(502, '<html>Bad Gateway</html>')],
  ['an HTML 503', bare(503, '')],
  ['a dropped connection', dropped],
  [
    'a connection dropped within the body',
    (response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('{', () => response.destroy());
    },
  ],
  ['a signature probe', signed(200, '{}', { 'wechatpay-signature': 'WECHATPAY/SIGNTEST/x' })],
])('after %s the identical body goes out again under a nonce and signature of its own', async (_, answer) => {
  server.answerWith(answer, ok);
  await expect(client.prepay(prepay, budget)).resolves.toEqual(opened);
  const [first, second] = server.received;
  expect(server.received).toHaveLength(2);
  expect(second!.body.equals(first!.body)).toBe(true);
  expect(isSignedBy(merchant.publicKey, first!) && isSignedBy(merchant.publicKey, second!)).toBe(true);
  expect(authorizationItems(second!)['nonce_str']).not.toBe(authorizationItems(first!)['nonce_str']);
});

test.each<[string, Answer, Record<string, string>]>([
  ['500', bare(500, '{"code":"SYSTEMERROR"}'), { wechatpay_code: 'SYSTEM_ERROR', request_id: REQUEST_ID }],
  ['429', bare(429, '{"code":"RATELIMIT_EXCEEDED"}'), { wechatpay_code: 'RATELIMIT_EXCEEDED', request_id: REQUEST_ID }],
  ['a dropped connection', dropped, {}],
])('three times %s is given up as unknown, with what WeChat said', async (_, answer, metadata) => {
  server.answerWith(answer);
  const error: unknown = await client.prepay(prepay, budget).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ ...unavailable, metadata });
  expect(server.received).toHaveLength(3);
});

test.each([
  [400, 'PARAM_ERROR', 'PARAM_ERROR'],
  [400, 'ORDERPAID', 'ORDER_PAID'],
  [400, 'ORDERCLOSED', 'ORDER_CLOSED'],
  [401, 'SIGN_ERROR', 'SIGN_ERROR'],
  [403, 'OUT_TRADE_NO_USED', 'OUT_TRADE_NO_USED'],
])(
  'HTTP %i %s is a refusal: told as %s, not repeated, and whether it was signed is told too',
  async (status, code, told) => {
    const refused = { name: 'WechatpayRefused', httpStatus: status, code: told, requestId: REQUEST_ID };
    const body = JSON.stringify({ code, message: 'not for deciding', detail: {} });
    server.answerWith(bare(status, body));
    await expect(client.prepay(prepay, budget)).rejects.toMatchObject({ ...refused, isVerified: false });
    expect(server.received).toHaveLength(1);
    server.answerWith(signed(status, body));
    await expect(client.prepay(prepay, budget)).rejects.toMatchObject({ ...refused, isVerified: true });
  },
);

test.each<[string, Answer]>([
  ['never answers', () => undefined],
  ['stops within its body', (response) => void response.writeHead(200, { 'content-length': '100' }).write('{')],
])('a server that %s is repeated and given up within the budget', async (_, answer) => {
  server.answerWith(answer);
  const startedMs = monotonicMs();
  await expect(client.prepay(prepay, { timeoutMs: 900 })).rejects.toMatchObject(unavailable);
  expect(monotonicMs() - startedMs).toBeLessThan(1_400);
  expect(server.received.length).toBeGreaterThan(1);
});

test('a slow first answer leaves time for a second attempt', async () => {
  server.answerWith(() => undefined, ok);
  await expect(client.prepay(prepay, { timeoutMs: 1_500 })).resolves.toEqual(opened);
});

test('a caller who gives up ends the call at once and nothing is repeated', async () => {
  const caller = new AbortController();
  server.answerWith(() => caller.abort());
  await expect(client.prepay(prepay, { ...budget, signal: caller.signal })).rejects.toMatchObject(unavailable);
  await expect(client.prepay(prepay, { ...budget, signal: caller.signal })).rejects.toMatchObject(unavailable);
  expect(server.received).toHaveLength(1);
});

test('a port where nobody listens is an unknown outcome, after three attempts', async () => {
  const gone = await startAnsweringServer();
  await gone.close();
  const { client: lost } = openClient(gone.url, lines);
  await expect(lost.prepay(prepay, budget)).rejects.toMatchObject(unavailable);
  await lost.close();
  expect(lines).toHaveLength(3);
});

test('a refusal says which part of the request is meant, and never what stood there', async () => {
  const detail = { field: '/payer/openid', value: 'oU-secret', issue: 'oU-secret is unknown', location: 'body' };
  server.answerWith(signed(400, JSON.stringify({ code: 'PARAM_ERROR', message: 'oU-secret is unknown', detail })));
  const refused: unknown = await client.prepay(prepay, budget).catch((thrown: unknown) => thrown);
  expect(refused).toMatchObject({ code: 'PARAM_ERROR', place: { field: '/payer/openid', location: 'body' } });
  expect(lines).toMatchObject([{ outcome: 'refused', place: { field: '/payer/openid', location: 'body' } }]);
  expect(JSON.stringify([lines, refused, String(refused)])).not.toContain('oU-secret');
  const odd = { code: 'SIGN_ERROR', detail: { detail: { issue: 'sign not match' }, field: 'x y', location: 'moon' } };
  server.answerWith(bare(401, JSON.stringify(odd)));
  await expect(client.prepay(prepay, budget)).rejects.toMatchObject({
    code: 'SIGN_ERROR',
    place: { field: null, location: null },
  });
});

test('one log line per attempt, which holds no body, no signature and no key', async () => {
  server.answerWith(bare(500, '{"code":"SYSTEM_ERROR"}'), ok);
  await client.prepay(prepay, budget);
  const common = {
    host: server.url,
    method: 'POST',
    path: '/v3/pay/transactions/native',
    durationMs: expect.any(Number) as number,
  };
  expect(lines).toEqual([
    {
      ...common,
      attempt: 1,
      status: 500,
      outcome: 'unknown',
      code: 'SYSTEM_ERROR',
      wechatpayRequestId: REQUEST_ID,
      why: 'HTTP 500',
    },
    { ...common, attempt: 2, status: 200, outcome: 'answered', wechatpayRequestId: REQUEST_ID },
  ]);
});
