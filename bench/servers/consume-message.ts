import { QuotaLogType, type ConsumeQuotaResponse } from '../../src/gen/billing/v1/quota_service.pb';
import type { Posting } from '../../src/quota/account';

/** The answer to a consume that wrote this row, or had written it before. */
export function toConsumeResponse(log: Posting, replayed: boolean): ConsumeQuotaResponse {
  const { sequence, userId, requestId, amount, units, quotaRemaining, taskId, taskType, description } = log;
  return {
    log: {
      sequence,
      userId,
      requestId,
      type: QuotaLogType.CONSUME,
      amount,
      units,
      quotaRemaining,
      taskId,
      taskType,
      description,
      createTime: log.createTime,
      hash: log.hash.toString('hex'),
      consumeSequence: 0,
    },
    quotaRemaining,
    replayed,
  };
}
