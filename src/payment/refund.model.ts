import { Model } from 'objection';
import type { RefundStatus } from './refund-state';

/** Who wanted a refund: finance, this service, or somebody in the merchant portal. */
export type RefundCause = 'requested' | 'automatic' | 'external';

/** How a proposal ended: another person agreed, or did not, or nobody did in time. */
export type RefundDecision = 'approved' | 'rejected' | 'expired';

/** A row of `refunds`: money on its way back to a payer. The database keeps their sum within the payment. */
export class RefundRow extends Model {
  static override tableName = 'refunds';

  /** WeChat Pay's out_refund_no. */
  declare id: string;
  declare orderId: string;
  declare userId: string;
  declare paymentId: string;
  declare transactionId: string;
  declare cause: RefundCause;
  /** What goes back, in fen. */
  declare amount: number;
  /** What the payment brought, in fen. */
  declare total: number;
  declare currency: string;
  declare reason: string;
  /** An identity, or SYSTEM_ACTOR. */
  declare requestedBy: string;
  /** Where WeChat Pay was told to send its notification: a repeat must tell the same. */
  declare notifyUrl: string;
  /** The closed refund whose money this one brings back instead. */
  declare replaces: string | null;
  /** Units of the order's quota that wait for the outcome. */
  declare frozenUnits: number;
  /** The HOLD row that says so. */
  declare freezeSequence: number | null;
  /** When the order's lot was due, for one that waits for the outcome. */
  declare pausedGrantTime: Date | null;
  declare status: RefundStatus;
  /** WeChat Pay's id of it. */
  declare refundId: string | null;
  declare attempts: number;
  /** When it is sent or asked about next; null once its outcome is known. */
  declare nextAttemptTime: Date | null;
  declare createTime: Date;
  /** WeChat Pay's. */
  declare successTime: Date | null;
  declare applyTime: Date | null;
  /** Until when another person has to approve it; null of one that needs nobody's approval. */
  declare approveDeadline: Date | null;
  /** What became of a proposal; null until then. */
  declare decision: RefundDecision | null;
  /** The identity that decided, or SYSTEM_ACTOR where nobody did in time. */
  declare decidedBy: string | null;
  declare decideTime: Date | null;
  /** Why it was rejected. */
  declare decisionReason: string;
}
