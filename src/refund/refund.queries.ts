import { RefundRow } from '../payment';
import type { Database } from '../platform/db/database';
import { readOnly } from '../platform/db/tx';
import { cutPage, readPageToken, type Page } from '../platform/paging';

/** The refunds of an order, oldest first: of all its payments. */
export function readRefundsOf(db: Database, orderId: string): Promise<readonly RefundRow[]> {
  return readOnly(db, (reader) => RefundRow.query(reader).where({ orderId }).orderBy(['createTime', 'id']));
}

/** One refund that is there. */
export function readRefund(db: Database, id: string): Promise<RefundRow> {
  return readOnly(db, (reader) => RefundRow.query(reader).findById(id).throwIfNotFound());
}

/** One page of the refunds that wait for an approval, oldest first. Throws INVALID_REQUEST for a foreign page token. */
export async function listProposals(db: Database, pageSize: number, pageToken: string): Promise<Page<RefundRow>> {
  const filters = { list: 'proposed_refunds' };
  const after = readPageToken(pageToken, filters);
  const rows = await readOnly(db, (reader) => {
    const query = RefundRow.query(reader).where('status', 'proposed').orderBy('id');
    if (after !== undefined) void query.where('id', '>', after);
    return query.limit(pageSize + 1);
  });
  return cutPage(rows, pageSize, filters, ({ id }) => id);
}
