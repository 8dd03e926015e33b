import assert from 'node:assert';
import { countOpenAlerts } from '../alert';
import { SEALED_MAX, sealAuditLog } from '../audit';
import { TRIMMED_MAX, trimOutbox } from '../event';
import { countDeadLetters } from '../job';
import { grantDuePeriods, remindMemberships } from '../membership';
import { checkDueOrders } from '../order';
import { applyDueNotifications, DUE_NOTIFICATIONS_MAX } from '../payment';
import type { BatchJob, SlotJob } from '../platform/jobs/batch-job';
import type { QueuedJob } from '../platform/jobs/queued-job';
import { eraseUsers, measureSealedValues, RESEALED_MAX, resealData } from '../privacy';
import { DUE_COUPONS_MAX, expireDueCoupons } from '../promotion';
import { DUE_CHARGES_MAX, dropOldRefusals, OLD_REFUSALS_MAX, settleDueCharges } from '../quota';
import { advanceDueRefunds, expireProposedRefunds } from '../refund';
import { anchorMaker, reviewMaker } from './audit-parts';
import { eventDeliveries } from './event-parts';
import type { Closable, Foundation } from './foundation';
import { JOB_LIST, type JobName } from './job-list';
import { notificationApplier, orderParts, refundParts } from './payment-parts';

/** What does the work of every job of the list: one that is missing, or in no list, does not compile. */

/** The jobs with subjects of their own. */
export function subjectJobs(
  foundation: Foundation,
  closables: Closable[],
): Readonly<Record<JobName<'subject'>, QueuedJob>> {
  const { config, db, clock } = foundation;
  const atOnce = config.JOBS_AT_ONCE_MAX;
  const jobs = {
    'check-due-orders': checkDueOrders(orderParts(foundation), atOnce),
    'advance-due-refunds': advanceDueRefunds(refundParts(foundation), atOnce),
    'expire-proposed-refunds': expireProposedRefunds(refundParts(foundation), atOnce),
    'grant-due-periods': grantDuePeriods({ db, clock }, atOnce),
    'remind-memberships': remindMemberships({ db, clock, reminderDays: config.MEMBERSHIP_REMINDER_DAYS }, atOnce),
    'deliver-events': eventDeliveries(foundation, closables),
    'erase-users': eraseUsers(foundation, atOnce),
    'run-reviews': reviewMaker(foundation),
  };
  for (const [name, job] of Object.entries(jobs)) assert.equal(job.name, name);
  return jobs;
}

/** A batch job without its name, which the list has. */
type Batch = Omit<BatchJob, 'name'>;

/** Whom the sweeper asks, if there is somebody. */
type TaskStatus = Parameters<typeof settleDueCharges>[0]['taskStatus'];

/** The sweeps. */
export function sweepJobs(foundation: Foundation, taskStatus: TaskStatus): Readonly<Record<JobName<'sweep'>, Batch>> {
  const { config, log, clock, metrics, db, commits } = foundation;
  const notifications = { db, log, apply: notificationApplier(foundation) };
  const sweeper = {
    ...{ db, commits, taskStatus, log },
    onSettled: (outcome: 'SUCCEEDED' | 'FAILED') => metrics.quotaSettlements.inc({ outcome }),
    onCase: (reason: string) => metrics.quotaCases.inc({ reason }),
  };
  return {
    'apply-due-notifications': {
      batchSize: DUE_NOTIFICATIONS_MAX,
      run: () => applyDueNotifications(notifications, clock.now()),
    },
    'settle-due-charges': {
      batchSize: DUE_CHARGES_MAX,
      run: (signal) => settleDueCharges(sweeper, clock.now(), signal),
    },
    'seal-audit-log': { batchSize: SEALED_MAX, run: () => sealAuditLog(db) },
    'reseal-data': {
      batchSize: RESEALED_MAX,
      // A process that has just missed a change of the file reads it within twice the time between two looks, and what it
      // sealed right before is committed by the end of its transaction or never.
      run: () =>
        resealData({ ...foundation, settleMs: 2 * config.SECRET_FILES_POLL_MS + config.TRANSACTION_TIMEOUT_MS }),
    },
    'expire-due-coupons': { batchSize: DUE_COUPONS_MAX, run: () => expireDueCoupons(db, clock.now()) },
  };
}

/** The daily jobs. */
export function dailyJobs(foundation: Foundation): Readonly<Record<JobName<'daily'>, Batch>> {
  const { db, clock } = foundation;
  return {
    'drop-old-refusals': { batchSize: OLD_REFUSALS_MAX, run: () => dropOldRefusals(db, clock.now()) },
    'trim-outbox': { batchSize: TRIMMED_MAX, run: () => trimOutbox(db, clock.now()) },
  };
}

/** The hourly jobs. */
export function hourlyJobs(
  foundation: Foundation,
  closables: Closable[],
): Readonly<Record<JobName<'hourly'>, Omit<SlotJob, 'name'>>> {
  return { 'make-anchor': { run: anchorMaker(foundation, closables) } };
}

/** What every worker process does for its own gauges. */
export function processJobs(
  foundation: Foundation,
  subjects: readonly QueuedJob[],
): Readonly<Record<JobName<'process'>, () => Promise<void>>> {
  const { db, clock, metrics } = foundation;
  const onMeasured = (column: string, values: number): void => metrics.valuesUnderOldKeys.set({ column }, values);
  return {
    'measure-sealed-values': measureSealedValues({ ...foundation, onMeasured }),
    'count-open-alerts': async () => {
      await countOpenAlerts(db, (kind, open) => metrics.alertsOpen.set({ kind }, open));
    },
    'measure-jobs': async () => {
      const letters = await countDeadLetters(db);
      for (const { name } of JOB_LIST) metrics.jobDeadLetters.set({ job: name }, letters.get(name) ?? 0);
      for (const { name, oldestDue } of subjects) {
        if (oldestDue === undefined) continue;
        const since = await oldestDue();
        const waitMs = since === undefined ? 0 : clock.now().getTime() - since.getTime();
        metrics.jobOldestDue.set({ job: name }, Math.max(0, waitMs) / 1_000);
      }
    },
  };
}
