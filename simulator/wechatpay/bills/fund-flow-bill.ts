import { movements } from '../account';
import type { Books } from '../books';
import { yuan } from '../money';
import { shanghaiDateTime } from '../time';
import { isWithin, type BillDay } from './bill-day';
import type { Bill } from './bill-file';

export const ACCOUNT_TYPES = ['BASIC', 'OPERATION', 'FEES'] as const;
export type AccountType = (typeof ACCOUNT_TYPES)[number];

const COLUMNS = [
  ...[
    '记账时间',
    '微信支付业务单号',
    '资金流水单号',
    '业务名称',
    '业务类型',
    '收支类型',
    '收支金额(元)',
    '账户结余(元)',
  ],
  ...['资金变更提交申请人', '备注', '业务凭证号'],
];

/** What moved on an account on a day, and what was left after each movement. Only the basic account ever moves. */
export function fundFlowBill(books: Books, day: BillDay, account: AccountType): Bill {
  let balance = 0;
  const rows: Record<string, string>[] = [];
  const totals = { income: { count: 0, fen: 0 }, outgo: { count: 0, fen: 0 } };
  for (const movement of account === 'BASIC' ? movements(books) : []) {
    const { amountFen, timeMs } = movement;
    balance += amountFen;
    if (!isWithin(day, timeMs)) continue;
    const total = amountFen > 0 ? totals.income : totals.outgo;
    total.count += 1;
    total.fen += Math.abs(amountFen);
    rows.push({
      记账时间: shanghaiDateTime(new Date(timeMs)),
      微信支付业务单号: movement.businessId,
      资金流水单号: movement.flowNumber,
      业务名称: movement.name,
      业务类型: movement.name,
      收支类型: amountFen > 0 ? '收入' : '支出',
      '收支金额(元)': yuan(Math.abs(amountFen)),
      '账户结余(元)': yuan(balance),
      资金变更提交申请人: 'system',
      备注: '',
      业务凭证号: movement.voucher,
    });
  }
  const summary = [
    ['资金流水总笔数', String(rows.length)],
    ['收入笔数', String(totals.income.count)],
    ['收入金额', yuan(totals.income.fen)],
    ['支出笔数', String(totals.outgo.count)],
    ['支出金额', yuan(totals.outgo.fen)],
  ] as const;
  return { columns: COLUMNS, rows, summary };
}
