import { countOpenAlerts } from '../alert';
import { grantDuePeriods } from '../membership';
import { checkDueOrders } from '../order';
import { applyDueNotifications, DUE_NOTIFICATIONS_MAX } from '../payment';
import type { Config } from '../platform/config';
import { startJobQueues, type JobQueues } from '../platform/jobs/job-queues';
import { startPoller, type PolledJob } from '../platform/jobs/poller';
import { DUE_COUPONS_MAX, expireDueCoupons } from '../promotion';
import { createTaskStatusSource, dropOldRefusals, DUE_CHARGES_MAX, OLD_REFUSALS_MAX, settleDueCharges } from '../quota';
import { advanceDueRefunds } from '../refund';
import type { Closable, Foundation } from './foundation';
import { notificationApplier, orderParts, refundParts } from './payment-parts';

/**
 * The worker role: what the database says is due. What calls WeChat Pay, and may take long, is spread over the processes by
 * queues; the rest is done where it is found.
 */
export function startWorker(foundation: Foundation, closables: Closable[]): JobQueues {
  const { config, log, clock, metrics, db, commits } = foundation;
  const notifications = { db, log, apply: notificationApplier(foundation) };
  const taskStatus = openTaskStatus(config);
  if (taskStatus !== undefined) {
    closables.push({ name: 'task-status', close: () => Promise.resolve(taskStatus.close()) });
  }
  const sweeper = {
    ...{ db, commits, taskStatus, log },
    onSettled: (outcome: 'SUCCEEDED' | 'FAILED') => metrics.quotaSettlements.inc({ outcome }),
    onCase: (reason: string) => metrics.quotaCases.inc({ reason }),
  };
  const jobs: readonly PolledJob[] = [
    {
      name: 'apply-due-notifications',
      batchSize: DUE_NOTIFICATIONS_MAX,
      run: () => applyDueNotifications(notifications, clock.now()),
    },
    { name: 'expire-due-coupons', batchSize: DUE_COUPONS_MAX, run: () => expireDueCoupons(db, clock.now()) },
    { name: 'grant-due-periods', run: () => grantDuePeriods(db, log, clock.now()) },
    {
      name: 'settle-due-charges',
      batchSize: DUE_CHARGES_MAX,
      run: (signal) => settleDueCharges(sweeper, clock.now(), signal),
    },
    {
      name: 'count-open-alerts',
      run: () => countOpenAlerts(db, (kind, open) => metrics.alertsOpen.set({ kind }, open)),
    },
    { name: 'drop-old-refusals', batchSize: OLD_REFUSALS_MAX, run: () => dropOldRefusals(db, clock.now()) },
  ];
  const poller = startPoller(jobs, config.WORKER_POLL_INTERVAL_MS, log);
  closables.push({ name: 'worker', close: () => poller.stop() });
  const { JOBS_AT_ONCE_MAX: atOnce, REDIS_URL: redisUrl, JOBS_PREFIX: prefix } = config;
  const queues = startJobQueues(
    [checkDueOrders(orderParts(foundation), atOnce), advanceDueRefunds(refundParts(foundation), atOnce)],
    { redisUrl, prefix, intervalMs: config.WORKER_POLL_INTERVAL_MS, log },
  );
  closables.push({ name: 'job queues', close: () => queues.stop(0) });
  return queues;
}

/** The task service, if one is configured. */
function openTaskStatus(config: Config) {
  const { TASK_STATUS_ADDRESS: address, TASK_STATUS_TIMEOUT_MS: timeoutMs } = config;
  const tls = { ca: config.TLS_CA, cert: config.TLS_CERT, key: config.TLS_KEY };
  return address === undefined ? undefined : createTaskStatusSource({ address, timeoutMs, tls });
}
