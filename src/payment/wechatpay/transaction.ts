import { z } from 'zod';
import { fen, type Fen } from '../../platform/money';
import { fromEpochMs } from '../../platform/time';

/**
 * A payment as WeChat Pay tells it. Only what we decide or record by is required, unknown keys are ignored: money that
 * arrived must not be refused over a field that nobody reads. The payer's openid is left out on purpose.
 */
export interface WechatpayTransaction {
  readonly appid: string;
  readonly mchid: string;
  /** Our order_id. */
  readonly outTradeNo: string;
  /** WeChat's id of the payment. */
  readonly transactionId: string;
  /** SUCCESS in every notification by the documentation; whoever applies it must check, it is not assumed here. */
  readonly tradeState: string;
  /** NATIVE, JSAPI, MWEB, APP …; null when not told. */
  readonly tradeType: string | null;
  /** When WeChat took the money: it fixes the business day and the bill it matches. */
  readonly successTime: Date;
  /** What the order cost; to be compared with the order. */
  readonly amountTotal: Fen;
  /** What the user paid after WeChat's own discounts; null when not told. Never to be compared with the order. */
  readonly payerTotal: Fen | null;
  readonly currency: string;
}

const id = z.string().regex(/^[\x21-\x7e]{1,32}$/);
const amount = z.int().min(0).transform(fen);

/** WeChat Pay did not exist before; a time outside is nonsense that would book money into a year without a bill. */
const SUCCESS_TIME_FROM = Date.UTC(2010, 0);
const SUCCESS_TIME_BEFORE = Date.UTC(2100, 0);
const successTime = z.iso
  .datetime({ offset: true })
  .transform((text) => Date.parse(text))
  .pipe(z.number().min(SUCCESS_TIME_FROM).lt(SUCCESS_TIME_BEFORE))
  .transform(fromEpochMs);

/** Shape of the decrypted resource of TRANSACTION.SUCCESS. Source: WeChat Pay API v3, 支付成功回调通知. */
export const transactionShape = z
  .object({
    appid: id,
    mchid: id,
    out_trade_no: id,
    transaction_id: id,
    trade_state: id,
    trade_type: id.nullish(),
    success_time: successTime,
    amount: z.object({ total: amount, payer_total: amount.nullish(), currency: z.string().min(1).max(16) }),
  })
  .transform((told): WechatpayTransaction => ({
    appid: told.appid,
    mchid: told.mchid,
    outTradeNo: told.out_trade_no,
    transactionId: told.transaction_id,
    tradeState: told.trade_state,
    tradeType: told.trade_type ?? null,
    successTime: told.success_time,
    amountTotal: told.amount.total,
    payerTotal: told.amount.payer_total ?? null,
    currency: told.amount.currency,
  }));

/** The stored form of a transaction in the inbox: JSON without personal data. */
export function transactionContent(transaction: WechatpayTransaction): Record<string, unknown> {
  const { successTime, ...facts } = transaction;
  return { ...facts, successTime: successTime.toISOString() };
}

/** Reads the stored form back; undefined for events that carry no transaction. */
export function parseTransactionContent(content: string): WechatpayTransaction | undefined {
  const stored = JSON.parse(content) as Omit<WechatpayTransaction, 'successTime'> & { successTime?: string };
  if (stored.successTime === undefined) return undefined;
  return { ...stored, successTime: fromEpochMs(Date.parse(stored.successTime)) };
}
