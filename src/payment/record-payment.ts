import { appendEvents } from '../platform/db/outbox';
import type { Tx } from '../platform/db/tx';
import { mintId } from '../platform/ids';
import { PaymentRow } from './payment.model';
import type { WechatpayTransaction } from './wechatpay/transaction';

/**
 * Records money that arrived, under the lock of its order. `applied` pays the order; `received` is money for an order
 * that is not waiting for it. The unique transaction_id makes a second row for the same money impossible.
 */
export async function recordPayment(
  tx: Tx,
  owner: { readonly orderId: string; readonly userId: string },
  status: 'applied' | 'received',
  transaction: WechatpayTransaction,
  now: Date,
): Promise<void> {
  const payment = await PaymentRow.query(tx).insert({
    id: mintId(now),
    orderId: owner.orderId,
    userId: owner.userId,
    method: 'wechatpay',
    status,
    transactionId: transaction.transactionId,
    amount: transaction.amountTotal,
    payerTotal: transaction.payerTotal,
    currency: transaction.currency,
    tradeType: transaction.tradeType,
    bankType: transaction.bankType,
    providerDiscounts: JSON.stringify(transaction.providerDiscounts),
    successTime: transaction.successTime,
    createTime: now,
  });
  await tellPayment(tx, payment, status, now);
}

/** Records that an order had nothing to pay: a payment row of method none, under the lock of its order. */
export async function recordNothingToPay(
  tx: Tx,
  owner: { readonly orderId: string; readonly userId: string; readonly currency: string },
  now: Date,
): Promise<void> {
  const payment = await PaymentRow.query(tx).insert({
    id: mintId(now),
    ...owner,
    method: 'none',
    status: 'applied',
    transactionId: null,
    amount: 0,
    payerTotal: null,
    tradeType: null,
    bankType: null,
    providerDiscounts: null,
    successTime: now,
    createTime: now,
  });
  await tellPayment(tx, payment, 'applied', now);
}

/** Tells whoever follows the events where a payment stands now. */
export async function tellPayment(
  tx: Tx,
  { id, orderId, userId, amount, currency }: PaymentRow,
  status: PaymentRow['status'],
  now: Date,
): Promise<void> {
  const payload = { payment_id: id, order_id: orderId, amount, currency };
  await appendEvents(tx, [{ type: `payment.${status}`, userId, payload }], now);
}

/** The recorded payment of a WeChat Pay transaction, if there is one. */
export async function findPayment(tx: Tx, transactionId: string): Promise<PaymentRow | undefined> {
  return PaymentRow.query(tx).findOne({ transactionId });
}
