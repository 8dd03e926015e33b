import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { WechatpayClient } from '../../../src/payment/wechatpay/client/client';
import { fundFlowBillText, paidRow, tradeBillText } from '../../unit/payment/bill-text';
import { PUBLIC_KEY_ID } from '../../unit/payment/wechat-signer';
import { isSignedBy, startAnsweringServer, type Answer, type AnsweringServer } from './answering-server';
import { bare, budget, merchant, openClient, REQUEST_ID, signed, unavailable, type Lines } from './client-under-test';

const DAY = '2026-07-01';
const TOKEN = '/v3/billdownload/file?token=se%2Dcret&tartype=gzip';
const trade = tradeBillText();

let server: AnsweringServer;
let elsewhere: AnsweringServer;
let client: WechatpayClient;
let lines: Lines;
beforeAll(async () => {
  [server, elsewhere] = await Promise.all([startAnsweringServer(), startAnsweringServer()]);
});
beforeEach(() => {
  lines = [];
  ({ client } = openClient(server.url, lines));
});
afterEach(() => client.close());
afterAll(() => Promise.all([server.close(), elsewhere.close()]));

/** The signed answer that promises a file at an address. */
function link(file: Buffer, change: Record<string, unknown> = {}): Answer {
  const hash = createHash('sha1').update(file).digest('hex');
  const body = { hash_type: 'SHA1', hash_value: hash, download_url: `${server.url}${TOKEN}`, ...change };
  return signed(200, JSON.stringify(body));
}
/** The file itself, which WeChat Pay does not sign and gives no Request-ID. */
const file =
  (bytes: Buffer): Answer =>
  (response) =>
    response.writeHead(200, { 'content-type': 'application/x-gzip' }).end(bytes);
const download = () => client.downloadTradeBill(DAY, budget);
const unusable = (fault: string) => ({ name: 'BillUnusable', fault });

test('a trade bill is asked for packed, fetched at once with a signature over path and query, and read', async () => {
  server.answerWith(link(trade), file(gzipSync(trade)));
  const bill = await download();
  expect(bill).toMatchObject({ day: DAY, exists: true, summary: { count: 2, orderAmount: 9900 } });
  expect(bill.lines.map(({ tradeState }) => tradeState)).toEqual(['SUCCESS', 'REFUND']);
  expect(server.received.map(({ method, url }) => `${method} ${url}`)).toEqual([
    `GET /v3/bill/tradebill?bill_date=${DAY}&bill_type=ALL&tar_type=GZIP`,
    `GET ${TOKEN}`,
  ]);
  for (const request of server.received) {
    expect(isSignedBy(merchant.publicKey, request)).toBe(true);
    expect(request.headers['wechatpay-serial']).toBe(PUBLIC_KEY_ID);
  }
  expect(lines.map(({ path }) => path)).toEqual(['/v3/bill/tradebill', '/v3/billdownload/file']);
  expect(JSON.stringify(lines)).not.toMatch(/se%2Dcret|oUpF8u/);
});

test('a fund-flow bill names its account by account_type', async () => {
  const flows = fundFlowBillText();
  server.answerWith(link(flows), file(gzipSync(flows)));
  const bill = await client.downloadFundFlowBill(DAY, 'OPERATION', budget);
  expect(bill.lines.map(({ amount }) => amount)).toEqual([9900, 59]);
  expect(server.received[0]!.url).toBe(`/v3/bill/fundflowbill?bill_date=${DAY}&account_type=OPERATION&tar_type=GZIP`);
});

test('the hash is of the unpacked file, in either case; a server that did not pack is understood', async () => {
  const hash = createHash('sha1').update(trade).digest('hex').toUpperCase();
  server.answerWith(link(trade, { hash_value: hash }), file(trade));
  await expect(download()).resolves.toMatchObject({ summary: { count: 2 } });
});

test.each<[string, () => [Answer, Answer], string]>([
  ['is not the promised one', () => [link(trade), file(gzipSync(tradeBillText({ lineEnd: '\n' })))], 'hash'],
  ['is hashed packed', () => [link(gzipSync(trade)), file(gzipSync(trade))], 'hash'],
  ['was cut off on its way', () => [link(trade), file(gzipSync(trade).subarray(0, 200))], 'packing'],
  ['is a gzip bomb', () => [link(trade), file(gzipSync(Buffer.alloc(80_000_000)))], 'too_large'],
  ['is no bill', () => [link(Buffer.from('<html>')), file(Buffer.from('<html>'))], 'malformed'],
  [
    'lost a line',
    () => {
      const lost = tradeBillText({ rows: [paidRow()] });
      return [link(lost), file(gzipSync(lost))];
    },
    'totals',
  ],
])('a file that %s gives nothing', async (_, answers, fault) => {
  server.answerWith(...answers());
  await expect(download()).rejects.toMatchObject(unusable(fault));
});

test('a file longer than 16 MiB as it comes is not read on', async () => {
  server.answerWith(link(trade), file(Buffer.alloc(17_000_000, 'x')));
  await expect(download()).rejects.toMatchObject(unavailable);
  expect(server.received).toHaveLength(2);
});

test.each<[string, () => string]>([
  ['another port', () => `${elsewhere.url}${TOKEN}`],
  ['another name', () => server.url.replace('127.0.0.1', 'localhost') + TOKEN],
  ['a name that only begins like ours', () => `${server.url}.example.com${TOKEN}`.replace(/:\d+/, '')],
  ['ours as a user name', () => `${server.url}@${elsewhere.url.replace('http://', '')}${TOKEN}`],
])('an address on %s is not fetched: our signature goes to configured hosts only', async (_, address) => {
  elsewhere.answerWith(file(trade));
  server.answerWith(link(trade, { download_url: address() }), file(trade));
  await expect(download()).rejects.toBeDefined();
  expect([server.received.length, elsewhere.received.length]).toEqual([1, 0]);
});

test('an address on the backup host is fetched there', async () => {
  const { client: both } = openClient(server.url, lines, { backupBaseUrl: elsewhere.url });
  server.answerWith(link(trade, { download_url: `${elsewhere.url}${TOKEN}` }));
  elsewhere.answerWith(file(gzipSync(trade)));
  await expect(both.downloadTradeBill(DAY, budget)).resolves.toMatchObject({ exists: true });
  await both.close();
});

test.each([400, 404])('NO_STATEMENT_EXIST (HTTP %i): a day without anything, which is data', async (status) => {
  server.answerWith(signed(status, '{"code":"NO_STATEMENT_EXIST","message":"请求的账单文件不存在"}'));
  const nothing = { day: DAY, exists: false, lines: [] };
  await expect(download()).resolves.toMatchObject({ ...nothing, summary: { count: 0, orderAmount: 0, fee: 0 } });
  await expect(client.downloadFundFlowBill(DAY, 'BASIC', budget)).resolves.toMatchObject({
    ...nothing,
    summary: { count: 0, incomeAmount: 0 },
  });
});

test('STATEMENT_CREATING: not ready, told apart from a refusal', async () => {
  server.answerWith(signed(400, '{"code":"STATEMENT_CREATING"}'));
  await expect(download()).rejects.toMatchObject({ name: 'BillNotReady', day: DAY });
  server.answerWith(signed(403, '{"code":"NO_AUTH"}'));
  await expect(download()).rejects.toMatchObject({ name: 'WechatpayRefused', code: 'NO_AUTH' });
});

test.each<[string, Answer]>([
  ['unsigned', bare(200, JSON.stringify({ hash_type: 'SHA1', hash_value: '0'.repeat(40), download_url: 'https://x' }))],
  ['an error envelope', signed(200, '{"code":"SYSTEM_ERROR"}')],
  ['another kind of hash', signed(200, JSON.stringify({ hash_type: 'MD5', hash_value: '0'.repeat(32) }))],
])('a promise that is %s is not followed', async (_, answer) => {
  server.answerWith(answer);
  await expect(download()).rejects.toMatchObject(unavailable);
  expect(server.received).toHaveLength(1);
});

test('an address that is no longer valid says nothing about the bill: asking again helps', async () => {
  const expired = bare(400, '{"code":"PARAM_ERROR"}');
  server.answerWith(link(trade), expired);
  await expect(download()).rejects.toMatchObject({
    ...unavailable,
    metadata: { wechatpay_code: 'PARAM_ERROR', request_id: REQUEST_ID },
  });
});
