import type { Clock } from '../platform/clock';
import type { Database } from '../platform/db/database';
import { readOnly, withTx } from '../platform/db/tx';
import type { QueuedJob } from '../platform/jobs/queued-job';
import { lockUser } from '../quota';
import { catchUpGrants } from './catch-up-grants';
import { MembershipPeriodRow } from './membership-period.model';

/** What the jobs of memberships need. */
export interface MembershipJobParts {
  readonly db: Database;
  readonly clock: Clock;
}

/**
 * Gives the parts of periods whose intervals have started since; the subject is the user. The database is the source of
 * what is due; running it twice, or twice at once, gives nothing twice.
 */
export function grantDuePeriods({ db, clock }: MembershipJobParts, concurrency: number): QueuedJob {
  return {
    name: 'grant-due-periods',
    concurrency,
    findDue: async (most) => {
      const due = await readOnly(db, (reader) =>
        reader('membership_periods')
          .select<{ userId: string }[]>('user_id')
          .where('next_grant_time', '<=', clock.now())
          .groupBy('user_id')
          .orderByRaw('MIN(next_grant_time)')
          .limit(most),
      );
      return due.map(({ userId }) => userId);
    },
    oldestDue: async () => {
      const [oldest] = await readOnly(db, (reader) =>
        MembershipPeriodRow.query(reader).where('nextGrantTime', '<=', clock.now()).orderBy('nextGrantTime').limit(1),
      );
      return oldest?.nextGrantTime ?? undefined;
    },
    run: (userId, signal) =>
      withTx(db, { name: 'GrantDuePeriods', signal }, async (tx) => {
        await lockUser(tx, userId);
        await catchUpGrants(tx, userId, clock.now());
      }),
  };
}
