import type { Knex } from 'knex';
import { QuotaGrantRow } from './quota-grant.model';
import type { GrantSource } from './account';

/** Whether a user has ever been given a lot from a source for that reference; there is one at most. */
export async function hasLotOf(reader: Knex, userId: string, source: GrantSource, sourceRef: string): Promise<boolean> {
  const lot = await QuotaGrantRow.query(reader).select('grantId').findOne({ userId, source, sourceRef });
  return lot !== undefined;
}
