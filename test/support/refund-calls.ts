import {
  ApproveRefundRequest,
  ListProposedRefundsRequest,
  QuoteRefundRequest,
  RefundOrderRequest,
  RejectRefundRequest,
  type ApproveRefundResponse,
  type ListProposedRefundsResponse,
  type QuoteRefundResponse,
  type Refund,
  type RefundOrderResponse,
  type RejectRefundResponse,
} from '../../src/gen/billing/v1/order_service.pb';
import { call, mustSucceed, type Identity, type Reply } from './clients';
import type { Row, TestDatabase } from './database';
import { newId, until } from './harness';
import type { Callers } from './promotion-calls';

/** Refunds as finance asks for them. */

/** One person gives back alone whatever there is, for tests that are about something else. */
export const ALONE_WITHOUT_LIMIT = { orderMax: Number.MAX_SAFE_INTEGER, dayMax: Number.MAX_SAFE_INTEGER };

/** RefundOrder of all that may go back, but for the fields given. */
export function refundOrderCall(
  h: Callers,
  fields: Partial<RefundOrderRequest>,
  as: Identity = 'finance',
): Promise<Reply<RefundOrderResponse>> {
  const { order } = h.as(as);
  const usual = { requestId: newId('refund'), reason: '用户申请退款' };
  return call(order.refundOrder.bind(order), RefundOrderRequest.fromPartial({ ...usual, ...fields }));
}

export function quoteRefundCall(
  h: Callers,
  fields: Partial<QuoteRefundRequest>,
  as: Identity = 'finance',
): Promise<Reply<QuoteRefundResponse>> {
  const { order } = h.as(as);
  return call(order.quoteRefund.bind(order), QuoteRefundRequest.fromPartial(fields));
}

/** ApproveRefund by another person of finance than refunds are asked for by. */
export function approveRefundCall(
  h: Callers,
  fields: Partial<ApproveRefundRequest>,
  as: Identity = 'finance-2',
): Promise<Reply<ApproveRefundResponse>> {
  const { order } = h.as(as);
  return call(
    order.approveRefund.bind(order),
    ApproveRefundRequest.fromPartial({ requestId: newId('approve'), ...fields }),
  );
}

export function rejectRefundCall(
  h: Callers,
  fields: Partial<RejectRefundRequest>,
  as: Identity = 'finance-2',
): Promise<Reply<RejectRefundResponse>> {
  const { order } = h.as(as);
  const usual = { requestId: newId('reject'), reason: '金额有误' };
  return call(order.rejectRefund.bind(order), RejectRefundRequest.fromPartial({ ...usual, ...fields }));
}

export function listProposedCall(
  h: Callers,
  fields: Partial<ListProposedRefundsRequest> = {},
  as: Identity = 'finance-2',
): Promise<Reply<ListProposedRefundsResponse>> {
  const { order } = h.as(as);
  return call(order.listProposedRefunds.bind(order), ListProposedRefundsRequest.fromPartial(fields));
}

/** Asks for a refund that is there to be made, and returns it as it was answered. */
export async function refundOf(h: Callers, fields: Partial<RefundOrderRequest>): Promise<Refund> {
  const { refund } = await mustSucceed(refundOrderCall(h, fields));
  if (refund === undefined) throw new Error('no refund was answered');
  return refund;
}

/** Whoever has the database: a harness, or a test with one of its own. */
interface Books {
  readonly db: TestDatabase;
}

/** The refunds of an order as the database holds them, oldest first. */
export function readRefundRows(h: Books, orderId: string): Promise<Row[]> {
  return h.db.query('SELECT * FROM refunds WHERE order_id = ? ORDER BY create_time, id', [orderId]);
}

/** Waits until the refunds of an order stand where they should, oldest first. */
export async function untilRefunds(h: Books, orderId: string, statuses: readonly string[]): Promise<Row[]> {
  let rows: Row[] = [];
  await until(`refunds ${statuses.join(', ')}`, async () => {
    rows = await readRefundRows(h, orderId);
    return rows.map(({ status }) => status).join() === statuses.join();
  });
  return rows;
}

/** The alerts about a refund, an order or a payment as words: `kind open`, or `kind resolution`. */
export async function readAlertWords(h: Books, subjectId: string): Promise<string[]> {
  const sql = 'SELECT kind, resolution FROM alerts WHERE subject_id = ? ORDER BY open_time, id';
  const rows = await h.db.query(sql, [subjectId]);
  return rows.map(({ kind, resolution }) => `${String(kind)} ${resolution === '' ? 'open' : String(resolution)}`);
}
