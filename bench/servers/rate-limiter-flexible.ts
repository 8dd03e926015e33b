import { createPool } from 'mysql2';
import { RateLimiterMySQL } from 'rate-limiter-flexible';
import { QuotaLogType } from '../../src/gen/billing/v1/quota_service.pb';
import { systemClock } from '../../src/platform/clock';
import { addressOf } from '../../src/platform/db/database';
import { readServerSettings, serveConsume } from './serve';

/** What people reach for: a counter per user in the database. No log, no repeats, no lots, no balance that is paid for. */

/** Made by the runner: the account that serves may not create tables. */
export const LIMITER_TABLE = 'limiter_points';
/** More points than any run takes, as the users of the other variants have more units. */
const POINTS = 1_000_000_000;
const DURATION_SECONDS = 86_400;

const settings = readServerSettings();
const address = addressOf(settings.databaseUrl);
const limiter = new RateLimiterMySQL({
  storeClient: createPool({ ...address, connectionLimit: settings.poolSize }),
  storeType: 'pool',
  dbName: address.database,
  tableName: LIMITER_TABLE,
  tableCreated: true,
  clearExpiredByTimeout: false,
  points: POINTS,
  duration: DURATION_SECONDS,
});

serveConsume(settings, async ({ requestId, userId, amount, taskId, taskType, description }) => {
  const { consumedPoints, remainingPoints } = await limiter.consume(userId, amount);
  return {
    log: {
      sequence: consumedPoints,
      userId,
      requestId,
      type: QuotaLogType.CONSUME,
      amount: -amount,
      units: amount,
      quotaRemaining: remainingPoints,
      taskId,
      taskType,
      description,
      createTime: systemClock.now(),
      hash: '',
      consumeSequence: 0,
    },
    quotaRemaining: remainingPoints,
    replayed: false,
  };
});
