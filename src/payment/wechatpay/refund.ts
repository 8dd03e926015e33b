import { z } from 'zod';
import type { Fen } from '../../platform/money';
import { fitText } from './text';
import { amountShape, idShape, momentShape } from './told-shapes';

/**
 * Refunds (退款): what is asked, what is answered, and what a refund notification tells; pure.
 * Source: WeChat Pay API v3, 退款申请, 查询单笔退款, 退款结果通知.
 */
export const REFUND_PATH = '/v3/refund/domestic/refunds';

/** The same values always give the same bytes: a repeated refund must not differ from the first. */
export interface RefundRequest {
  /** Our number of the refund, 1–64 of [0-9A-Za-z_-|*@]: what makes a repeat harmless. Never used for another refund. */
  readonly outRefundNo: string;
  /** WeChat's id of the payment. */
  readonly transactionId: string;
  /** Shown to the payer; shortened and stripped to what WeChat Pay accepts. */
  readonly reason: string;
  /** Public URL of our notification route. */
  readonly notifyUrl: string;
  /** At least 1, at most what is left of `total`. */
  readonly amount: Fen;
  /** What the order cost. */
  readonly total: Fen;
}

/** A refund as WeChat Pay tells it. */
export interface ToldRefund {
  /** Our order_id. */
  readonly outTradeNo: string;
  readonly transactionId: string;
  /** WeChat's id of the refund. */
  readonly refundId: string;
  readonly outRefundNo: string;
  /** SUCCESS, CLOSED and ABNORMAL are final but for what people do; a CLOSED one needs a new out_refund_no. */
  readonly status: RefundStatus;
  /** When the payer got the money; told of SUCCESS only. */
  readonly successTime: Date | null;
  readonly amount: Fen;
  /** What the order cost. */
  readonly total: Fen;
}

const REFUND_STATUSES = ['PROCESSING', 'SUCCESS', 'CLOSED', 'ABNORMAL'] as const;
type RefundStatus = (typeof REFUND_STATUSES)[number];

const status = z.enum(REFUND_STATUSES);
const toldOfRefund = {
  out_trade_no: idShape,
  transaction_id: idShape,
  refund_id: idShape,
  out_refund_no: z.string().regex(/^[\x21-\x7e]{1,64}$/),
  success_time: momentShape.nullish(),
  amount: z.object({ refund: amountShape, total: amountShape }),
};

type Told = z.output<z.ZodObject<typeof toldOfRefund>>;

function toRefund(told: Told, state: RefundStatus): ToldRefund {
  return {
    outTradeNo: told.out_trade_no,
    transactionId: told.transaction_id,
    refundId: told.refund_id,
    outRefundNo: told.out_refund_no,
    status: state,
    successTime: told.success_time ?? null,
    amount: told.amount.refund,
    total: told.amount.total,
  };
}

/** Shape of the answer to a refund and to the query of one. */
export const refundAnswerShape = z
  .object({ ...toldOfRefund, status })
  .transform((told): ToldRefund => toRefund(told, told.status));

/** Shape of the decrypted resource of REFUND.…: there the state is called refund_status, and no appid is told. */
export const refundNotificationShape = z
  .object({ ...toldOfRefund, mchid: idShape, refund_status: status })
  .transform((told): ToldRefund & { readonly mchid: string } => ({
    ...toRefund(told, told.refund_status),
    mchid: told.mchid,
  }));

const REASON_BYTES_MAX = 80;

/** Where one refund is asked about. */
export function queryRefundPath(outRefundNo: string): string {
  return `${REFUND_PATH}/${encodeURIComponent(outRefundNo)}`;
}

/** The body's bytes: made once, signed and sent as they are. A reason of which nothing is left is not sent. */
export function refundBody(request: RefundRequest): Buffer {
  const reason = fitText(request.reason, REASON_BYTES_MAX);
  const body = {
    transaction_id: request.transactionId,
    out_refund_no: request.outRefundNo,
    ...(reason === '' ? {} : { reason }),
    notify_url: request.notifyUrl,
    amount: { refund: request.amount, total: request.total, currency: 'CNY' },
  };
  return Buffer.from(JSON.stringify(body));
}

/** Whether an answer is about the refund that was asked for: what is true of another may not be believed of ours. */
export function isAnswerTo(request: RefundRequest, told: ToldRefund): boolean {
  return (
    told.outRefundNo === request.outRefundNo &&
    told.transactionId === request.transactionId &&
    told.amount === request.amount &&
    told.total === request.total
  );
}
