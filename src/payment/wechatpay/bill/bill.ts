import type { Fen } from '../../../platform/money';
import {
  findId,
  findText,
  needCount,
  needFen,
  needInstant,
  needMicroYuan,
  needText,
  readBillFile,
  type BillLine,
} from './bill-file';
import { BillUnusable } from '../wechatpay.errors';
import type { MicroYuan } from './yuan';

/**
 * The two daily bills (交易账单, 资金账单) in our words; pure. A bill is of one day in UTC+8: payments that were paid and
 * refunds that were accepted on it. Who paid (用户标识) is left out on purpose.
 * Source: WeChat Pay API v3, 申请交易账单 and 申请资金账单.
 */

/** What both bills have. */
interface Bill<Line, Summary> {
  /** `2026-01-31`, in UTC+8. */
  readonly day: string;
  /** False when WeChat Pay has no file for the day: nothing happened on it, or it was asked for too early. */
  readonly exists: boolean;
  readonly lines: readonly Line[];
  readonly summary: Summary;
}

export type TradeBill = Bill<TradeBillLine, TradeBillSummary>;
export type FundFlowBill = Bill<FundFlowLine, FundFlowSummary>;

/** One payment, or one refund of a payment that may be older. Amounts of the other kind are 0. */
export interface TradeBillLine {
  /** When it was paid; when the refund was accepted. */
  readonly time: Date;
  readonly appid: string;
  readonly mchid: string;
  readonly transactionId: string;
  /** Our order_id; of the original order in a refund's line, too. */
  readonly orderId: string;
  readonly tradeType: string | null;
  /** SUCCESS, REFUND or REVOKED. */
  readonly tradeState: string;
  readonly bankType: string | null;
  readonly currency: string;
  /** What the order cost less the discounts that we bear. */
  readonly settlementAmount: Fen;
  /** What the order cost: amount.total of the payment. */
  readonly orderAmount: Fen;
  readonly refundId: string | null;
  readonly outRefundNo: string | null;
  /** What was refunded less the discounts that we bore. */
  readonly refundAmount: Fen;
  /** What was asked to be refunded: amount.refund of the refund. */
  readonly requestedRefundAmount: Fen;
  readonly refundType: string | null;
  /** PROCESSING, SUCCESS …, as it was when the bill was made; never brought up to date. */
  readonly refundStatus: string | null;
  /** WeChat's fee; negative where it comes back. */
  readonly fee: MicroYuan;
  /** As written, `0.60%`. */
  readonly feeRate: string | null;
  readonly attach: string | null;
}

/** The bill's own count and sums over its lines. */
export interface TradeBillSummary {
  readonly count: number;
  readonly settlementAmount: Fen;
  readonly orderAmount: Fen;
  readonly refundAmount: Fen;
  readonly requestedRefundAmount: Fen;
  readonly fee: MicroYuan;
}

/** One movement on an account at WeChat Pay. */
export interface FundFlowLine {
  readonly time: Date;
  /** transaction_id of a payment, refund_id of a refund. */
  readonly businessId: string | null;
  readonly flowId: string;
  /** WeChat's words, an open list: 交易, 退款, 扣除交易手续费 … */
  readonly businessName: string;
  readonly businessType: string;
  readonly direction: 'income' | 'expense';
  readonly amount: Fen;
  readonly balance: Fen;
  readonly note: string | null;
  /** Our order_id or out_refund_no. */
  readonly voucherId: string | null;
}

/** The bill's own counts and sums. */
export interface FundFlowSummary {
  readonly count: number;
  readonly incomeCount: number;
  readonly incomeAmount: Fen;
  readonly expenseCount: number;
  readonly expenseAmount: Fen;
}

const DIRECTIONS: ReadonlyMap<string, FundFlowLine['direction']> = new Map([
  ['收入', 'income'],
  ['支出', 'expense'],
]);

/** Reads a trade bill of any kind (ALL). Throws BillUnusable: malformed. Its totals are checkTradeTotals's to judge. */
export function readTradeBill(day: string, file: Buffer): TradeBill {
  const { lines, summary } = readBillFile(file);
  return { day, exists: true, lines: lines.map(readTradeLine), summary: readTradeSummary(summary) };
}

function readTradeLine(line: BillLine): TradeBillLine {
  return {
    time: needInstant(line, '交易时间'),
    appid: needText(line, '公众账号ID'),
    mchid: needText(line, '商户号'),
    transactionId: needText(line, '微信订单号'),
    orderId: needText(line, '商户订单号'),
    tradeType: findText(line, '交易类型'),
    tradeState: needText(line, '交易状态'),
    bankType: findText(line, '付款银行'),
    currency: needText(line, '货币种类'),
    settlementAmount: needFen(line, '应结订单金额'),
    orderAmount: needFen(line, '订单金额'),
    refundId: findId(line, '微信退款单号'),
    outRefundNo: findId(line, '商户退款单号'),
    refundAmount: needFen(line, '退款金额'),
    requestedRefundAmount: needFen(line, '申请退款金额'),
    refundType: findText(line, '退款类型'),
    refundStatus: findText(line, '退款状态'),
    fee: needMicroYuan(line, '手续费'),
    feeRate: findText(line, '费率'),
    attach: findText(line, '商户数据包'),
  };
}

/** Reads the last line of a trade bill under its own header. */
export function readTradeSummary(summary: BillLine): TradeBillSummary {
  return {
    count: needCount(summary, '总交易单数'),
    settlementAmount: needFen(summary, '应结订单总金额'),
    orderAmount: needFen(summary, '订单总金额'),
    refundAmount: needFen(summary, '退款总金额'),
    requestedRefundAmount: needFen(summary, '申请退款总金额'),
    fee: needMicroYuan(summary, '手续费总金额'),
  };
}

/** Reads a fund-flow bill. Throws BillUnusable: malformed. Its totals are checkFundFlowTotals's to judge. */
export function readFundFlowBill(day: string, file: Buffer): FundFlowBill {
  const { lines, summary } = readBillFile(file);
  return {
    day,
    exists: true,
    lines: lines.map(readFundFlowLine),
    summary: {
      count: needCount(summary, '资金流水总笔数'),
      incomeCount: needCount(summary, '收入笔数'),
      incomeAmount: needFen(summary, '收入金额'),
      expenseCount: needCount(summary, '支出笔数'),
      expenseAmount: needFen(summary, '支出金额'),
    },
  };
}

function readFundFlowLine(line: BillLine): FundFlowLine {
  const direction = DIRECTIONS.get(needText(line, '收支类型'));
  if (direction === undefined) throw new BillUnusable('malformed', `line ${line.number}, column 收支类型`);
  return {
    time: needInstant(line, '记账时间'),
    businessId: findId(line, '微信支付业务单号'),
    flowId: needText(line, '资金流水单号'),
    businessName: needText(line, '业务名称'),
    businessType: needText(line, '业务类型'),
    direction,
    amount: needFen(line, '收支金额(元)'),
    balance: needFen(line, '账户结余(元)'),
    note: findText(line, '备注'),
    voucherId: findId(line, '业务凭证号'),
  };
}

/** Compares a trade bill with its own summary: a line that got lost is found. Throws BillUnusable: totals. */
export function checkTradeTotals({ lines, summary }: TradeBill): void {
  checkTotals(summary, {
    count: lines.length,
    settlementAmount: sum(lines, (line) => line.settlementAmount),
    orderAmount: sum(lines, (line) => line.orderAmount),
    refundAmount: sum(lines, (line) => line.refundAmount),
    requestedRefundAmount: sum(lines, (line) => line.requestedRefundAmount),
    fee: sum(lines, (line) => line.fee),
  });
}

/** Compares a fund-flow bill with its own summary. Throws BillUnusable: totals. */
export function checkFundFlowTotals({ lines, summary }: FundFlowBill): void {
  const income = lines.filter(({ direction }) => direction === 'income');
  const expense = lines.filter(({ direction }) => direction === 'expense');
  checkTotals(summary, {
    count: lines.length,
    incomeCount: income.length,
    incomeAmount: sum(income, (line) => line.amount),
    expenseCount: expense.length,
    expenseAmount: sum(expense, (line) => line.amount),
  });
}

/** Exact: the sum of integers is an integer, and one too large to be exact differs from the summary. */
function sum<Line>(lines: readonly Line[], amountOf: (line: Line) => number): number {
  return lines.reduce((total, line) => total + amountOf(line), 0);
}

function checkTotals<Summary extends object>(told: Summary, counted: Record<keyof Summary, number>): void {
  const names = Object.keys(counted) as (keyof Summary & string)[];
  const differing = names.filter((name) => Number(told[name]) !== counted[name]);
  if (differing.length > 0) throw new BillUnusable('totals', differing.join(', '));
}
