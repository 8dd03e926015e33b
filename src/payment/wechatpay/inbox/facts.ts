import { createHash } from 'node:crypto';
import type { Database } from '../../../platform/db/database';
import { readOnly } from '../../../platform/db/tx';
import { PaymentRow } from '../../payment.model';
import { RefundRow } from '../../refund.model';
import type { NotifiedRefund, Told } from './told';
import type { WechatpayTransaction } from '../transaction';

/** Whom WeChat Pay paid, or took money back from. */
interface Payee {
  readonly mchid: string;
  readonly appid: string;
}

type PaymentFacts = Payee &
  Pick<WechatpayTransaction, 'outTradeNo' | 'tradeState' | 'currency'> & { readonly amountTotal: number };

/** What is decided by. Two deliveries about the same money may differ in the rest: WeChat Pay words repeats anew. */
function paymentFacts({ mchid, appid, outTradeNo, tradeState, amountTotal, currency }: PaymentFacts): string {
  return JSON.stringify([mchid, appid, outTradeNo, tradeState, amountTotal, currency]);
}

type RefundFacts = Pick<NotifiedRefund, 'mchid' | 'outTradeNo' | 'transactionId' | 'outRefundNo' | 'refundId'> & {
  readonly amount: number;
  readonly total: number;
};

/** The same of a refund. Its state is what its event says, which is part of the row's key. */
function refundFacts(refund: RefundFacts): string {
  const { mchid, outTradeNo, transactionId, outRefundNo, refundId, amount, total } = refund;
  return JSON.stringify([mchid, outTradeNo, transactionId, outRefundNo, refundId, amount, total]);
}

/** Of an event that nothing here applies nothing is decided by. */
function decisiveFacts(told: Told): string {
  if (told.kind === 'payment') return paymentFacts(told.transaction);
  return told.kind === 'refund' ? refundFacts(told.refund) : '';
}

/** Whether two deliveries tell the same about the same money. */
export function tellTheSame(first: Told, second: Told): boolean {
  return decisiveFacts(first) === decisiveFacts(second);
}

/** SHA-256 of what is decided by. */
export function factsHash(told: Told): Buffer {
  return createHash('sha256').update(decisiveFacts(told)).digest();
}

/**
 * Whether a delivery tells what was recorded as the payment of its transaction_id, or as the refund of its out_refund_no.
 * What the inbox row tells is no measure: its first content may have been refused, and another one applied.
 */
export async function tellsWhatIsRecorded(db: Database, told: Told, payee: Payee): Promise<boolean> {
  if (told.kind === 'payment') return tellsRecordedPayment(db, told.transaction, payee);
  return told.kind === 'refund' && tellsRecordedRefund(db, told.refund, payee);
}

async function tellsRecordedPayment(db: Database, told: WechatpayTransaction, payee: Payee): Promise<boolean> {
  const { transactionId } = told;
  const payment = await readOnly(db, (reader) => PaymentRow.query(reader).findOne({ transactionId }));
  if (payment === undefined) return false;
  const { orderId: outTradeNo, amount: amountTotal, currency } = payment;
  return paymentFacts(told) === paymentFacts({ ...payee, outTradeNo, tradeState: 'SUCCESS', amountTotal, currency });
}

async function tellsRecordedRefund(db: Database, told: NotifiedRefund, { mchid }: Payee): Promise<boolean> {
  const { outRefundNo } = told;
  const refund = await readOnly(db, (reader) => RefundRow.query(reader).findById(outRefundNo));
  if (refund === undefined) return false;
  const { orderId: outTradeNo, transactionId, amount, total } = refund;
  const refundId = refund.refundId ?? told.refundId;
  return refundFacts(told) === refundFacts({ mchid, outTradeNo, transactionId, outRefundNo, refundId, amount, total });
}
