import { insertOf, writeTogether } from '../platform/db/statements';
import type { Tx } from '../platform/db/tx';
import type { GroundedCredit } from './judge-upgrade';
import type { OrderRow } from './order.model';

const COLUMNS = ['order_id', 'credited_order_id', 'user_id', 'amount', 'units', 'refunded_amount', 'create_time'];

/** Writes what a new upgrade credits, and of which orders. */
export async function insertCredits(
  tx: Tx,
  { id, userId, createTime }: Pick<OrderRow, 'id' | 'userId' | 'createTime'>,
  credits: readonly GroundedCredit[],
): Promise<void> {
  if (credits.length === 0) return;
  const rows = credits.map(({ orderId, amount, units, refundedAmount }) => [
    ...[id, orderId, userId, amount, units, refundedAmount],
    createTime,
  ]);
  await writeTogether(tx, [insertOf('order_credits', COLUMNS, rows)]);
}
