import type { Check } from '../check';
import { sqlCheck } from '../sql-check';
import { invariantCheck } from './invariant-check';

/** Whether money came as it is recorded: told of by WeChat Pay, once, and to the order that waited for it (R4.3, R10.3, R11.1). */

export const PAYMENT_CHECKS: readonly Check[] = [
  invariantCheck('INV-14', {
    id: 'payment-unverified',
    section: 'payments',
    item: 'payments-verified',
    severity: 'severe',
    title: {
      zh: '支付记录没有经过验证的来源：微信支付从未告知该笔款项',
      en: 'A payment that WeChat Pay never told of, or something that it told of without a payment',
    },
    fix: {
      zh: '到微信支付商户平台核对交易号。查无此交易的支付是伪造的：收回其发放的会员与配额，并追查写入者',
      en: 'Look for the transaction in the merchant portal. One that is not there was forged: revoke what it gave and find who wrote it',
    },
  }),
  sqlCheck(
    {
      id: 'transaction-recorded-twice',
      section: 'reuse',
      item: 'unique-keys',
      severity: 'severe',
      title: { zh: '同一微信支付交易被记账两次', en: 'A transaction of WeChat Pay is recorded more than once' },
      fix: {
        zh: '唯一约束 uk_payments_transaction 已失效或被删除：恢复它；一笔交易只能支付一个订单',
        en: 'The unique key uk_payments_transaction is gone or was: put it back; a transaction pays one order',
      },
    },
    `SELECT p.transaction_id, COUNT(*) AS payments, MIN(p.order_id) AS first_order_id, MAX(p.order_id) AS last_order_id
    FROM payments p
    WHERE p.transaction_id IS NOT NULL
    GROUP BY p.transaction_id
    HAVING COUNT(*) > 1`,
  ),
  invariantCheck('INV-31', {
    id: 'money-left-lying',
    section: 'payments',
    item: 'no-limbo',
    severity: 'severe',
    title: {
      zh: '收到的款项既没有用于订单，也没有在退回，且无人知晓',
      en: 'Money that no order was waiting for is not on its way back, and nobody was told',
    },
    fix: {
      zh: '为该支付发起退款，或由财务确认其去向',
      en: 'Open a refund of the payment, or have finance say where it belongs',
    },
  }),
];
