import { setTimeout as pause } from 'node:timers/promises';
import { ACCESS_MATRIX } from './access-matrix';
import { countOpenAlerts } from './alert';
import { createMembershipService, grantDuePeriods, readMembership, toMembershipMessage } from './membership';
import {
  applyPayment,
  checkDueOrders,
  createOrderRefreshLimits,
  createOrderService,
  createPayerIndex,
  type ApplyPaymentParts,
  type CheckOrderParts,
  type OrderRefreshLimits,
} from './order';
import {
  CLAIM_CONNECTIONS,
  createClaimCommits,
  createClaimLimits,
  createPromotionService,
  DUE_COUPONS_MAX,
  expireDueCoupons,
  type ClaimCommits,
  type ClaimLimits,
} from './promotion';
import {
  applyDueNotifications,
  createNotificationHandler,
  createPaymentService,
  createWechatpay,
  DUE_NOTIFICATIONS_MAX,
  readMerchantKey,
  type ApplyNotification,
  type Wechatpay,
} from './payment';
import { fileOffsetClock, systemClock, type Clock } from './platform/clock';
import type { Config } from './platform/config';
import { createFieldCipher } from './platform/crypto/field-cipher';
import { openDatabase, readDatabaseTime, type Database, type TransactionObserver } from './platform/db/database';
import { createEdgeServer } from './platform/http/edge-server';
import { createInternalServer, type ReadinessCheck } from './platform/http/internal-server';
import { startJobQueues, type JobQueues } from './platform/jobs/job-queues';
import { startPoller, type PolledJob } from './platform/jobs/poller';
import type { Logger } from './platform/log';
import { createMetrics, type Metrics } from './platform/metrics';
import { openRedis } from './platform/redis';
import { fen } from './platform/money';
import { MS_PER_MINUTE } from './platform/time';
import { createRpcServer, type RpcServer } from './platform/rpc/server';
import {
  createQuotaCommits,
  createQuotaService,
  createTaskStatusSource,
  createUserLocks,
  dropOldRefusals,
  DUE_CHARGES_MAX,
  OLD_REFUSALS_MAX,
  QUOTA_CONNECTIONS,
  RefusalRecorder,
  settleDueCharges,
  type QuotaCommits,
} from './quota';
import {
  advanceDueRefunds,
  applyRefundNotification,
  createRefundHandlers,
  readRefundsOf,
  toRefundMessage,
  type RefundParts,
} from './refund';
import { VERSION } from './version';

/**
 * The composition root: the only place that sees every domain, builds them from the configuration and joins them. Starts
 * the roles that BILLING_ROLE asks for; what it starts it stops, in the order that loses nothing.
 */

/** The ports a service listens on; 0 for a role that this process does not play. */
export interface ServicePorts {
  readonly grpcPort: number;
  readonly edgePort: number;
  readonly internalPort: number;
}

/** A running service. */
export interface Service {
  readonly ports: ServicePorts;
  /** Health says NOT_SERVING, new calls are refused, calls in flight finish; then everything is closed. */
  stop(): Promise<void>;
}

/** What the parts of the service share. */
interface Foundation {
  readonly config: Config;
  readonly log: Logger;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly db: Database;
  /** The one lane of quota commands, for callers and for what is due. */
  readonly commits: QuotaCommits;
  /** The one lane of claims. */
  readonly claims: ClaimCommits;
  readonly wechatpay: Wechatpay;
}

/** Something to close, and what to say it was when that fails. */
interface Closable {
  readonly name: string;
  readonly close: () => Promise<unknown>;
}

/** Time kept back from the drain for closing connections. */
const CLOSE_RESERVE_MS = 2_000;
const CLOSE_GRACE_MS = 500;

function observe(metrics: Metrics): TransactionObserver {
  return {
    transactionEnded: (name, outcome) => metrics.transactions.inc({ name, outcome }),
    transactionRetried: (name, errno) => metrics.transactionRetries.inc({ name, errno: String(errno) }),
  };
}

function clockOf(config: Config): Clock {
  return config.DEV_CLOCK_FILE === undefined ? systemClock : fileOffsetClock(config.DEV_CLOCK_FILE);
}

function paymentParts({ config, db, log, metrics }: Foundation): ApplyPaymentParts {
  return {
    db,
    log,
    merchant: { mchid: config.WECHATPAY_MCHID, appid: config.WECHATPAY_APPID },
    refundNotifyUrl: new URL('refund', config.WECHATPAY_NOTIFY_URL).href,
    onStatus: (status) => metrics.orders.inc({ status }),
  };
}

function orderParts(foundation: Foundation): CheckOrderParts {
  const { config, clock, wechatpay } = foundation;
  return {
    ...paymentParts(foundation),
    clock,
    wechatpay: wechatpay.client,
    wechatpayTimeoutMs: config.WECHATPAY_TOTAL_TIMEOUT_MS,
    cipher: createFieldCipher(config.DATA_KEYS),
  };
}

function refundParts(foundation: Foundation): RefundParts & Pick<ApplyPaymentParts, 'merchant'> {
  const { config, db, clock, log, metrics, wechatpay } = foundation;
  const { merchant, refundNotifyUrl: notifyUrl, onStatus: onOrderStatus } = paymentParts(foundation);
  return {
    ...{ db, clock, log, merchant, notifyUrl, onOrderStatus },
    wechatpay: wechatpay.client,
    wechatpayTimeoutMs: config.WECHATPAY_TOTAL_TIMEOUT_MS,
    compensationGraceDays: config.COMPENSATION_GRACE_DAYS,
    onStatus: (cause, status) => metrics.refunds.inc({ cause, status }),
  };
}

/** What a stored notification tells goes to the domain that it means something to. */
function notificationApplier(foundation: Foundation): ApplyNotification {
  const payments = paymentParts(foundation);
  const refunds = refundParts(foundation);
  return (item, now) => {
    if (item.kind === 'payment') return applyPayment(payments, item, now);
    return applyRefundNotification(refunds, item, now);
  };
}

/** The lanes with their stores. Closed before them: what they took is committed first. */
function buildLanes(
  { config, log, clock, metrics }: Pick<Foundation, 'config' | 'log' | 'clock' | 'metrics'>,
  closables: Closable[],
): Pick<Foundation, 'commits' | 'claims'> {
  const redis = openRedis(config.REDIS_URL, config.REDIS_TIMEOUT_MS, log);
  closables.push({ name: 'redis', close: () => Promise.resolve(redis.disconnect()) });
  const size = QUOTA_CONNECTIONS + CLAIM_CONNECTIONS;
  const db = openDatabase(config, observe(metrics), { size, multipleStatements: true });
  closables.push({ name: 'lanes database', close: () => db.knex.destroy() });
  const commits = createQuotaCommits({
    db,
    clock,
    policy: {
      compensationGraceDays: config.COMPENSATION_GRACE_DAYS,
      settleAfterMs: config.SETTLE_AFTER_MINUTES * MS_PER_MINUTE,
      caseAfterMs: config.SETTLE_CASE_AFTER_MINUTES * MS_PER_MINUTE,
    },
    userLocks: createUserLocks(redis, (result, users) => metrics.redisLocks.inc({ result }, users)),
    onBatch: (size, mode) => metrics.quotaBatchSize.observe({ mode }, size),
  });
  closables.push({ name: 'quota commits', close: () => commits.close() });
  const claims = createClaimCommits({
    db,
    clock,
    onBatch: (size, mode) => metrics.claimBatchSize.observe({ mode }, size),
  });
  closables.push({ name: 'claims', close: () => claims.close() });
  return { commits, claims };
}

/** The way to WeChat Pay, one for all roles of the process. */
function openWechatpay(
  { config, clock, log }: Pick<Foundation, 'config' | 'clock' | 'log'>,
  closables: Closable[],
): Wechatpay {
  const { WECHATPAY_PUBLIC_KEY_ID: serial, WECHATPAY_PUBLIC_KEY: pem } = config;
  const wechatpay = createWechatpay({
    baseUrl: config.WECHATPAY_BASE_URL,
    backupBaseUrl: config.WECHATPAY_BACKUP_BASE_URL,
    appid: config.WECHATPAY_APPID,
    mchid: config.WECHATPAY_MCHID,
    merchantSerial: config.WECHATPAY_MERCHANT_SERIAL,
    merchantKey: readMerchantKey(config.WECHATPAY_MERCHANT_KEY),
    keyMode: config.WECHATPAY_KEY_MODE,
    publicKey: serial === undefined || pem === undefined ? undefined : { serial, pem },
    apiv3Key: config.WECHATPAY_APIV3_KEY,
    certificateRefreshMs: config.WECHATPAY_CERTIFICATE_REFRESH_MINUTES * MS_PER_MINUTE,
    connectTimeoutMs: config.WECHATPAY_CONNECT_TIMEOUT_MS,
    breakerFailuresMax: config.WECHATPAY_BREAKER_FAILURES_MAX,
    breakerOpenMs: config.WECHATPAY_BREAKER_OPEN_MS,
    version: VERSION,
    clock,
    log,
  });
  closables.push({ name: 'wechatpay', close: () => wechatpay.client.close() });
  return wechatpay;
}

/** How often callers may try, on a connection of its own: each claim asks twice. */
function openLimits(
  { config, log }: Foundation,
  closables: Closable[],
): { readonly claims: ClaimLimits; readonly refreshes: OrderRefreshLimits } {
  const redis = openRedis(config.REDIS_URL, config.REDIS_TIMEOUT_MS, log, { together: true });
  closables.push({ name: 'limits redis', close: () => Promise.resolve(redis.disconnect()) });
  const claims = createClaimLimits(redis, {
    perUser: config.CLAIMS_PER_MINUTE_PER_USER,
    perCaller: config.CLAIMS_PER_MINUTE_PER_CALLER,
  });
  return { claims, refreshes: createOrderRefreshLimits(redis) };
}

/** The gRPC role. */
function buildRpc(foundation: Foundation, closables: Closable[]): RpcServer {
  const { config, log, clock, metrics, db, commits, claims } = foundation;
  const refusals = new RefusalRecorder(db, log, (count) => metrics.refusalsDropped.inc(count));
  closables.push({ name: 'refusals', close: () => refusals.flush() });
  const limits = openLimits(foundation, closables);
  const services = [
    createQuotaService({
      db,
      clock,
      metrics,
      commits,
      refusals,
      readMembership: async (userId, now) => toMembershipMessage(await readMembership(db, userId, now)),
    }),
    createMembershipService({
      db,
      clock,
      policy: {
        grantUnits: config.REGISTRATION_GRANT_UNITS,
        grantDays: config.REGISTRATION_GRANT_DAYS,
        grantsPerDayMax: config.REGISTRATION_GRANTS_PER_DAY_MAX,
      },
      identityIndexKey: config.IDENTITY_INDEX_KEY,
    }),
    createPromotionService({
      db,
      clock,
      claims,
      limits: limits.claims,
      costLimit: fen(config.PROMOTION_COST_LIMIT),
    }),
    createOrderService(
      {
        ...orderParts(foundation),
        payerIndex: createPayerIndex(config.IDENTITY_INDEX_KEY),
        refreshLimits: limits.refreshes,
        readRefunds: async (orderId) => (await readRefundsOf(db, orderId)).map(toRefundMessage),
        policy: {
          expireMinutes: config.ORDER_EXPIRE_MINUTES,
          notifyUrl: config.WECHATPAY_NOTIFY_URL,
          openOrdersMax: config.OPEN_ORDERS_MAX,
        },
      },
      createRefundHandlers(refundParts(foundation)),
    ),
    createPaymentService({
      db,
      log,
      clock,
      cipher: createFieldCipher(config.DATA_KEYS),
      apply: notificationApplier(foundation),
    }),
  ];
  return createRpcServer({
    tls: { ca: config.TLS_CA, cert: config.TLS_CERT, key: config.TLS_KEY },
    services,
    access: ACCESS_MATRIX,
    log,
    metrics,
    inflightMax: config.RPC_INFLIGHT_MAX,
    messageBytesMax: config.RPC_MESSAGE_BYTES_MAX,
    deadlineDefaultMs: config.RPC_DEADLINE_DEFAULT_MS,
    deadlineMaxMs: config.RPC_DEADLINE_MAX_MS,
  });
}

/** The edge role: WeChat Pay's notifications and nothing else. One handler: the event type decides, not the path. */
function buildEdge(foundation: Foundation) {
  const { config, log, clock, metrics, db } = foundation;
  const handler = createNotificationHandler({
    db,
    clock,
    log,
    metrics,
    cipher: createFieldCipher(config.DATA_KEYS),
    keys: foundation.wechatpay.keys,
    apiv3Key: config.WECHATPAY_APIV3_KEY,
    ageMaxSeconds: config.NOTIFICATION_AGE_MAX_SECONDS,
    applyTimeoutMs: config.NOTIFICATION_APPLY_TIMEOUT_MS,
    merchant: { mchid: config.WECHATPAY_MCHID, appid: config.WECHATPAY_APPID },
    apply: notificationApplier(foundation),
  });
  const paths = ['/wechatpay/notify/transaction', '/wechatpay/notify/refund'];
  const routes = paths.map((path) => ({ path, handler }));
  const onRefused = (result: string): void => metrics.wechatpayNotifications.inc({ event: 'unverified', result });
  return createEdgeServer({ routes, bodyBytesMax: config.NOTIFICATION_BODY_BYTES_MAX, onRefused, log });
}

/**
 * The worker role: what the database says is due. What calls WeChat Pay, and may take long, is spread over the processes by
 * queues; the rest is done where it is found.
 */
function startWorker(foundation: Foundation, closables: Closable[]): JobQueues {
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

/** Ready means: the schema is there, and our clock and the database's agree. Redis is not asked: no call needs it. */
function readinessChecks({ config, clock, db }: Foundation): Record<string, ReadinessCheck> {
  return {
    database: async () => {
      await db.knex('users').select(db.knex.raw('1')).limit(1);
    },
    clock: async () => {
      const skewMs = Math.abs((await readDatabaseTime(db)).getTime() - clock.machineNow().getTime());
      if (skewMs > config.CLOCK_SKEW_MAX_MS) throw new Error(`clock and database differ by ${skewMs} ms`);
    },
  };
}

/** Builds, connects and starts. Throws when a port is taken or a key is unusable; nothing is left running then. */
export async function startService(config: Config, log: Logger, clock = clockOf(config)): Promise<Service> {
  const metrics = createMetrics();
  const db = openDatabase(config, observe(metrics));
  const plays = (role: Config['BILLING_ROLE']): boolean =>
    config.BILLING_ROLE === 'all' || config.BILLING_ROLE === role;
  // Closed last to first, so what others stand on goes at the end.
  const closables: Closable[] = [{ name: 'database', close: () => db.knex.destroy() }];
  const lanes = buildLanes({ config, log, clock, metrics }, closables);
  const wechatpay = openWechatpay({ config, clock, log }, closables);
  const foundation: Foundation = { config, log, clock, metrics, db, ...lanes, wechatpay };

  const draining = { isDraining: false };
  const checks = {
    ...readinessChecks(foundation),
    serving: () => (draining.isDraining ? Promise.reject(new Error('shutting down')) : Promise.resolve()),
  };
  const internal = createInternalServer({ metrics, checks, log });
  closables.push({ name: 'internal', close: () => internal.close(CLOSE_GRACE_MS) });
  const rpc = plays('rpc') ? buildRpc(foundation, closables) : undefined;
  const edge = plays('edge') ? buildEdge(foundation) : undefined;
  const queues = plays('worker') ? startWorker(foundation, closables) : undefined;
  if (rpc !== undefined) closables.push({ name: 'rpc', close: () => rpc.shutdown(CLOSE_GRACE_MS) });

  const closeAll = async (): Promise<void> => {
    for (const { name, close } of [...closables].reverse()) {
      await close().catch((error: unknown) => log.error({ err: error, part: name }, 'could not be closed'));
    }
  };
  try {
    const ports = {
      grpcPort: (await rpc?.listen(config.GRPC_HOST, config.GRPC_PORT)) ?? 0,
      edgePort: (await edge?.listen(config.EDGE_HOST, config.EDGE_PORT)) ?? 0,
      internalPort: await internal.listen(config.INTERNAL_HOST, config.INTERNAL_PORT),
    };
    rpc?.setServing(true);
    const stop = async (): Promise<void> => {
      draining.isDraining = true;
      rpc?.setServing(false);
      rpc?.beginDrain();
      const drainMs = config.DRAIN_TIMEOUT_MS - CLOSE_RESERVE_MS;
      // A notification that is being applied is answered: WeChat Pay need not send it again.
      const edgeMs = Math.min(drainMs, config.NOTIFICATION_APPLY_TIMEOUT_MS + CLOSE_GRACE_MS);
      const ends = [rpc?.drained(drainMs), edge?.close(edgeMs), queues?.stop(drainMs)];
      await Promise.all([pause(config.DRAIN_NOTICE_MS), ...ends]);
      await closeAll();
    };
    return { ports, stop };
  } catch (error) {
    await edge?.close(CLOSE_GRACE_MS);
    await closeAll();
    throw error;
  }
}
