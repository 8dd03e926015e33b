import { knex } from 'knex';
import { knexSnakeCaseMappers } from 'objection';
import {
  PromotionServiceService,
  type ClaimCouponRequest,
  type ClaimCouponResponse,
} from '../../src/gen/billing/v1/promotion_service.pb';
import {
  QuotaServiceService,
  type ConsumeQuotaRequest,
  type ConsumeQuotaResponse,
} from '../../src/gen/billing/v1/quota_service.pb';
import { systemClock } from '../../src/platform/clock';
import { addressOf } from '../../src/platform/db/database';
import { toClaimResponse } from './claim-message';
import { toConsumeResponse } from './consume-message';
import { readServerSettings, serve, unary } from './serve';
import { textbookClaim } from './textbook-claim';
import { textbookConsume } from './textbook-consume';

/** The textbook: what a careful team writes first. No queue, no batch, no Redis; the pool is all that bounds it. */

const CONSUMER = 'spiffe://billing/ai-task-service/ai-task-service';
const CLAIMER = 'spiffe://billing/order-service/order-service';

/** A connection as knex hands it to afterCreate. */
interface RawConnection {
  query(sql: string, done: (error: Error | null) => void): void;
}

const settings = readServerSettings();
const pool = knex({
  client: 'mysql2',
  connection: { ...addressOf(settings.databaseUrl), charset: 'utf8mb4_bin', timezone: 'Z' },
  pool: {
    min: settings.poolSize,
    max: settings.poolSize,
    acquireTimeoutMillis: 10_000,
    afterCreate: (connection: RawConnection, done: (error: Error | null, connection: RawConnection) => void) =>
      connection.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED', (error) => done(error, connection)),
  },
  ...knexSnakeCaseMappers(),
});

async function consume(request: ConsumeQuotaRequest): Promise<ConsumeQuotaResponse> {
  const { requestId, userId, amount, taskId, taskType, description } = request;
  const command = { requestId, userId, amount, taskId, taskType, description, actor: CONSUMER };
  const { log, replayed } = await textbookConsume(pool, { kind: 'ConsumeQuota', ...command }, systemClock.now());
  return toConsumeResponse(log, replayed);
}

async function claim({ requestId, userId, promotionId }: ClaimCouponRequest): Promise<ClaimCouponResponse> {
  const command = { requestId, userId, promotionId, actor: CLAIMER };
  const { coupon, replayed } = await textbookClaim(pool, command, systemClock.now());
  return toClaimResponse(coupon, replayed);
}

const { consumeQuota } = QuotaServiceService;
const { claimCoupon } = PromotionServiceService;
serve(settings, { consumeQuota, claimCoupon }, { consumeQuota: unary(consume), claimCoupon: unary(claim) });
