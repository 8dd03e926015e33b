import { z } from 'zod';
import { fromEpochMs } from '../../platform/time';
import type { Fen } from '../../platform/money';
import { amountShape, idShape, momentShape } from './told-shapes';

/**
 * A payment as WeChat Pay tells it, in a notification and in the answer to a query of a paid order. Only what we decide
 * or record by is required, unknown keys are ignored: money that arrived must not be refused over a field that nobody
 * reads. The payer's openid is left out on purpose.
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
  /** The payer's bank by WeChat's abbreviation (CMC_DEBIT, OTHERS …); null when not told or not readable. */
  readonly bankType: string | null;
  /** When WeChat took the money: it fixes the business day and the bill it matches. */
  readonly successTime: Date;
  /** What the order cost; to be compared with the order. */
  readonly amountTotal: Fen;
  /** What the user paid after WeChat's own discounts; null when not told. Never to be compared with the order. */
  readonly payerTotal: Fen | null;
  readonly currency: string;
  /** What explains that payerTotal is less than amountTotal; those that could be read. */
  readonly providerDiscounts: readonly ProviderDiscount[];
}

/** A discount that WeChat Pay gave the payer (promotion_detail). Amounts are null when not told. */
export interface ProviderDiscount {
  readonly couponId: string;
  readonly name: string | null;
  /** GLOBAL or SINGLE. */
  readonly scope: string | null;
  /** CASH: WeChat Pay settles it with us. NOCASH: it lessens what we are settled. */
  readonly type: string | null;
  readonly amount: Fen;
  readonly wechatpayContribute: Fen | null;
  readonly merchantContribute: Fen | null;
  readonly otherContribute: Fen | null;
}

/** A field that may not make us refuse money: what it can not be read as is null. */
const word = z.string().min(1).max(64).nullish().catch(null);
const contribution = amountShape.nullish().catch(null);

const discountShape = z
  .object({
    coupon_id: idShape,
    name: word,
    scope: word,
    type: word,
    amount: amountShape,
    wechatpay_contribute: contribution,
    merchant_contribute: contribution,
    other_contribute: contribution,
  })
  .transform((told): ProviderDiscount => ({
    couponId: told.coupon_id,
    name: told.name ?? null,
    scope: told.scope ?? null,
    type: told.type ?? null,
    amount: told.amount,
    wechatpayContribute: told.wechatpay_contribute ?? null,
    merchantContribute: told.merchant_contribute ?? null,
    otherContribute: told.other_contribute ?? null,
  }));

/** The documentation names no bound; what lies in the inbox has one. */
const DISCOUNTS_MAX = 50;

/** The readable discounts: the rest is dropped, because the money has arrived whatever is told of them. */
function readDiscounts(told: unknown): readonly ProviderDiscount[] {
  if (!Array.isArray(told)) return [];
  return told.slice(0, DISCOUNTS_MAX).flatMap((entry) => discountShape.safeParse(entry).data ?? []);
}

/**
 * Shape of the decrypted resource of TRANSACTION.SUCCESS, and of a query's answer once money has arrived.
 * Source: WeChat Pay API v3, 支付成功回调通知 and 查询订单.
 */
export const transactionShape = z
  .object({
    appid: idShape,
    mchid: idShape,
    out_trade_no: idShape,
    transaction_id: idShape,
    trade_state: idShape,
    trade_type: idShape.nullish(),
    bank_type: idShape.nullish().catch(null),
    success_time: momentShape,
    amount: z.object({ total: amountShape, payer_total: amountShape.nullish(), currency: z.string().min(1).max(16) }),
    promotion_detail: z.unknown().optional(),
  })
  .transform((told): WechatpayTransaction => ({
    appid: told.appid,
    mchid: told.mchid,
    outTradeNo: told.out_trade_no,
    transactionId: told.transaction_id,
    tradeState: told.trade_state,
    tradeType: told.trade_type ?? null,
    bankType: told.bank_type ?? null,
    successTime: told.success_time,
    amountTotal: told.amount.total,
    payerTotal: told.amount.payer_total ?? null,
    currency: told.amount.currency,
    providerDiscounts: readDiscounts(told.promotion_detail),
  }));

/** The stored form of a transaction in the inbox: JSON without personal data. */
export function transactionContent(transaction: WechatpayTransaction): Record<string, unknown> {
  const { successTime, ...facts } = transaction;
  return { ...facts, successTime: successTime.toISOString() };
}

/** What earlier versions of this service did not store. */
type StoredLater = 'bankType' | 'providerDiscounts';
type StoredTransaction = Omit<WechatpayTransaction, 'successTime' | StoredLater> &
  Partial<Pick<WechatpayTransaction, StoredLater>> & { readonly successTime?: string };

/** Reads the stored form back; undefined for events that carry no transaction. */
export function parseTransactionContent(content: string): WechatpayTransaction | undefined {
  const stored = JSON.parse(content) as StoredTransaction;
  if (stored.successTime === undefined) return undefined;
  const { bankType = null, providerDiscounts = [] } = stored;
  return { ...stored, bankType, providerDiscounts, successTime: fromEpochMs(Date.parse(stored.successTime)) };
}
