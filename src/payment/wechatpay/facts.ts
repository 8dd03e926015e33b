import { createHash } from 'node:crypto';
import type { Database } from '../../platform/db/database';
import { readOnly } from '../../platform/db/tx';
import { PaymentRow } from '../payment.model';
import type { WechatpayTransaction } from './transaction';

/** Whom WeChat Pay paid. */
interface Payee {
  readonly mchid: string;
  readonly appid: string;
}

type DecisiveFacts = Payee &
  Pick<WechatpayTransaction, 'outTradeNo' | 'tradeState' | 'currency'> & { readonly amountTotal: number };

/** What is decided by. Two deliveries about the same money may differ in the rest: WeChat Pay words repeats anew. */
function decisiveFacts({ mchid, appid, outTradeNo, tradeState, amountTotal, currency }: DecisiveFacts): string {
  return JSON.stringify([mchid, appid, outTradeNo, tradeState, amountTotal, currency]);
}

/** Whether two deliveries tell the same about the same money. */
export function tellTheSame(first: WechatpayTransaction, second: WechatpayTransaction): boolean {
  return decisiveFacts(first) === decisiveFacts(second);
}

/** SHA-256 of what is decided by; of nothing for an event that nothing here applies yet. */
export function factsHash(transaction: WechatpayTransaction | undefined): Buffer {
  const facts = transaction === undefined ? '' : decisiveFacts(transaction);
  return createHash('sha256').update(facts).digest();
}

/**
 * Whether a delivery tells what was recorded as the payment of its transaction_id. What the inbox row tells is no
 * measure: its first content may have been refused, and another one applied.
 */
export async function tellsRecordedPayment(db: Database, told: WechatpayTransaction, payee: Payee): Promise<boolean> {
  const { transactionId } = told;
  const payment = await readOnly(db, (reader) => PaymentRow.query(reader).findOne({ transactionId }));
  if (payment === undefined) return false;
  const { orderId: outTradeNo, amount: amountTotal, currency } = payment;
  return decisiveFacts(told) === decisiveFacts({ ...payee, outTradeNo, tradeState: 'SUCCESS', amountTotal, currency });
}
