/** Bills as WeChat Pay writes them, for tests: written from the documentation, sharing no code with src. */
export const TRADE_COLUMNS =
  '交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注';
const TRADE_SUMMARY_COLUMNS =
  '总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额';

const PAID: Readonly<Record<string, string>> = {
  交易时间: '2026-07-01 12:00:05',
  公众账号ID: 'wxd678efb567ab6787',
  商户号: '1900007291',
  特约商户号: '0',
  设备号: '',
  微信订单号: '4200002600202607018888888888',
  商户订单号: 'T20260701120000001',
  用户标识: 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o',
  交易类型: 'NATIVE',
  交易状态: 'SUCCESS',
  付款银行: 'CMC_DEBIT',
  货币种类: 'CNY',
  应结订单金额: '99.00',
  代金券金额: '0.00',
  微信退款单号: '0',
  商户退款单号: '0',
  退款金额: '0.00',
  充值券退款金额: '0.00',
  退款类型: '',
  退款状态: '',
  商品名称: '月度会员, 含 `10` 点',
  商户数据包: '',
  手续费: '0.59400',
  费率: '0.60%',
  订单金额: '99.00',
  申请退款金额: '0.00',
  费率备注: '',
};
const REFUNDED: Readonly<Record<string, string>> = {
  ...PAID,
  交易时间: '2026-07-01 13:00:00',
  交易状态: 'REFUND',
  应结订单金额: '0.00',
  订单金额: '0.00',
  微信退款单号: '50000000382019052709732678860',
  商户退款单号: 'R20260701130000002',
  退款金额: '60.00',
  申请退款金额: '60.00',
  退款类型: 'ORIGINAL',
  退款状态: 'PROCESSING',
  手续费: '-0.36000',
};

const valueLine = (values: readonly string[]): string => values.map((value) => `\`${value}`).join(',');

interface BillText {
  readonly columns?: string;
  readonly rows?: readonly Readonly<Record<string, string>>[];
  readonly summary?: readonly string[];
  readonly lineEnd?: string;
  readonly mark?: string;
}

/** A trade bill of one payment and one refund, or of what is given. */
export function tradeBillText(change: BillText = {}): Buffer {
  const { columns = TRADE_COLUMNS, rows = [PAID, REFUNDED], lineEnd = '\r\n', mark = '\uFEFF' } = change;
  const summary = change.summary ?? ['2.0', '99.00', '60.00', '0.00', '0.23400', '99.00', '60.00'];
  const data = rows.map((row) => valueLine(columns.split(',').map((column) => row[column] ?? '')));
  const lines = [columns, ...data, TRADE_SUMMARY_COLUMNS, valueLine(summary)];
  return Buffer.from(mark + lines.map((line) => line + lineEnd).join(''));
}

/** The row of a payment, with changes. */
export const paidRow = (change: Readonly<Record<string, string>> = {}) => ({ ...PAID, ...change });
/** The row of a refund, with changes. */
export const refundedRow = (change: Readonly<Record<string, string>> = {}) => ({ ...REFUNDED, ...change });

/** A fund-flow bill of one payment and its fee. */
export function fundFlowBillText(lineEnd = '\r\n'): Buffer {
  const lines = [
    '记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号',
    '`2026-07-01 12:00:05,`4200002600202607018888888888,`1900007291202607010000000001,`交易,`交易,`收入,`99.00,`199.00,`system,`一\\n二,`T20260701120000001',
    '`2026-07-01 12:00:05,`4200002600202607018888888888,`1900007291202607010000000002,`扣除交易手续费,`交易,`支出,`0.59,`198.41,`system,`,`T20260701120000001',
    '资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额',
    '`2,`1,`99.00,`1,`0.59',
  ];
  return Buffer.from(`\uFEFF${lines.map((line) => line + lineEnd).join('')}`);
}
