import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { CallTally } from './call-tally';

/**
 * The process's Prometheus metrics. Each process makes one set; there is no global registry, so that two servers in one
 * test do not share counters. Label values come from bounded sets (RPC names, reasons of the catalogue, identities that
 * our CA signed), never from a request.
 */
export type Metrics = ReturnType<typeof createMetrics>;

/** Commands of one group commit: powers of two up to the most it takes, and beyond. */
const BATCH_SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/** Makes every metric of the service, and the usual ones of the process, in a registry of its own. */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  return {
    contentType: registry.contentType,
    /** The text that Prometheus scrapes. */
    render: (): Promise<string> => registry.metrics(),
    rpcCalls: new CallTally(registry),
    ...rpcMetrics(registers),
    ...certificateMetrics(registers),
    ...domainMetrics(registers),
    ...quotaMetrics(registers),
    ...eventMetrics(registers),
    ...jobMetrics(registers),
    ...storeMetrics(registers),
  };
}

function rpcMetrics(registers: Registry[]) {
  return {
    rpcInflight: new Gauge({
      name: 'billing_rpc_inflight',
      help: 'Billing calls whose handler has not ended, answered or not.',
      registers,
    }),
  };
}

function certificateMetrics(registers: Registry[]) {
  return {
    certificateExpire: new Gauge({
      name: 'billing_certificate_expire_seconds',
      help: 'When a certificate ends to be valid, in seconds since 1970, by which: tls, tls_ca, merchant, wechatpay_platform.',
      labelNames: ['which'] as const,
      registers,
    }),
  };
}

function domainMetrics(registers: Registry[]) {
  return {
    wechatpayNotifications: new Counter({
      name: 'billing_wechatpay_notifications_total',
      help: 'WeChat Pay notifications received, by event type and what became of them.',
      labelNames: ['event', 'result'] as const,
      registers,
    }),
    alertsOpen: new Gauge({
      name: 'billing_alerts_open',
      help: 'Alerts that people have not seen settled, by kind; counted in the database by every worker.',
      labelNames: ['kind'] as const,
      registers,
    }),
    refunds: new Counter({
      name: 'billing_refunds_total',
      help: 'Refunds that entered a status, by who wanted them and status.',
      labelNames: ['cause', 'status'] as const,
      registers,
    }),
    orders: new Counter({
      name: 'billing_orders_total',
      help: 'Orders that entered a status, by status.',
      labelNames: ['status'] as const,
      registers,
    }),
  };
}

function quotaMetrics(registers: Registry[]) {
  return {
    quotaUnits: new Counter({
      name: 'billing_quota_units_total',
      help: 'Units of quota posted, by type of log row.',
      labelNames: ['type'] as const,
      registers,
    }),
    quotaTaken: new Counter({
      name: 'billing_quota_taken_total',
      help: 'Consumes and holds that took effect, by whether a tariff lists their task type; unlisted ones pass as sent.',
      labelNames: ['tariff'] as const,
      registers,
    }),
    quotaSettlements: new Counter({
      name: 'billing_quota_settlements_total',
      help: 'Charges that the sweeper settled because nobody else had, by how their task ended.',
      labelNames: ['outcome'] as const,
      registers,
    }),
    quotaCases: new Counter({
      name: 'billing_quota_settlement_cases_total',
      help: 'Cases opened because nobody knew how a task ended, by reason.',
      labelNames: ['reason'] as const,
      registers,
    }),
    quotaBatchSize: new Histogram({
      name: 'billing_quota_batch_size',
      help: 'Quota commands that one transaction took, by how it treats locked users.',
      labelNames: ['mode'] as const,
      buckets: BATCH_SIZES,
      registers,
    }),
    claimBatchSize: new Histogram({
      name: 'billing_claim_batch_size',
      help: 'Claims of coupons that one transaction took, by how it treats locked promotions.',
      labelNames: ['mode'] as const,
      buckets: BATCH_SIZES,
      registers,
    }),
    refusalsDropped: new Counter({
      name: 'billing_refusals_dropped_total',
      help: 'Refusals that ExplainRequest will not know because they could not be noted.',
      registers,
    }),
  };
}

function eventMetrics(registers: Registry[]) {
  return {
    eventsPublished: new Counter({
      name: 'billing_events_published_total',
      help: 'Events that entered the stream, for the first time or again.',
      labelNames: ['time'] as const,
      registers,
    }),
    eventsLag: new Gauge({
      name: 'billing_events_lag_seconds',
      help: 'Age of the oldest event that is not in the stream yet, as the process that delivers knows it; 0 in the others.',
      registers,
    }),
    eventDeliveries: new Counter({
      name: 'billing_event_deliveries_total',
      help: 'Attempts to deliver an event to a sink, by sink and what came of it.',
      labelNames: ['sink', 'outcome'] as const,
      registers,
    }),
  };
}

/** A look takes milliseconds, a call of WeChat Pay seconds, a day's deletions minutes. */
const JOB_SECONDS = [0.005, 0.02, 0.1, 0.5, 2, 10, 60];

function jobMetrics(registers: Registry[]) {
  return {
    jobRuns: new Counter({
      name: 'billing_job_runs_total',
      help: 'Runs of jobs that ended, by job and outcome: done, failed (tried again soon), buried (a dead letter), postponed.',
      labelNames: ['job', 'outcome'] as const,
      registers,
    }),
    jobSeconds: new Histogram({
      name: 'billing_job_seconds',
      help: 'How long runs of jobs took, by job.',
      labelNames: ['job'] as const,
      buckets: JOB_SECONDS,
      registers,
    }),
    jobDeadLetters: new Gauge({
      name: 'billing_job_dead_letters',
      help: 'Subjects that failed for the last time and have not succeeded since, by job; counted in the database by every worker.',
      labelNames: ['job'] as const,
      registers,
    }),
    jobOldestDue: new Gauge({
      name: 'billing_job_oldest_due_seconds',
      help: 'How long what waited longest is due, by job; measured in the database by every worker.',
      labelNames: ['job'] as const,
      registers,
    }),
  };
}

function storeMetrics(registers: Registry[]) {
  return {
    secretReloads: new Counter({
      name: 'billing_secret_reloads_total',
      help: 'Files of keys that changed while the process ran, by setting and whether the new content is used or refused.',
      labelNames: ['setting', 'outcome'] as const,
      registers,
    }),
    valuesUnderOldKeys: new Gauge({
      name: 'billing_values_under_old_keys',
      help: 'Sealed values whose key is not the first of the ring, by column; counted up to 10000 by every worker.',
      labelNames: ['column'] as const,
      registers,
    }),
    transactions: new Counter({
      name: 'billing_transactions_total',
      help: 'Database transactions ended, by name and outcome.',
      labelNames: ['name', 'outcome'] as const,
      registers,
    }),
    transactionRetries: new Counter({
      name: 'billing_transaction_retries_total',
      help: 'Database transactions run again, by name and the error number that made it necessary.',
      labelNames: ['name', 'errno'] as const,
      registers,
    }),
    redisLocks: new Counter({
      name: 'billing_redis_lock_total',
      help: 'Users whose advisory lock was asked of Redis, by result; anything but acquired: the row lock decided alone.',
      labelNames: ['result'] as const,
      registers,
    }),
  };
}
