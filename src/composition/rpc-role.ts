import { ACCESS_MATRIX } from '../access-matrix';
import { createGiftService } from '../gift';
import { createCatalogService } from '../catalog';
import { createJobService } from '../job';
import { createMembershipService, readMembership, toMembershipMessage } from '../membership';
import { createOrderRefreshLimits, createOrderService, createPayerIndex, type OrderRefreshLimits } from '../order';
import { createEventService } from '../event';
import { createPaymentService } from '../payment';
import { createFieldCipher } from '../platform/crypto/field-cipher';
import { fen } from '../platform/money';
import { openRedis } from '../platform/redis';
import { createRpcServer, type RpcServer } from '../platform/rpc/server';
import { createClaimLimits, createPromotionService, type ClaimLimits } from '../promotion';
import { createQuotaService, RefusalRecorder } from '../quota';
import { createRefundHandlers, readRefundsOf, toRefundMessage } from '../refund';
import type { Closable, Foundation } from './foundation';
import { JOB_LIST } from './job-list';
import { notificationApplier, orderParts, refundParts } from './payment-parts';

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
export function buildRpc(foundation: Foundation, closables: Closable[]): RpcServer {
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
