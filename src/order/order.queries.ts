import type { Database } from '../platform/db/database';
import { readOnly } from '../platform/db/tx';
import { cutPage, readPageToken, type Page } from '../platform/paging';
import { readUser } from '../quota';
import { orderErrors } from './order.errors';
import { OrderCreditRow } from './order-credit.model';
import { OrderRow } from './order.model';

/** One order of a user. Throws ORDER_NOT_FOUND, also for an order of somebody else. */
export async function readOrder(db: Database, userId: string, orderId: string): Promise<OrderRow> {
  const order = await readOnly(db, (reader) => OrderRow.query(reader).findById(orderId));
  if (order === undefined || order.userId !== userId) {
    throw orderErrors.ORDER_NOT_FOUND({ metadata: { order_id: orderId } });
  }
  return order;
}

/** Ids of the orders that a user had made until an instant and that wait for no payment, in order, after one of them. */
export async function readEndedOrderIds(
  db: Database,
  userId: string,
  until: Date,
  after: { readonly id: string; readonly most: number },
): Promise<readonly string[]> {
  const rows = await readOnly(db, (reader) =>
    OrderRow.query(reader)
      .select('id')
      .where({ userId })
      .whereNotIn('status', ['created', 'pending', 'closing'])
      .where('createTime', '<=', until)
      .where('id', '>', after.id)
      .orderBy('id')
      .limit(after.most),
  );
  return rows.map(({ id }) => id);
}

/** Credits that an order is part of: what it credits, and what is credited of it. */
export async function readCreditsAround(db: Database, orderId: string): Promise<readonly OrderCreditRow[]> {
  return readOnly(db, (reader) => {
    const rows = OrderCreditRow.query(reader).where({ orderId }).orWhere({ creditedOrderId: orderId });
    return rows.orderBy(['orderId', 'creditedOrderId']);
  });
}

/** Which orders to list. */
export interface OrderFilter {
  readonly userId: string;
  readonly status: string | undefined;
}

/** One page of a user's orders, newest first. Throws USER_NOT_FOUND, INVALID_REQUEST for a foreign page token. */
export async function listOrders(
  db: Database,
  filter: OrderFilter,
  pageSize: number,
  pageToken: string,
): Promise<Page<OrderRow>> {
  const after = readPageToken(pageToken, { ...filter });
  await readUser(db, filter.userId);
  const rows = await readOnly(db, (reader) => {
    const query = OrderRow.query(reader)
      .where('userId', filter.userId)
      .orderBy('id', 'desc')
      .limit(pageSize + 1);
    if (filter.status !== undefined) void query.where('status', filter.status);
    if (after !== undefined) void query.where('id', '<', after);
    return query;
  });
  return cutPage(rows, pageSize, { ...filter }, (order) => order.id);
}
