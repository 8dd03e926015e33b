import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { fen, readBill, sumFen, type ReadBill } from './support/bill';
import type { Merchant } from './support/merchant';
import { Stage, payQuietly, untilRefunded } from './support/stage';

const HOUR_MS = 3_600_000;
const DAY = '2026-01-31';
const NOTIFY_URL = 'http://127.0.0.1:1/notify';

/** Names the same columns in the file and in its summary. */
const TRADE_TOTALS: readonly [column: string, total: string][] = [
  ['应结订单金额', '应结订单总金额'],
  ['退款金额', '退款总金额'],
  ['充值券退款金额', '充值券退款总金额'],
  ['手续费', '手续费总金额'],
  ['订单金额', '订单总金额'],
  ['申请退款金额', '申请退款总金额'],
];

describe('bills tell exactly what happened on a Shanghai day', () => {
  let stage: Stage;
  let merchant: Merchant;

  beforeAll(async () => {
    stage = new Stage();
    merchant = await stage.merchant();
    // 31 January, 23:59:59 in Shanghai: the next second belongs to February.
    await merchant.prepay('BILL_0001', NOTIFY_URL, { attach: 'a,b' });
    await merchant.control('POST', '/pay', { order_id: 'BILL_0001', drop: true });
    await payQuietly(merchant, 'BILL_0002', { discount: 900, discount_type: 'CASH' });
    await payQuietly(merchant, 'BILL_0003', { discount: 900, discount_type: 'NOCASH' });
    await merchant.refund('BILL_0001', 'B_1', 9900);
    await merchant.refund('BILL_0002', 'B_2', 4950);
    await merchant.refund('BILL_0003', 'B_3', 1100);
    await merchant.prepay('BILL_UNPAID', NOTIFY_URL);
    for (const number of ['B_1', 'B_2', 'B_3']) await untilRefunded(merchant, number, 'SUCCESS');
    stage.clock.advance(1_000);
    await payQuietly(merchant, 'BILL_0004');
    await merchant.control('POST', '/refunds', { outcome: 'PROCESSING' });
    await merchant.refund('BILL_0004', 'B_4', 9900);
  });
  afterAll(() => stage.close());

  const ask = (kind: string, query: string) => merchant.call('GET', `/v3/bill/${kind}?${query}`, '');

  test('not on the day itself, not before ten in the morning after, not for days that are none', async () => {
    const codes = async (day: string) => {
      const { status, json } = await ask('tradebill', `bill_date=${day}`);
      return [status, json['code']];
    };
    expect(await codes('2026-02-01')).toEqual([400, 'NO_STATEMENT_EXIST']);
    expect(await codes(DAY)).toEqual([400, 'STATEMENT_CREATING']);
    stage.clock.advance(10 * HOUR_MS - 1);
    expect(await codes(DAY)).toEqual([400, 'STATEMENT_CREATING']);
    stage.clock.advance(1);
    expect(await codes('2026-01-30')).toEqual([400, 'NO_STATEMENT_EXIST']);
    for (const day of ['2026-02-02', '2026-02-30', '2025-10-31', '20260131', '']) {
      expect(await codes(day)).toEqual([400, 'PARAM_ERROR']);
    }
    expect((await ask('tradebill', `bill_date=${DAY}`)).status).toBe(200);
  });

  test('a trade bill holds a row for each payment and each refund, and its totals are their sums', async () => {
    const bill = await fetchBill('tradebill', `bill_date=${DAY}`);
    expect(bill.rows).toHaveLength(6);
    expect(bill.summary['总交易单数']).toBe('6');
    for (const [column, total] of TRADE_TOTALS) {
      expect([column, fen(bill.summary[total] ?? '')]).toEqual([column, sumFen(bill.rows, column)]);
    }
    expect(bill.rows.map((row) => [row['商户订单号'], row['交易状态'], row['订单金额'], row['申请退款金额']])).toEqual([
      ['BILL_0001', 'SUCCESS', '99.00', '0.00'],
      ['BILL_0002', 'SUCCESS', '99.00', '0.00'],
      ['BILL_0003', 'SUCCESS', '99.00', '0.00'],
      ['BILL_0001', 'REFUND', '0.00', '99.00'],
      ['BILL_0002', 'REFUND', '0.00', '49.50'],
      ['BILL_0003', 'REFUND', '0.00', '11.00'],
    ]);
    expect(bill.rows[0]).toMatchObject({
      交易时间: '2026-01-31 23:59:59',
      特约商户号: '0',
      商户数据包: 'a,b',
      微信退款单号: '0',
      退款状态: '',
      手续费: '0.59000',
      费率: '0.60%',
    });
  });

  test('what a coupon bears, and what of the fee comes back', async () => {
    const { rows } = await fetchBill('tradebill', `bill_date=${DAY}`);
    const money = ['应结订单金额', '代金券金额', '退款金额', '充值券退款金额', '手续费', '退款状态'];
    expect(rows.map((row) => money.map((column) => row[column]))).toEqual([
      ['99.00', '0.00', '0.00', '0.00', '0.59000', ''],
      ['99.00', '9.00', '0.00', '0.00', '0.59000', ''],
      ['90.00', '9.00', '0.00', '0.00', '0.54000', ''],
      ['0.00', '0.00', '99.00', '0.00', '-0.59000', 'SUCCESS'],
      ['0.00', '0.00', '49.50', '4.50', '-0.30000', 'SUCCESS'],
      ['0.00', '0.00', '10.00', '0.00', '-0.06000', 'SUCCESS'],
    ]);
  });

  test('SUCCESS and REFUND are its two halves, with columns of their own', async () => {
    const success = await fetchBill('tradebill', `bill_date=${DAY}&bill_type=SUCCESS`);
    const refund = await fetchBill('tradebill', `bill_date=${DAY}&bill_type=REFUND`);
    expect([success.rows.length, refund.rows.length]).toEqual([3, 3]);
    expect(Object.keys(success.rows[0] ?? {})).toHaveLength(20);
    expect(Object.keys(refund.rows[0] ?? {})).toHaveLength(29);
    expect(Object.keys((await fetchBill('tradebill', `bill_date=${DAY}`)).rows[0] ?? {})).toHaveLength(27);
    expect(Object.keys(success.summary)).toEqual(['总交易单数', '应结订单总金额', '手续费总金额', '订单总金额']);
    expect(refund.rows[0]).toMatchObject({ 退款申请时间: '2026-01-31 23:59:59', 退款成功时间: '2026-01-31 23:59:59' });
  });

  test('a fund-flow bill holds each movement and what was left after it', async () => {
    const bill = await fetchBill('fundflowbill', `bill_date=${DAY}`);
    const signed = bill.rows.map((row) => (row['收支类型'] === '收入' ? 1 : -1) * fen(row['收支金额(元)'] ?? ''));
    const balances = signed.map((_, index) => signed.slice(0, index + 1).reduce((sum, one) => sum + one, 0));
    expect(bill.rows.map((row) => fen(row['账户结余(元)'] ?? ''))).toEqual(balances);
    expect(balances.at(-1)).toBe(9900 - 59 + 9900 - 59 + 9000 - 54 - (9900 - 59) - (4950 - 30) - (1000 - 6));
    expect(bill.summary).toEqual({
      资金流水总笔数: '12',
      收入笔数: '6',
      收入金额: '288.95',
      支出笔数: '6',
      支出金额: '160.22',
    });
    expect(new Set(bill.rows.map((row) => row['资金流水单号'])).size).toBe(12);
    const { json } = await ask('fundflowbill', `bill_date=${DAY}&account_type=OPERATION`);
    expect(json['code']).toBe('NO_STATEMENT_EXIST');
  });

  test('a status is that of the morning when the bill was made', async () => {
    stage.clock.advance(24 * HOUR_MS);
    await merchant.control('POST', '/refund', { order_id: 'BILL_0004', out_refund_no: 'B_4', drop: true });
    const { rows } = await fetchBill('tradebill', 'bill_date=2026-02-01&bill_type=REFUND');
    expect(rows).toMatchObject([{ 商户订单号: 'BILL_0004', 退款状态: 'PROCESSING', 退款成功时间: '' }]);
  });

  test('zipped, the hash is over what is inside', async () => {
    const { json } = await ask('tradebill', `bill_date=${DAY}&tar_type=GZIP`);
    const bytes = gunzipSync(await download(String(json['download_url'])));
    expect(createHash('sha1').update(bytes).digest('hex')).toBe(json['hash_value']);
    expect(readBill(bytes.toString('utf8')).rows).toHaveLength(6);
  });

  test.each(['bill_date=2026-01-31&tar_type=', 'bill_type=ALL', 'bill_date=2026-01-31&bill_type=ANY', 'day=1'])(
    'the query %s is refused',
    async (query) => {
      expect((await ask('tradebill', query)).json['code']).toBe('PARAM_ERROR');
    },
  );

  test('a download is unsigned, happens once, and not after five minutes', async () => {
    const first = await ask('tradebill', `bill_date=${DAY}`);
    const target = new URL(String(first.json['download_url']));
    const path = `${target.pathname}${target.search}`;
    const answer = await merchant.call('GET', path, '');
    expect([answer.status, answer.headers.get('wechatpay-signature')]).toEqual([200, null]);
    expect((await merchant.call('GET', path, '')).json['code']).toBe('INVALID_REQUEST');
    const second = new URL(String((await ask('tradebill', `bill_date=${DAY}`)).json['download_url']));
    stage.clock.advance(300_001);
    const late = await merchant.call('GET', `${second.pathname}${second.search}`, '');
    expect([late.status, late.json['code']]).toEqual([400, 'INVALID_REQUEST']);
  });

  test('a spoilt download has another hash', async () => {
    const { json } = await ask('tradebill', `bill_date=${DAY}`);
    await merchant.control('POST', '/fault', { name: 'badsign', path: '/v3/billdownload' });
    const bytes = await download(String(json['download_url']));
    expect(createHash('sha1').update(bytes).digest('hex')).not.toBe(json['hash_value']);
  });

  async function fetchBill(kind: string, query: string): Promise<ReadBill> {
    const answer = await ask(kind, query);
    expect(merchant.verifiedSerial(answer.headers, answer.text)).toBe(stage.material.publicKeyId);
    const bytes = await download(String(answer.json['download_url']));
    expect(answer.json).toMatchObject({
      hash_type: 'SHA1',
      hash_value: createHash('sha1').update(bytes).digest('hex'),
    });
    return readBill(bytes.toString('utf8'));
  }

  async function download(url: string): Promise<Buffer> {
    const { pathname, search } = new URL(url);
    return (await merchant.call('GET', `${pathname}${search}`, '')).bytes;
  }
});
