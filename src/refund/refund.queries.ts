import { RefundRow } from '../payment';
import type { Database } from '../platform/db/database';
import { readOnly } from '../platform/db/tx';

/** The refunds of an order, oldest first: of all its payments. */
export function readRefundsOf(db: Database, orderId: string): Promise<readonly RefundRow[]> {
  return readOnly(db, (reader) => RefundRow.query(reader).where({ orderId }).orderBy(['createTime', 'id']));
}

/** One refund that is there. */
export function readRefund(db: Database, id: string): Promise<RefundRow> {
  return readOnly(db, (reader) => RefundRow.query(reader).findById(id).throwIfNotFound());
}
