import { logOpenedAlerts, raiseAlert } from '../alert';
import { readOnly, withTx } from '../platform/db/tx';
import type { QueuedJob } from '../platform/jobs/queued-job';
import { addMs, MS_PER_MINUTE } from '../platform/time';
import { lockUser } from '../quota';
import { checkOrder, type CheckOrderParts } from './check-order';
import { nextCheckTime } from './check-times';
import { OrderRow } from './order.model';
import type { OrderStatus } from './order-state';

/**
 * Asks WeChat Pay about orders that nobody has heard of: callbacks get lost, callers leave, processes die. What is due is in
 * the database; a lease keeps two processes from asking at the same time, and runs out if one dies.
 */

/** How much longer than a check may take nobody else begins it. */
const LEASE_SLACK_MS = 45_000;
/** An order that should have ended so long ago is shown to people. */
const STUCK_MINUTES = 60;

/** In these something is left to find out. */
const WAITING: readonly OrderStatus[] = ['created', 'pending', 'closing'];

/** The job that checks due orders, for the queue; `concurrency` at a time in each process. */
export function checkDueOrders(parts: CheckOrderParts, concurrency: number): QueuedJob {
  return {
    name: 'check-due-orders',
    concurrency,
    findDue: async (most) => {
      const rows = await readOnly(parts.db, (reader) =>
        OrderRow.query(reader)
          .select('id')
          .where('nextCheckTime', '<=', parts.clock.now())
          .orderBy('nextCheckTime')
          .limit(most),
      );
      return rows.map(({ id }) => id);
    },
    oldestDue: async () => {
      const oldest = await readOnly(parts.db, (reader) =>
        OrderRow.query(reader).where('nextCheckTime', '<=', parts.clock.now()).orderBy('nextCheckTime').first(),
      );
      return oldest?.nextCheckTime ?? undefined;
    },
    run: (orderId, signal) => checkDueOrder(parts, orderId, signal),
  };
}

/** Checks an order if it is still due, and says when it is due next. */
async function checkDueOrder(parts: CheckOrderParts, orderId: string, signal: AbortSignal): Promise<void> {
  const lease = await takeLease(parts, orderId);
  if (lease === undefined) return;
  let order = lease.order;
  let isAnswered = false;
  try {
    order = await checkOrder(parts, orderId, { timeoutMs: parts.wechatpayTimeoutMs, signal });
    isAnswered = true;
  } catch (error) {
    parts.log.warn({ err: error, orderId }, 'an order could not be checked; it is checked again later');
  }
  await endLease(parts, order, lease.endTime, isAnswered);
  await reportStuck(parts, order);
}

/** An order that is this process's to check, and until when. */
interface Lease {
  readonly order: OrderRow;
  readonly endTime: Date;
}

/** Takes the order by a conditional write: undefined where it is not due any more, or somebody else was faster. */
async function takeLease(
  { db, clock, wechatpayTimeoutMs }: CheckOrderParts,
  orderId: string,
): Promise<Lease | undefined> {
  const now = clock.now();
  return withTx(db, { name: 'LeaseOrder' }, async (tx) => {
    const order = await OrderRow.query(tx).findById(orderId).throwIfNotFound();
    const { nextCheckTime: dueTime, checkAttempts } = order;
    if (dueTime === null || dueTime > now) return undefined;
    const endTime = addMs(now, wechatpayTimeoutMs + LEASE_SLACK_MS);
    const asked = { nextCheckTime: endTime, checkAttempts: checkAttempts + 1 };
    const taken = await OrderRow.query(tx).where({ id: orderId, nextCheckTime: dueTime }).patch(asked);
    return taken === 1 ? { order: { ...order, ...asked } as OrderRow, endTime } : undefined;
  });
}

/** Writes when the order is due next. Whoever has moved it meanwhile has said so himself. */
async function endLease(
  { db, clock }: CheckOrderParts,
  order: OrderRow,
  endTime: Date,
  isAnswered: boolean,
): Promise<void> {
  const { id, status } = order;
  const isSettled = isAnswered && !WAITING.includes(status);
  const next = isSettled ? null : nextCheckTime(order, clock.now());
  await withTx(db, { name: 'EndOrderLease' }, async (tx) => {
    await OrderRow.query(tx).where({ id, nextCheckTime: endTime }).patch({ nextCheckTime: next });
  });
}

/**
 * Since when an order should have ended: from when closing began, or its time was over. One that WeChat Pay gives no usable
 * answer about is never told to close, so that its time alone says it.
 */
function overdueSince({ status, closingTime, expireTime }: OrderRow): Date {
  return status === 'closing' ? (closingTime ?? expireTime) : expireTime;
}

function isStuck(order: OrderRow, now: Date): boolean {
  return WAITING.includes(order.status) && now >= addMs(overdueSince(order), STUCK_MINUTES * MS_PER_MINUTE);
}

/** Shows an order that does not come to its end to people: its coupon waits, and its buyer. */
async function reportStuck({ db, log, clock }: CheckOrderParts, order: OrderRow): Promise<void> {
  const now = clock.now();
  if (!isStuck(order, now)) return;
  const { id, userId } = order;
  const opened = await withTx(db, { name: 'ReportStuckOrder' }, async (tx) => {
    await lockUser(tx, userId);
    const current = await OrderRow.query(tx).findById(id).forUpdate().throwIfNotFound();
    if (!isStuck(current, now)) return [];
    const { status, checkAttempts: attempts } = current;
    const details = { status, since: overdueSince(current).toISOString(), attempts };
    const subject = { subjectType: 'order', subjectId: id, userId } as const;
    return raiseAlert(tx, { kind: 'order_stuck', severity: 'warning', ...subject, details }, now);
  });
  logOpenedAlerts(log, opened);
}
