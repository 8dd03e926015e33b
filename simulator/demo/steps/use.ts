import {
  ConsumeQuotaRequest,
  QuotaLogType,
  RefundQuotaRequest,
  type QuotaLog,
} from '../../../src/gen/billing/v1/quota_service.pb';
import { call, refusalOf } from '../billing';
import type { Stage } from '../stage';
import { present } from '../unexpected';
import { beijing, REFUSAL_HEADINGS, refusalRow, signed } from '../wording';

/** Using quota (配额): taken, taken once, returned (返还), never more than there is. */

const TASK_UNITS = 5;
const TASK = { taskId: 'tryon-1', taskType: 'image.try_on', description: 'AI 试衣' };

/** Units usable now. */
export async function readRemaining({ aiTasks: { quota }, userId }: Stage): Promise<number> {
  return (await call(quota.getQuota.bind(quota), { userId })).quotaRemaining;
}

/** Units that a task takes without anybody looking. */
export async function consumeUnits(
  { aiTasks: { quota }, userId }: Stage,
  requestId: string,
  amount: number,
): Promise<void> {
  const task = { requestId, userId, amount, taskType: 'matting' };
  await call(quota.consumeQuota.bind(quota), ConsumeQuotaRequest.fromPartial(task));
}

function consumeRequest({ userId }: Stage, requestId: string, amount: number): ConsumeQuotaRequest {
  return ConsumeQuotaRequest.fromPartial({ requestId, userId, amount, ...TASK });
}

function showLog({ report }: Stage, log: QuotaLog, replayed: boolean): void {
  report.rows(
    'log',
    ['sequence', 'type', 'amount', 'remaining', 'request_id', 'task', 'replayed', 'hash'],
    [
      [
        log.sequence,
        QuotaLogType[log.type],
        signed(log.amount),
        log.quotaRemaining,
        log.requestId,
        log.taskId,
        replayed,
        `${log.hash.slice(0, 16)}…`,
      ],
    ],
  );
}

/** Step 5: what the user holds. Returns the units. */
export async function showBalance(stage: Stage, expected: number): Promise<number> {
  const { report, aiTasks, userId } = stage;
  report.step('The balance (配额余额), grants in the order in which they are used');
  const view = await call(aiTasks.quota.getQuota.bind(aiTasks.quota), { userId });
  report.rows(
    'grants',
    ['grant', 'source', 'remaining', 'of', 'order', 'expires'],
    view.grants.map((grant) => [
      grant.grantId,
      grant.source,
      grant.remaining,
      grant.amount,
      grant.orderId,
      beijing(grant.expireTime),
    ]),
  );
  report.check(
    `${view.quotaRemaining} units: the registration grant and one membership grant, in spite of three callbacks`,
    view.quotaRemaining === expected && view.grants.length === 2,
  );
  return view.quotaRemaining;
}

/** Step 6: a task takes units. Returns the log row. */
export async function consume(stage: Stage, before: number): Promise<QuotaLog> {
  const { report, aiTasks } = stage;
  report.step(`An AI task consumes ${TASK_UNITS} units (消费)`);
  const request = consumeRequest(stage, 'task-1', TASK_UNITS);
  const response = await call(aiTasks.quota.consumeQuota.bind(aiTasks.quota), request);
  const log = present(response.log, 'log');
  showLog(stage, log, response.replayed);
  report.check(
    `${before} - ${TASK_UNITS} = ${response.quotaRemaining}`,
    response.quotaRemaining === before - TASK_UNITS && !response.replayed,
  );
  return log;
}

/** Step 7: the answer was lost, so the caller asks again. */
export async function repeatConsume(stage: Stage, first: QuotaLog): Promise<void> {
  const { report, aiTasks } = stage;
  report.step('The same request again, as after a lost answer (重复请求)');
  const request = consumeRequest(stage, 'task-1', TASK_UNITS);
  const response = await call(aiTasks.quota.consumeQuota.bind(aiTasks.quota), request);
  const log = present(response.log, 'log');
  showLog(stage, log, response.replayed);
  report.check(
    'replayed: the same row, nothing taken twice',
    response.replayed && log.hash === first.hash && (await readRemaining(stage)) === first.quotaRemaining,
  );
}

/** Step 8: the same id for something else. */
export async function reuseRequestId(stage: Stage, first: QuotaLog): Promise<void> {
  const { report, aiTasks } = stage;
  report.step('The same request_id with another amount');
  const request = consumeRequest(stage, 'task-1', TASK_UNITS + 1);
  const refusal = await refusalOf(aiTasks.quota.consumeQuota.bind(aiTasks.quota), request);
  report.rows('refusal', REFUSAL_HEADINGS, [refusalRow(refusal)]);
  report.check(
    'refused, nothing taken',
    refusal.reason === 'REQUEST_ID_REUSED' && (await readRemaining(stage)) === first.quotaRemaining,
  );
}

/** Step 9: the task failed, so its units come back; once. */
export async function refundTask(stage: Stage, before: number): Promise<void> {
  const { report, aiTasks, userId } = stage;
  report.step('The task fails: its units come back (返还), once');
  const reason = '任务失败';
  const request = RefundQuotaRequest.fromPartial({
    requestId: 'task-1-failed',
    userId,
    consumeRequestId: 'task-1',
    reason,
  });
  const response = await call(aiTasks.quota.refundQuota.bind(aiTasks.quota), request);
  showLog(stage, present(response.log, 'log'), response.replayed);
  report.check(`back to ${before}`, response.quotaRemaining === before);
  const again = { ...request, requestId: 'task-1-failed-again', amount: 1 };
  const refusal = await refusalOf(aiTasks.quota.refundQuota.bind(aiTasks.quota), again);
  report.rows('refusal', REFUSAL_HEADINGS, [refusalRow(refusal)]);
  report.check(
    'a second return is refused, nothing given',
    refusal.reason === 'REFUND_EXCEEDS_CONSUMED' && (await readRemaining(stage)) === before,
  );
}

/** Step 10: more than there is. */
export async function overConsume(stage: Stage, before: number): Promise<void> {
  const { report, aiTasks } = stage;
  report.step(`A task wants ${before + 1} units and there are ${before} (超额)`);
  const request = consumeRequest(stage, 'task-too-big', before + 1);
  const refusal = await refusalOf(aiTasks.quota.consumeQuota.bind(aiTasks.quota), request);
  report.rows('refusal', REFUSAL_HEADINGS, [refusalRow(refusal)]);
  report.say(refusal.message);
  report.check(
    'refused as a whole, nothing taken',
    refusal.reason === 'QUOTA_INSUFFICIENT' && (await readRemaining(stage)) === before,
  );
}
