import {
  HoldQuotaRequest,
  ListSettlementCasesRequest,
  ReportTaskOutcomeRequest,
  type ExplainRequestResponse,
  type SettlementCase,
  type TaskOutcome,
} from '../../src/gen/billing/v1/quota_service.pb';
import { MS_PER_MINUTE } from '../../src/platform/time';
import { call, mustSucceed } from './clients';
import type { Row } from './database';
import { consume, newId, until, type Harness } from './harness';
import type { TaskKey } from '../../src/quota/task-status';

/** How the tests of settlement ask for things and look at what became of charges. */

export const SETTLE_MINUTES = 120;
export const CASE_MINUTES = 1_440;
export const ASK_AGAIN_MINUTES = 5;
/** Units that a charge of these tests takes. */
export const UNITS = 3;

export type ChargeKind = 'consume' | 'hold';

export function advanceMinutes(h: Harness, minutes: number): void {
  h.clock.advanceMs(minutes * MS_PER_MINUTE);
}

/** Calls HoldQuota as the AI task service. */
export function hold(h: Harness, fields: Partial<HoldQuotaRequest>) {
  const { quota } = h.as('ai-task-service');
  return call(quota.holdQuota.bind(quota), HoldQuotaRequest.fromPartial(fields));
}

/** Calls ReportTaskOutcome as the AI task service. */
export function report(h: Harness, task: TaskKey, outcome: TaskOutcome, requestId = newId('report')) {
  const { quota } = h.as('ai-task-service');
  const request = ReportTaskOutcomeRequest.fromPartial({ ...task, requestId, outcome });
  return call(quota.reportTaskOutcome.bind(quota), request);
}

/** A task for which units were taken or set aside under the request_id `c`, and whose caller then died. */
export async function abandon(h: Harness, kind: ChargeKind, userId: string): Promise<TaskKey> {
  const task = { userId, taskId: newId('t') };
  const fields = { ...task, requestId: 'c', amount: UNITS };
  if (kind === 'hold') await mustSucceed(hold(h, fields));
  else await mustSucceed(consume(h, fields));
  return task;
}

/** The one charge of a user, as it is stored. */
export async function chargeOf(h: Harness, userId: string): Promise<Row> {
  const [charge, ...others] = await h.db.query('SELECT * FROM quota_charges WHERE user_id = ?', [userId]);
  expect(others).toEqual([]);
  return charge ?? {};
}

/** Whole minutes from the start of the charge until it is looked at next; null: never again. */
export async function dueAfterMinutes(h: Harness, userId: string): Promise<number | null> {
  const sql =
    'SELECT TIMESTAMPDIFF(SECOND, l.create_time, c.due_time) AS seconds FROM quota_charges c ' +
    'JOIN quota_logs l ON l.user_id = c.user_id AND l.sequence = c.sequence WHERE c.user_id = ?';
  const [row] = await h.db.query(sql, [userId]);
  const seconds = row?.['seconds'] ?? null;
  return seconds === null ? null : Math.round(Number(seconds) / 60);
}

/** What became of a user's account: balance, units held, and the rows after the charge's own. */
export async function stateOf(h: Harness, userId: string) {
  const rows = await h.db.query(
    'SELECT type, amount, units, origin, request_id, description, actor FROM quota_logs WHERE user_id = ? AND sequence > 2 ORDER BY sequence',
    [userId],
  );
  const { quota } = h.as('ai-task-service');
  const { quotaRemaining, quotaHeld } = await mustSucceed(call(quota.getQuota.bind(quota), { userId }));
  const { state } = await chargeOf(h, userId);
  return { state, quotaRemaining, quotaHeld, rows };
}

/** Waits until a charge is in a state. */
export function untilState(h: Harness, userId: string, state: 'settled' | 'released'): Promise<void> {
  return until(`the charge is ${state}`, async () => (await chargeOf(h, userId))['state'] === state);
}

/** Waits until the sweeper has been through whatever is due now: until it released a hold that is due after all others. */
export async function untilSwept(h: Harness, userId: string): Promise<void> {
  const requestId = newId('sentinel');
  await mustSucceed(hold(h, { userId, requestId, amount: 1, ttl: { seconds: 1, nanos: 0 } }));
  h.clock.advanceMs(1_001);
  await until('the sweeper came by', async () => {
    const { effect } = await explain(h, userId, requestId);
    return effect?.settled === true;
  });
}

export function explain(h: Harness, userId: string, requestId: string): Promise<ExplainRequestResponse> {
  const { quota } = h.as('operations');
  return mustSucceed(call(quota.explainRequest.bind(quota), { userId, requestId }));
}

/** The cases of a user, open or resolved. */
export async function casesOf(h: Harness, userId: string, resolved = false): Promise<readonly SettlementCase[]> {
  const { quota } = h.as('operations');
  const found: SettlementCase[] = [];
  for (let pageToken = ''; ;) {
    const request = ListSettlementCasesRequest.fromPartial({ resolved, pageSize: 200, pageToken });
    const page = await mustSucceed(call(quota.listSettlementCases.bind(quota), request));
    found.push(...page.cases.filter((entry) => entry.userId === userId));
    if (page.nextPageToken === '') return found;
    pageToken = page.nextPageToken;
  }
}
