import { verifyLedgerOf } from '../../src/cli/verify-ledger';
import { monotonicMs } from '../../src/platform/clock';
import type { Row } from './database';
import type { Harness } from './harness';
import { brokenInvariants } from './invariants';
import { checkPromotionsOf } from './promotion-check';

/**
 * WeChat Pay's books against ours, to the fen: for a harness with a database and a local WeChat Pay of its own, so that
 * whole tables are compared with all that ever happened there.
 */

/** A refund as the local WeChat Pay knows it. */
export interface TheirRefund {
  readonly refund_id: string;
  readonly out_refund_no: string;
  readonly transaction_id: string;
  readonly amount: number;
  readonly status: 'PROCESSING' | 'SUCCESS' | 'CLOSED' | 'ABNORMAL';
}

/** An order as the local WeChat Pay knows it. */
export interface TheirOrder {
  readonly order_id: string;
  readonly trade_state: 'NOTPAY' | 'SUCCESS' | 'REFUND' | 'CLOSED';
  readonly amount: number;
  readonly transaction_id?: string;
  readonly paid_amount?: number;
  readonly refunds: readonly TheirRefund[];
}

/** All that the local WeChat Pay knows. */
interface TheirBooks {
  readonly orders: readonly TheirOrder[];
  readonly totals: { readonly paid: number; readonly refunded: number };
}

export async function theirBooks(h: Pick<Harness, 'simulatorUrl'>): Promise<TheirBooks> {
  const response = await fetch(`${h.simulatorUrl}/_control/books`);
  return (await response.json()) as TheirBooks;
}

/** What is not decided yet: orders that may still be paid or closed, refunds under way, notifications to be applied. */
export async function undecided(h: Harness): Promise<Row[]> {
  return h.db.query(`
    SELECT 'order' AS kind, id, status FROM orders WHERE status IN ('created', 'pending', 'closing')
    UNION ALL SELECT 'refund', id, status FROM refunds WHERE status IN ('created', 'processing', 'abnormal')
    UNION ALL SELECT 'payment', id, status FROM payments WHERE status IN ('received', 'refunding')
    UNION ALL SELECT 'notification', id, status FROM wechatpay_notifications WHERE status = 'received'`);
}

/** Whether something is due at the harness's time that nobody has taken up yet. */
export async function isBehind(h: Harness): Promise<boolean> {
  const now = h.clock.now();
  const due = await h.db.query(
    `SELECT 1 FROM orders WHERE next_check_time <= ? UNION ALL SELECT 1 FROM refunds WHERE next_attempt_time <= ?
      UNION ALL SELECT 1 FROM wechatpay_notifications WHERE next_attempt_time <= ? LIMIT 1`,
    [now, now, now],
  );
  return due.length > 0;
}

/** Rows of our books as lines that can be compared with theirs. */
async function ourLines(h: Harness, columns: readonly string[], from: string): Promise<string[]> {
  const rows = await h.db.query(`SELECT ${columns.join(', ')} FROM ${from}`);
  return rows.map((row) => columns.map((column) => String(row[column])).join(' ')).sort();
}

/** Of each order: what it gave, and what of its money is where. */
const ORDER_FATES = `
  SELECT o.id, o.status, o.final_amount, o.refunded_amount,
    COALESCE((SELECT SUM(p.amount) FROM payments p WHERE p.order_id = o.id), 0) AS came,
    COALESCE((SELECT SUM(r.amount) FROM refunds r WHERE r.order_id = o.id AND r.status = 'succeeded'), 0) AS went_back,
    (SELECT COUNT(*) FROM quota_grants g WHERE g.order_id = o.id AND g.user_id = o.user_id) AS lots,
    COALESCE((SELECT SUM(g.remaining + g.held) FROM quota_grants g
      WHERE g.order_id = o.id AND g.user_id = o.user_id AND g.revoke_time IS NOT NULL), 0) AS usable_of_revoked,
    (SELECT COUNT(*) FROM membership_periods m WHERE m.order_id = o.id) AS periods,
    (SELECT c.status FROM user_coupons c WHERE c.id = o.coupon_id) AS coupon
  FROM orders o`;

/** The one of few fates that a decided order has; anything else is a fault, told with all that is known of it. */
function fateOf(row: Row, their: TheirOrder | undefined): string {
  const [came, wentBack, final] = [Number(row['came']), Number(row['went_back']), Number(row['final_amount'])];
  const [lots, periods] = [Number(row['lots']), Number(row['periods'])];
  const state = their?.trade_state ?? 'none';
  const gaveNothing = lots === 0 && periods === 0;
  const status = String(row['status']);
  const isCouponFree = row['coupon'] === null || row['coupon'] !== 'locked';
  if (status === 'paid' && came === final && wentBack < final && periods === 1 && isCouponFree) return 'paid';
  if (status === 'refunded' && wentBack === final && came === final && Number(row['usable_of_revoked']) === 0) {
    return 'refunded';
  }
  if (status === 'closed' && gaveNothing && isCouponFree) {
    if (came === 0 && (state === 'CLOSED' || state === 'none')) return 'closed';
    if (came > 0 && came === wentBack && state === 'REFUND') return 'closed, money back';
  }
  if (status === 'failed' && gaveNothing && came === wentBack) return 'failed';
  return `FAULT ${JSON.stringify({ ...row, their })}`;
}

/** How many orders ended how. Fails with the first faults when one ended in no way that it may. */
export async function orderFates(h: Harness): Promise<Readonly<Record<string, number>>> {
  const theirs = new Map((await theirBooks(h)).orders.map((order) => [order.order_id, order]));
  const rows = await h.db.query(ORDER_FATES);
  const fates = rows.map((row) => fateOf(row, theirs.get(String(row['id']))));
  expect(fates.filter((fate) => fate.startsWith('FAULT')).slice(0, 5)).toEqual([]);
  const counts: Record<string, number> = {};
  for (const fate of fates) counts[fate] = (counts[fate] ?? 0) + 1;
  return counts;
}

/** Every fen in WeChat Pay's books has its counterpart in ours, and the other way round; and all invariants hold. */
export async function expectBooksAgree(h: Harness): Promise<void> {
  const { orders, totals } = await theirBooks(h);
  const paid = orders.filter((order) => order.transaction_id !== undefined);
  const payments = paid.map((order) => `${order.order_id} ${order.transaction_id} ${order.paid_amount}`);
  const ourPayments = await ourLines(
    h,
    ['order_id', 'transaction_id', 'amount'],
    "payments WHERE method = 'wechatpay'",
  );
  expect(ourPayments).toEqual(payments.sort());
  const theirRefunds = orders.flatMap(({ refunds }) => refunds.filter(({ status }) => status === 'SUCCESS'));
  const refunds = theirRefunds.map((it) => `${it.out_refund_no} ${it.refund_id} ${it.transaction_id} ${it.amount}`);
  const columns = ['id', 'refund_id', 'transaction_id', 'amount'];
  expect(await ourLines(h, columns, "refunds WHERE status = 'succeeded'")).toEqual(refunds.sort());
  const [sums] = await h.db.query(`
    SELECT (SELECT COALESCE(SUM(amount), 0) FROM payments WHERE method = 'wechatpay') AS paid,
      (SELECT COALESCE(SUM(amount), 0) FROM refunds WHERE status = 'succeeded') AS refunded`);
  expect({ paid: Number(sums?.['paid']), refunded: Number(sums?.['refunded']) }).toEqual(totals);
  expect(await brokenInvariants(h.db)).toEqual([]);
  expect((await verifyLedgerOf(h.db.url, undefined, monotonicMs)).fault).toBeUndefined();
  expect((await checkPromotionsOf(h.db)).faults).toEqual([]);
}
