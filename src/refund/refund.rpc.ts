import { z } from 'zod';
import { RefundCause, RefundDecision, RefundStatus, type Refund } from '../gen/billing/v1/order_service.pb';
import { readOrder, toOrderMessage, type RefundHandlers } from '../order';
import type {
  RefundCause as StoredCause,
  RefundDecision as StoredDecision,
  RefundRow,
  RefundStatus as StoredStatus,
} from '../payment';
import { fen } from '../platform/money';
import * as rules from '../platform/request-rules';
import type { CallContext } from '../platform/rpc/context';
import { attemptRefund } from './advance-refund';
import { approveRefund, rejectRefund } from './decide-refund';
import { quoteRefund } from './quote-refund';
import { refundOrder } from './refund-order';
import type { RefundParts } from './refund-parts';
import { listProposals, readRefund } from './refund.queries';

const STATUSES: Readonly<Record<StoredStatus, RefundStatus>> = {
  proposed: RefundStatus.PROPOSED,
  created: RefundStatus.CREATED,
  processing: RefundStatus.PROCESSING,
  succeeded: RefundStatus.SUCCEEDED,
  closed: RefundStatus.CLOSED,
  abnormal: RefundStatus.ABNORMAL,
  failed: RefundStatus.FAILED,
};

const CAUSES: Readonly<Record<StoredCause, RefundCause>> = {
  requested: RefundCause.REQUESTED,
  automatic: RefundCause.AUTOMATIC,
  external: RefundCause.EXTERNAL,
};

const DECISIONS: Readonly<Record<StoredDecision, RefundDecision>> = {
  approved: RefundDecision.APPROVED,
  rejected: RefundDecision.REJECTED,
  expired: RefundDecision.EXPIRED,
};

const REASON_BYTES_MAX = 80;

/** What WeChat Pay shows the payer: it refuses control characters, and characters of four bytes such as emoji. */
const reason = z
  .string()
  .min(1, 'is required')
  .refine((text) => [...text].length <= 80, 'has more than 80 characters')
  .refine((text) => Buffer.byteLength(text) <= REASON_BYTES_MAX, `has more than ${REASON_BYTES_MAX} bytes in UTF-8`)
  .refine((text) => !/[\p{Cc}\p{Cs}]/u.test(text), 'must not contain control characters')
  .refine((text) => !/[\u{10000}-\u{10ffff}]/u.test(text), 'must not contain characters of four bytes')
  .refine((text) => text.trim() !== '', 'must not be blank');

const amount = z.number().int('must be a whole number').min(0, 'must not be negative').transform(fen);
const quoteRequest = z.object({ userId: rules.opaqueId, orderId: rules.orderId, amount });
const refundRequest = quoteRequest.extend({ requestId: rules.opaqueId, reason });
const approveRequest = z.object({ requestId: rules.opaqueId, refundId: rules.opaqueId });
/** For people alone: the payer does not see it. */
const rejectReason = rules.freeText.refine((text) => text.trim() !== '', 'is required');
const rejectRequest = approveRequest.extend({ reason: rejectReason });
const listRequest = z.object({ pageSize: rules.pageSize, pageToken: rules.pageToken });

/** Row → message; GetOrder shows the same. */
export function toRefundMessage(row: RefundRow): Refund {
  const { id: refundId, orderId, userId, currency, transactionId, frozenUnits, createTime } = row;
  return {
    ...{ refundId, orderId, userId, amount: row.amount, currency },
    status: STATUSES[row.status],
    cause: CAUSES[row.cause],
    ...{ reason: row.reason, transactionId, frozenUnits, createTime },
    wechatpayRefundId: row.refundId ?? '',
    successTime: row.successTime ?? undefined,
    requestedBy: row.requestedBy,
    approveDeadline: row.approveDeadline ?? undefined,
    decision: row.decision === null ? RefundDecision.UNSPECIFIED : DECISIONS[row.decision],
    decidedBy: row.decidedBy ?? '',
    decideTime: row.decideTime ?? undefined,
    decisionReason: row.decisionReason,
  };
}

/** Time kept back from the caller's deadline for writing down what WeChat Pay said. */
const RESERVE_MS = 500;

/** The RPCs of OrderService that are about refunds: decode, call, encode. */
export function createRefundHandlers(parts: RefundParts): RefundHandlers {
  const { db, clock } = parts;
  return {
    quoteRefund: (_context, request) => quoteRefund(db, quoteRequest.parse(request), clock.now()),
    refundOrder: async (context, request) => {
      const { caller, signal } = context;
      const command = { ...refundRequest.parse(request), caller, signal, now: clock.now() };
      const { response, replayed, taken, status } = await refundOrder(parts, command);
      if (!replayed) parts.onStatus('requested', status);
      await sendTaken(parts, taken, context);
      return { ...(await answerOf(parts, response.refundId)), replayed };
    },
    approveRefund: async (context, request) => {
      const { caller, signal } = context;
      const command = { ...approveRequest.parse(request), caller, signal, now: clock.now() };
      const { response, replayed, taken } = await approveRefund(parts, command);
      await sendTaken(parts, taken, context);
      return { ...(await answerOf(parts, response.refundId)), replayed };
    },
    rejectRefund: async ({ caller, signal }, request) => {
      const command = { ...rejectRequest.parse(request), caller, signal, now: clock.now() };
      const { response, replayed } = await rejectRefund(parts, command);
      return { ...(await answerOf(parts, response.refundId)), replayed };
    },
    listProposedRefunds: async (_context, request) => {
      const { pageSize, pageToken } = listRequest.parse(request);
      const { rows, nextPageToken } = await listProposals(db, pageSize, pageToken);
      return { refunds: rows.map(toRefundMessage), nextPageToken };
    },
  };
}

/** Sends a refund whose turn the command took, within what the caller has left. */
async function sendTaken(parts: RefundParts, taken: RefundRow | undefined, context: CallContext): Promise<void> {
  if (taken === undefined) return;
  const { clock, log } = parts;
  const leftMs = context.deadline.getTime() - clock.machineNow().getTime() - RESERVE_MS;
  const timeoutMs = Math.max(1, Math.min(leftMs, parts.wechatpayTimeoutMs));
  // The refund is committed: what goes wrong from here on is the job's to mend, not the caller's.
  await attemptRefund(parts, taken, { timeoutMs, signal: context.signal }).catch((error: unknown) => {
    log.error({ err: error, refundId: taken.id }, 'a refund could not be sent at once; it stays due');
  });
}

/** A refund and its order as they are now. */
async function answerOf({ db }: RefundParts, refundId: string) {
  const refund = await readRefund(db, refundId);
  const order = await readOrder(db, refund.userId, refund.orderId);
  return { refund: toRefundMessage(refund), order: toOrderMessage(order) };
}
