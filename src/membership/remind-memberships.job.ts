import { SYSTEM_ACTOR } from '../platform/calls';
import { expectRows } from '../platform/db/rows';
import { readOnly, withTx, type Tx } from '../platform/db/tx';
import type { QueuedJob } from '../platform/jobs/queued-job';
import { addMs, later } from '../platform/time';
import { lockUser, openBook, writeBook } from '../quota';
import type { MembershipJobParts } from './grant-due-periods.job';
import { MembershipNoticeRow } from './membership-notice.model';
import { MembershipPeriodRow } from './membership-period.model';
import { dueOf, milestonesOf } from './milestones';
import { planNotice } from './note-membership';
import { endOfStanding, endsAt } from './standing';
import { tellMilestone } from './tell-milestone';

/** What reminding needs beside the rest. */
export interface ReminderParts extends MembershipJobParts {
  /** How many days before the end, each once. */
  readonly reminderDays: readonly number[];
}

/**
 * Tells, as events, of memberships that are about to end and of those that have ended; the subject is the user. Each is told
 * once for each end, however often this runs and in however many processes.
 */
export function remindMemberships(parts: ReminderParts, concurrency: number): QueuedJob {
  const { db, clock } = parts;
  return {
    name: 'remind-memberships',
    concurrency,
    findDue: async (most) => {
      const due = await readOnly(db, (reader) => {
        const rows = MembershipNoticeRow.query(reader).select('userId').where('nextTime', '<=', clock.now());
        return rows.orderBy('nextTime').limit(most);
      });
      return due.map(({ userId }) => userId);
    },
    oldestDue: async () => {
      const [oldest] = await readOnly(db, (reader) =>
        MembershipNoticeRow.query(reader).where('nextTime', '<=', clock.now()).orderBy('nextTime').limit(1),
      );
      return oldest?.nextTime ?? undefined;
    },
    run: (userId, signal) =>
      withTx(db, { name: 'RemindMembership', signal }, (tx) => tellDue(tx, userId, parts.reminderDays, clock.now())),
  };
}

/** Under the user's lock, which makes "once" true. */
async function tellDue(tx: Tx, userId: string, reminderDays: readonly number[], now: Date): Promise<void> {
  await lockUser(tx, userId);
  const row = await MembershipNoticeRow.query(tx).findById(userId);
  const nextTime = row?.nextTime ?? null;
  if (row === undefined || nextTime === null || nextTime.getTime() > now.getTime()) return;
  const after = toldUntil(row, nextTime);
  const periods = await MembershipPeriodRow.query(tx).where({ userId }).whereNull('revokeTime').orderBy('periodNo');
  // A notice that was planned for nobody's change names no end yet.
  const expireTime = row.expireTime ?? endOfStanding(periods, after);
  if (expireTime === null) return writeNotice(tx, row, { nextKind: null, nextTime: null });
  // A process of a release without notices may have changed the membership, and noted nothing.
  if (!endsAt(expireTime, periods)) return planNotice(tx, userId, endOfStanding(periods, now), now);
  const { due, next } = dueOf(milestonesOf(expireTime, reminderDays), after, now);
  const told = due === undefined ? {} : { toldKind: due.kind, toldTime: due.time };
  await writeNotice(tx, row, { expireTime, nextKind: next?.kind ?? null, nextTime: next?.time ?? null, ...told });
  if (due === undefined) return;
  await tellMilestone(tx, userId, due, expireTime, periods, now);
  if (due.kind === 'expired') await afterEnd(tx, userId, expireTime, periods, now);
}

/** Up to when everything was told: before what is next, and no earlier than what was told last. */
function toldUntil({ toldTime }: MembershipNoticeRow, nextTime: Date): Date {
  const before = addMs(nextTime, -1);
  return later(before, toldTime ?? before);
}

async function writeNotice(
  tx: Tx,
  { userId, nextKind, nextTime }: MembershipNoticeRow,
  patch: Partial<MembershipNoticeRow>,
): Promise<void> {
  const mine = MembershipNoticeRow.query(tx).where({ userId, nextKind, nextTime });
  expectRows(await mine.patch(patch), 1, `notice of ${userId}`);
}

/**
 * Books the end of the units that ended with it. After a gap that a refund left another membership may follow, and may even
 * be over by now: it is told of, too.
 */
async function afterEnd(
  tx: Tx,
  userId: string,
  expireTime: Date,
  periods: readonly MembershipPeriodRow[],
  now: Date,
): Promise<void> {
  const book = await openBook(tx, await lockUser(tx, userId), now);
  book.expireDue(SYSTEM_ACTOR);
  if (book.isChanged) await writeBook(tx, book);
  const end = endOfStanding(periods, expireTime);
  if (end !== null) await planNotice(tx, userId, end, expireTime);
}
