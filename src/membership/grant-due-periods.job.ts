import type { Database } from '../platform/db/database';
import { readOnly, withTx } from '../platform/db/tx';
import type { Logger } from '../platform/log';
import { lockUser } from '../quota';
import { MembershipPeriodRow } from './membership-period.model';
import { grantPeriodLot } from './start-period';

const BATCH_SIZE = 100;

/**
 * Gives the lots of periods that have started since they were bought ahead. The database is the source of what is due;
 * running it twice, or twice at once, gives nothing twice. One that fails stays due and does not hold up the others.
 * Returns how many were due.
 */
export async function grantDuePeriods(db: Database, log: Logger, now: Date): Promise<number> {
  const due = await readOnly(db, (reader) =>
    MembershipPeriodRow.query(reader).where('nextGrantTime', '<=', now).orderBy('nextGrantTime').limit(BATCH_SIZE),
  );
  for (const period of due) {
    try {
      await withTx(db, { name: 'GrantDuePeriod' }, async (tx) => {
        await lockUser(tx, period.userId);
        await grantPeriodLot(tx, period, now);
      });
    } catch (error) {
      log.error({ err: error, orderId: period.orderId }, 'a due lot could not be given; it stays due');
    }
  }
  return due.length;
}
