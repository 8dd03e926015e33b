import { ACCESS_MATRIX, SENSITIVE_READS } from '../access-matrix';
import {
  createAnchorHandlers,
  createAuditLogHandlers,
  createAuditService,
  createEvidenceHandlers,
  createReviewHandlers,
} from '../audit';
import { createGiftService } from '../gift';
import { createCatalogService } from '../catalog';
import { createJobService } from '../job';
import { createMembershipService, readMembership, toMembershipMessage } from '../membership';
import { createOrderRefreshLimits, createOrderService, createPayerIndex, type OrderRefreshLimits } from '../order';
import { createEventService } from '../event';
import { createPaymentService } from '../payment';
import { fen } from '../platform/money';
import { openRedis } from '../platform/redis';
import { createAccessLog } from '../platform/rpc/access-log';
import { createCallLimits, type CallLimits } from '../platform/rpc/call-limits';
import { createRpcServer, type RpcServer } from '../platform/rpc/server';
import type { RpcService } from '../platform/rpc/service';
import { createPrivacyService } from '../privacy';
import { createClaimLimits, createPromotionService, type ClaimLimits } from '../promotion';
import { createQuotaService, RefusalRecorder } from '../quota';
import { createRefundHandlers, readRefundsOf, toRefundMessage } from '../refund';
import { VERSION } from '../version';
import type { Closable, Foundation } from './foundation';
import { JOB_LIST } from './job-list';
import { notificationApplier, orderParts, refundParts } from './payment-parts';

/** How often callers may call and try. */
interface Limits {
  readonly calls: CallLimits;
  readonly claims: ClaimLimits;
  readonly refreshes: OrderRefreshLimits;
}

/** The limits, on a connection of their own: each claim asks twice. */
function openLimits({ config, log }: Foundation, closables: Closable[]): Limits {
  const redis = openRedis(config.REDIS_URL, config.REDIS_TIMEOUT_MS, log, { together: true });
  closables.push({ name: 'limits redis', close: () => Promise.resolve(redis.disconnect()) });
  const rates = { perService: config.RPCS_PER_SECOND_PER_CALLER, perPerson: config.RPCS_PER_SECOND_PER_PERSON };
  const calls = createCallLimits(redis, rates, config.JOBS_PREFIX);
  const claims = createClaimLimits(redis, {
    perUser: config.CLAIMS_PER_MINUTE_PER_USER,
    perCaller: config.CLAIMS_PER_MINUTE_PER_CALLER,
  });
  return { calls, claims, refreshes: createOrderRefreshLimits(redis) };
}

/** Every service of this package. */
function servicesOf(foundation: Foundation, limits: Limits, refusals: RefusalRecorder): readonly RpcService[] {
  const { config, log, clock, metrics, db, commits, claims, cipher } = foundation;
  return [
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
    createCatalogService({ db, clock }),
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
          graceDays: config.MEMBERSHIP_GRACE_DAYS,
          notifyUrl: config.WECHATPAY_NOTIFY_URL,
          openOrdersMax: config.OPEN_ORDERS_MAX,
        },
      },
      createRefundHandlers(refundParts(foundation)),
    ),
    createGiftService({ db, clock }),
    createJobService({ db, clock, jobs: JOB_LIST }),
    createEventService({ db, clock }),
    createPrivacyService(foundation),
    createAuditService({
      ...createAuditLogHandlers({ db }),
      ...createAnchorHandlers({ db }),
      ...createReviewHandlers({ db, clock }),
      ...createEvidenceHandlers({ ...foundation, version: VERSION }),
    }),
    createPaymentService({
      db,
      log,
      clock,
      cipher,
      apply: notificationApplier(foundation),
    }),
  ];
}

/** The gRPC role. */
export function buildRpc(foundation: Foundation, closables: Closable[]): RpcServer {
  const { config, log, clock, metrics, db } = foundation;
  const refusals = new RefusalRecorder(db, log, (count) => metrics.refusalsDropped.inc(count));
  closables.push({ name: 'refusals', close: () => refusals.flush() });
  const limits = openLimits(foundation, closables);
  const server = createRpcServer({
    tls: foundation.tls.current(),
    services: servicesOf(foundation, limits, refusals),
    access: ACCESS_MATRIX,
    callLimits: limits.calls,
    accessLog: createAccessLog({ db, clock, reads: SENSITIVE_READS }),
    log,
    metrics,
    inflightMax: config.RPC_INFLIGHT_MAX,
    messageBytesMax: config.RPC_MESSAGE_BYTES_MAX,
    deadlineDefaultMs: config.RPC_DEADLINE_DEFAULT_MS,
    deadlineMaxMs: config.RPC_DEADLINE_MAX_MS,
  });
  foundation.tls.onChange((tls) => server.renewTls(tls));
  return server;
}
