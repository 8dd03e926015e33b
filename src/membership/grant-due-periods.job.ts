import type { Database } from '../platform/db/database';
import { readOnly, withTx } from '../platform/db/tx';
import { lockUser } from '../quota';
import { MembershipPeriodRow } from './membership-period.model';
import { grantPeriodLot } from './start-period';

const BATCH_SIZE = 100;

/**
 * Gives the lots of periods that have started since they were bought ahead. The database is the source of what is due;
 * running it twice, or twice at once, gives nothing twice. Returns how many were due.
 */
export async function grantDuePeriods(db: Database, now: Date): Promise<number> {
  const due = await readOnly(db, (reader) =>
    MembershipPeriodRow.query(reader).where('nextGrantTime', '<=', now).orderBy('nextGrantTime').limit(BATCH_SIZE),
  );
  for (const period of due) {
    await withTx(db, { name: 'GrantDuePeriod' }, async (tx) => {
      await lockUser(tx, period.userId);
      await grantPeriodLot(tx, period, now);
    });
  }
  return due.length;
}
