import { QuotaLogType } from '../../src/gen/billing/v1/quota_service.pb';
import { systemClock } from '../../src/platform/clock';
import { readServerSettings, serveConsume } from './serve';

/** The ceiling: answers at once what a consume would answer, and does nothing. */

const HASH = '0'.repeat(64);

serveConsume(readServerSettings(), ({ requestId, userId, amount, taskId, taskType, description }) => ({
  log: {
    sequence: 1,
    userId,
    requestId,
    type: QuotaLogType.CONSUME,
    amount: -amount,
    units: amount,
    quotaRemaining: 1_000_000,
    taskId,
    taskType,
    description,
    createTime: systemClock.now(),
    hash: HASH,
    consumeSequence: 0,
  },
  quotaRemaining: 1_000_000,
  replayed: false,
}));
