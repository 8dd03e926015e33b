import type { Knex } from 'knex';
import { QuotaLogRow } from './quota-log.model';

/**
 * Units of these lots of a user that expired when their lot did, as far as that is booked. Units that were taken by then, and
 * came back too late, are not among them.
 */
export async function readExpiredUnits(reader: Knex, userId: string, grantIds: readonly number[]): Promise<number> {
  if (grantIds.length === 0) return 0;
  const rows = await QuotaLogRow.query(reader)
    .select('units')
    .where({ userId, origin: 'system' })
    .where((keys) => {
      for (const grantId of grantIds) {
        const key = `expire:${grantId}:`;
        void keys.orWhere(
          (one) => void one.where('requestId', 'like', `${key}%`).whereNot('requestId', 'like', `${key}%:%`),
        );
      }
    });
  return rows.reduce((sum, { units }) => sum + units, 0);
}
