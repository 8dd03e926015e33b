import fc from 'fast-check';
import {
  checkFundFlowTotals,
  checkTradeTotals,
  readFundFlowBill,
  readTradeBill,
} from '../../../src/payment/wechatpay/bill/bill';
import { fundFlowBillText, paidRow, refundedRow, TRADE_COLUMNS, tradeBillText } from './bill-text';

const DAY = '2026-07-01';
const refusedFor = (fault: string) => expect.objectContaining({ name: 'BillUnusable', fault }) as Error;

const paid = {
  time: new Date('2026-07-01T04:00:05Z'),
  appid: 'wxd678efb567ab6787',
  mchid: '1900007291',
  transactionId: '4200002600202607018888888888',
  orderId: 'T20260701120000001',
  tradeType: 'NATIVE',
  tradeState: 'SUCCESS',
  bankType: 'CMC_DEBIT',
  currency: 'CNY',
  settlementAmount: 9900,
  orderAmount: 9900,
  refundId: null,
  outRefundNo: null,
  refundAmount: 0,
  requestedRefundAmount: 0,
  refundType: null,
  refundStatus: null,
  fee: 594_000,
  feeRate: '0.60%',
  attach: null,
};
const refunded = {
  ...paid,
  time: new Date('2026-07-01T05:00:00Z'),
  tradeState: 'REFUND',
  settlementAmount: 0,
  orderAmount: 0,
  refundId: '50000000382019052709732678860',
  outRefundNo: 'R20260701130000002',
  refundAmount: 6000,
  requestedRefundAmount: 6000,
  refundType: 'ORIGINAL',
  refundStatus: 'PROCESSING',
  fee: -360_000,
};
const summary = {
  count: 2,
  settlementAmount: 9900,
  orderAmount: 9900,
  refundAmount: 6000,
  requestedRefundAmount: 6000,
  fee: 234_000,
};

test.each([
  ['CRLF and a byte order mark', {}],
  ['LF', { lineEnd: '\n' }],
  ['no byte order mark', { mark: '' }],
  ['columns in another order', { columns: TRADE_COLUMNS.split(',').reverse().join(',') }],
  ['a column more', { columns: `新的一列,${TRADE_COLUMNS}` }],
  ['columns that nobody needs missing', { columns: TRADE_COLUMNS.replace(',设备号', '').replace(',费率备注', '') }],
])('a trade bill is read by the names of its columns, with %s', (_, change) => {
  const bill = readTradeBill(DAY, tradeBillText(change));
  expect(bill).toEqual({ day: DAY, exists: true, lines: [paid, refunded], summary });
  expect(() => checkTradeTotals(bill)).not.toThrow();
});

test('the payer is not kept', () => {
  expect(JSON.stringify(readTradeBill(DAY, tradeBillText()))).not.toContain('oUpF8u');
});

test('a fund-flow bill is read, fees as lines of their own', () => {
  const bill = readFundFlowBill(DAY, fundFlowBillText());
  expect(bill.lines).toMatchObject([
    { businessName: '交易', direction: 'income', amount: 9900, balance: 19900, note: '一\\n二' },
    { businessName: '扣除交易手续费', direction: 'expense', amount: 59, balance: 19841, note: null },
  ]);
  expect(bill.summary).toEqual({ count: 2, incomeCount: 1, incomeAmount: 9900, expenseCount: 1, expenseAmount: 59 });
  expect(() => checkFundFlowTotals(bill)).not.toThrow();
  expect(readFundFlowBill(DAY, fundFlowBillText('\n'))).toEqual(bill);
});

test('a fund-flow line that is neither income nor expense is refused', () => {
  const text = fundFlowBillText().toString().replace('`支出', '`其他');
  expect(() => readFundFlowBill(DAY, Buffer.from(text))).toThrow(refusedFor('malformed'));
});

test.each<[string, Parameters<typeof tradeBillText>[0]]>([
  ['a needed column missing', { columns: TRADE_COLUMNS.replace(',订单金额', '') }],
  ['a column twice', { columns: `${TRADE_COLUMNS},订单金额` }],
  ['an amount in another form', { rows: [paidRow({ 订单金额: '9,900.00' })] }],
  ['an amount of less than a fen', { rows: [paidRow({ 订单金额: '99.001' })] }],
  ['a day that does not exist', { rows: [paidRow({ 交易时间: '2026-02-30 12:00:00' })] }],
  ['a time in another form', { rows: [paidRow({ 交易时间: '2026/7/1 12:00' })] }],
  ['a count that is none', { summary: ['2.5', '99.00', '60.00', '0.00', '0.23400', '99.00', '60.00'] }],
  ['a summary value missing', { summary: ['2', '99.00', '60.00', '0.00', '0.23400', '99.00'] }],
])('a bill with %s is malformed, and no value of it is told', (_, change) => {
  const read = () => readTradeBill(DAY, tradeBillText(change));
  expect(read).toThrow(refusedFor('malformed'));
  expect(read).not.toThrow(/9,900|99\.001|02-30|7\/1/);
});

test.each([
  ['nothing', ''],
  ['an HTML page', '<html>\n<body>\n</html>\n'],
  ['a header alone', `${TRADE_COLUMNS}\n`],
  ['a line cut off', tradeBillText().toString().replace(',`0.60%', '')],
  ['a line without backticks', tradeBillText().toString().replaceAll('`', '')],
])('%s is malformed', (_, text) => {
  expect(() => readTradeBill(DAY, Buffer.from(text))).toThrow(refusedFor('malformed'));
});

test('bytes that are no UTF-8 are malformed', () => {
  const bytes = Buffer.concat([tradeBillText(), Buffer.from([0xff, 0xfe])]);
  expect(() => readTradeBill(DAY, bytes)).toThrow(refusedFor('malformed'));
});

test('a bill that lost or changed a line does not agree with its summary', () => {
  for (const rows of [[], [paidRow()], [paidRow(), refundedRow({ 申请退款金额: '60.01' })]]) {
    const bill = readTradeBill(DAY, tradeBillText({ rows }));
    expect(() => checkTradeTotals(bill)).toThrow(refusedFor('totals'));
  }
});

test('whatever the values hold, commas and backticks among them, lines are taken apart where they were put together', () => {
  const value = fc.string({ unit: fc.constantFrom('a', '`', ',', '衣', ' ', '0'), maxLength: 8 });
  // The one sequence that ends a value.
  const unambiguous = value.filter((text) => !text.includes(',`') && !text.endsWith(','));
  fc.assert(
    fc.property(unambiguous, unambiguous, (attach, name) => {
      const rows = [paidRow({ 商户数据包: attach, 商品名称: name }), refundedRow()];
      const [line] = readTradeBill(DAY, tradeBillText({ rows })).lines;
      expect(line).toEqual({ ...paid, attach: attach === '' ? null : attach });
    }),
  );
});
