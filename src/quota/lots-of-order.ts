import type { Knex } from 'knex';
import type { Lot } from './account';
import { QuotaGrantRow, toLot } from './quota-grant.model';

/**
 * The lots that an order gave a user, oldest first: its own, and those that replaced units of it which came back after it
 * had expired.
 */
export async function readLotsOfOrder(reader: Knex, userId: string, orderId: string): Promise<readonly Lot[]> {
  const own = await QuotaGrantRow.query(reader).where({ userId, source: 'membership', orderId }).orderBy('grantId');
  const replacing = await QuotaGrantRow.query(reader).where({ userId, source: 'compensation' }).orderBy('grantId');
  const ownIds = own.map(({ grantId }) => String(grantId));
  return [...own, ...replacing.filter(({ sourceRef }) => ownIds.includes(replacedBy(sourceRef)))].map(toLot);
}

/** The lot whose units a compensation replaces; its source_ref names the row that gave them back, and the lot. */
function replacedBy(sourceRef: string): string {
  return sourceRef.split(':')[1] ?? '';
}
