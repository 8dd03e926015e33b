import type { Books } from '../books';
import { FEE_RATE, yuan, yuanOfFee } from '../money';
import { settlementFen, transactionFeeFen, type Order, type Transaction } from '../order';
import { refundStatusAt, statusTimeMs, type PaidOrder, type Refund } from '../refund';
import { paidOrderOf } from '../refund-desk';
import { shanghaiDateTime } from '../time';
import type { Bill } from './bill-file';
import { isWithin, type BillDay } from './bill-day';

export const TRADE_BILL_TYPES = ['ALL', 'SUCCESS', 'REFUND'] as const;
export type TradeBillType = (typeof TRADE_BILL_TYPES)[number];

const HEAD = [
  ...['交易时间', '公众账号ID', '商户号', '特约商户号', '设备号', '微信订单号', '商户订单号', '用户标识', '交易类型'],
  ...['交易状态', '付款银行', '货币种类', '应结订单金额', '代金券金额'],
];
const REFUND_TIMES = ['退款申请时间', '退款成功时间'];
const REFUND_COLUMNS = ['微信退款单号', '商户退款单号', '退款金额', '充值券退款金额', '退款类型', '退款状态'];
const COLUMNS: Readonly<Record<TradeBillType, readonly string[]>> = {
  ALL: [...HEAD, ...REFUND_COLUMNS, ...tail('订单金额', '申请退款金额')],
  SUCCESS: [...HEAD, ...tail('订单金额')],
  REFUND: [...HEAD, ...REFUND_TIMES, ...REFUND_COLUMNS, ...tail('订单金额', '申请退款金额')],
};

function tail(...amounts: string[]): string[] {
  return ['商品名称', '商户数据包', '手续费', '费率', ...amounts, '费率备注'];
}

/** One row, with its amounts still in fen for the summary. */
interface Row {
  readonly timeMs: number;
  readonly cells: Readonly<Record<string, string>>;
  readonly fen: Readonly<Record<SummedColumn, number>>;
}

const SUMMED_COLUMNS = ['应结订单金额', '退款金额', '充值券退款金额', '手续费', '订单金额', '申请退款金额'] as const;
type SummedColumn = (typeof SUMMED_COLUMNS)[number];

/** What was paid and what refunds were accepted on a day, as it stood when the bill was made. */
export function tradeBill(books: Books, day: BillDay, type: TradeBillType): Bill {
  const payments = type === 'REFUND' ? [] : books.orders().flatMap((order) => paymentRow(order, day));
  const refunds = type === 'SUCCESS' ? [] : books.refunds().flatMap((refund) => refundRow(books, refund, day));
  const rows = [...payments, ...refunds].sort((one, other) => one.timeMs - other.timeMs);
  return { columns: COLUMNS[type], rows: rows.map(({ cells }) => cells), summary: summary(rows, type) };
}

function summary(rows: readonly Row[], type: TradeBillType): Bill['summary'] {
  const sum = (column: SummedColumn): number => rows.reduce((total, { fen }) => total + fen[column], 0);
  const all = [
    ['总交易单数', String(rows.length)],
    ['应结订单总金额', yuan(sum('应结订单金额'))],
    ['退款总金额', yuan(sum('退款金额'))],
    ['充值券退款总金额', yuan(sum('充值券退款金额'))],
    ['手续费总金额', yuanOfFee(sum('手续费'))],
    ['订单总金额', yuan(sum('订单金额'))],
    ['申请退款总金额', yuan(sum('申请退款金额'))],
  ] as const;
  return type === 'SUCCESS' ? all.filter(([column]) => !column.includes('退款')) : all;
}

function paymentRow(order: Order, day: BillDay): Row[] {
  const { transaction } = order;
  if (transaction === undefined || !isWithin(day, transaction.successTimeMs)) return [];
  const fen = {
    应结订单金额: settlementFen(transaction),
    退款金额: 0,
    充值券退款金额: 0,
    手续费: transactionFeeFen(transaction),
    订单金额: transaction.amountFen,
    申请退款金额: 0,
  };
  const state = {
    交易状态: 'SUCCESS',
    代金券金额: yuan(transaction.discount?.amountFen ?? 0),
    微信退款单号: '0',
    商户退款单号: '0',
    退款类型: '',
    退款状态: '',
  };
  return [row({ ...order, transaction }, transaction.successTimeMs, state, fen)];
}

function refundRow(books: Books, refund: Refund, day: BillDay): Row[] {
  if (!isWithin(day, refund.createTimeMs)) return [];
  const order = paidOrderOf(books, refund);
  const isCash = order.transaction.discount?.type === 'CASH';
  const fen = {
    应结订单金额: 0,
    退款金额: refund.settlementRefundFen,
    充值券退款金额: isCash ? refund.discountRefundFen : 0,
    手续费: -refund.feeReturnFen,
    订单金额: 0,
    申请退款金额: refund.amountFen,
  };
  const status = refundStatusAt(refund, day.snapshotMs);
  const state = {
    交易状态: 'REFUND',
    代金券金额: yuan(0),
    退款申请时间: shanghaiDateTime(new Date(refund.createTimeMs)),
    退款成功时间: status === 'SUCCESS' ? shanghaiDateTime(new Date(statusTimeMs(refund))) : '',
    微信退款单号: refund.refundId,
    商户退款单号: refund.outRefundNo,
    退款类型: 'ORIGINAL',
    退款状态: status,
  };
  return [row(order, refund.createTimeMs, state, fen)];
}

function row(order: PaidOrder, timeMs: number, state: Readonly<Record<string, string>>, fen: Row['fen']): Row {
  const { parameters, transaction } = order;
  const amounts = SUMMED_COLUMNS.map((column) => [
    column,
    column === '手续费' ? yuanOfFee(fen[column]) : yuan(fen[column]),
  ]);
  const cells = { ...tradeCells(order, transaction), ...state, ...(Object.fromEntries(amounts) as object) };
  return { timeMs, fen, cells: { 交易时间: shanghaiDateTime(new Date(timeMs)), 商户号: parameters.mchid, ...cells } };
}

function tradeCells({ parameters, outTradeNo, tradeType }: Order, transaction: Transaction): Record<string, string> {
  return {
    公众账号ID: parameters.appid,
    特约商户号: '0',
    设备号: parameters.scene_info?.device_id ?? '',
    微信订单号: transaction.transactionId,
    商户订单号: outTradeNo,
    用户标识: transaction.openid,
    交易类型: tradeType,
    付款银行: 'OTHERS',
    货币种类: 'CNY',
    商品名称: parameters.description,
    商户数据包: parameters.attach ?? '',
    费率: FEE_RATE,
    费率备注: '',
  };
}
