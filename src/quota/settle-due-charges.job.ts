import type { Database } from '../platform/db/database';
import { valuesTable } from '../platform/db/sql-text';
import { readerOf, writeTogether } from '../platform/db/statements';
import { readOnly, withTx } from '../platform/db/tx';
import { SYSTEM_ACTOR } from '../platform/calls';
import type { Logger } from '../platform/log';
import { addMs, MS_PER_MINUTE } from '../platform/time';
import type { SettleCommand } from './commands';
import { lockUser } from './posting';
import { QuotaChargeRow } from './quota-charge.model';
import type { QuotaCommits } from './quota-commits';
import type { CaseReason } from './settlement-case.model';
import { openCase } from './settlement-case.queries';
import { TASK_KEYS_MAX, type TaskState, type TaskStatusSource } from './task-status';

/**
 * The sweeper (R3.3, R10.5): charges that nobody settled by their deadline. The task service is asked how their task
 * ended; what stays unknown past the second deadline becomes a case for people, and is asked about further. A hold without
 * a task has nobody to ask for and is released. The database is the source of what is due: running this twice, or twice
 * at once, settles nothing twice.
 */

/** Most due charges of one round. */
export const DUE_CHARGES_MAX = 500;
/** Charges put off by one statement. */
const PUT_OFF_SIZE = 100;
/** Cases opened at the same time, each on a connection: the pool is also that of payments and reads. */
const CASES_AT_ONCE_MAX = 4;
/** Until a task whose outcome is not known yet is asked about again. */
const ASK_AGAIN_MS = 5 * MS_PER_MINUTE;
/** The same once its case is open, or where there is nobody to ask. */
const ASK_AGAIN_LATER_MS = 60 * MS_PER_MINUTE;
/** Until a charge that could not be settled is tried again: it must not stand before the others for ever. */
const TRY_AGAIN_MS = MS_PER_MINUTE;

/** What the sweeper works with. */
export interface SweeperParts {
  readonly db: Database;
  readonly commits: QuotaCommits;
  /** Undefined: no task service is configured. */
  readonly taskStatus: TaskStatusSource | undefined;
  readonly log: Logger;
  readonly onSettled: (outcome: 'SUCCEEDED' | 'FAILED') => void;
  readonly onCase: (reason: CaseReason) => void;
}

type TaskOutcome = 'SUCCEEDED' | 'FAILED';

/** What is known of one due charge. */
type Finding = TaskState | 'UNREACHABLE' | 'NOBODY_TO_ASK';

/** A charge and when it is looked at again. */
interface PutOff {
  readonly charge: QuotaChargeRow;
  readonly dueTime: Date;
}

const CASE_REASONS = {
  UNKNOWN: 'unknown',
  RUNNING: 'running',
  UNREACHABLE: 'unreachable',
  NOBODY_TO_ASK: 'nobody_to_ask',
} as const;

/**
 * Settles what is due, at most DUE_CHARGES_MAX charges. Returns how many were due. One that fails is tried again later and
 * holds up no other. After an abort of `signal` nothing more is begun: what is left stays due.
 */
export async function settleDueCharges(parts: SweeperParts, now: Date, signal: AbortSignal): Promise<number> {
  const due = await readOnly(parts.db, (reader) =>
    QuotaChargeRow.query(reader).where('dueTime', '<=', now).orderBy('dueTime').limit(DUE_CHARGES_MAX),
  );
  const findings = await askAbout(parts, due, signal);
  if (signal.aborted) return due.length;
  const looked = due.map((charge, i) => ({ charge, finding: findings[i] ?? 'UNREACHABLE' }));
  // The lane commits what is settled together.
  const settling = looked.flatMap(({ charge, finding }) =>
    isOutcome(finding) ? [tryOn(parts, charge, settle(parts, charge, finding))] : [],
  );
  const notSettled = (await Promise.all(settling)).flat();
  const unknown = looked.flatMap(({ charge, finding }) => (isOutcome(finding) ? [] : [{ charge, finding }]));
  const failed = new Set([...notSettled, ...(await keepCases(parts, unknown, now, signal))]);
  if (signal.aborted) return due.length;
  await putOff(parts.db, [
    ...[...failed].map((charge) => ({ charge, dueTime: addMs(now, TRY_AGAIN_MS) })),
    ...unknown
      .filter(({ charge }) => !failed.has(charge))
      .map(({ charge, finding }) => ({ charge, dueTime: askAgainTime(charge, finding, now) })),
  ]);
  return due.length;
}

function isOutcome(finding: Finding): finding is TaskOutcome {
  return finding === 'SUCCEEDED' || finding === 'FAILED';
}

/** Does work on a charge. Returns the charge if it failed, else nothing. */
async function tryOn(
  parts: SweeperParts,
  charge: QuotaChargeRow,
  work: Promise<void>,
): Promise<readonly QuotaChargeRow[]> {
  try {
    await work;
    return [];
  } catch (error) {
    const { userId, sequence } = charge;
    const message = 'a due charge could not be settled; it is tried again in a minute';
    parts.log.error({ err: error, userId, sequence }, message);
    return [charge];
  }
}

/** How the tasks of charges ended, in the order of the charges; a task is asked about once. */
async function askAbout(
  parts: SweeperParts,
  charges: readonly QuotaChargeRow[],
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const keyOf = ({ userId, taskId }: QuotaChargeRow): string => `${userId}\n${taskId}`;
  const tasks = [...new Map(charges.filter(({ taskId }) => taskId !== '').map((row) => [keyOf(row), row])).values()];
  const states = new Map<string, Finding>();
  for (let from = 0; from < tasks.length; from += TASK_KEYS_MAX) {
    const page = tasks.slice(from, from + TASK_KEYS_MAX);
    const found = await askPage(parts, page, signal);
    // Who did not answer now would make every further page wait as long.
    if (found === 'UNREACHABLE') break;
    for (const [i, row] of page.entries()) states.set(keyOf(row), found[i] ?? 'UNREACHABLE');
  }
  // A hold without a task was only to last so long.
  return charges.map((row) => (row.taskId === '' ? 'FAILED' : (states.get(keyOf(row)) ?? 'UNREACHABLE')));
}

async function askPage(
  parts: SweeperParts,
  page: readonly QuotaChargeRow[],
  signal: AbortSignal,
): Promise<readonly Finding[] | 'UNREACHABLE'> {
  if (parts.taskStatus === undefined) return page.map(() => 'NOBODY_TO_ASK');
  try {
    const tasks = page.map(({ userId, taskId }) => ({ userId, taskId }));
    return await parts.taskStatus.ask(tasks, signal);
  } catch (error) {
    if (!signal.aborted) {
      parts.log.warn(
        { err: error, tasks: page.length },
        'the task service could not be asked; it is asked again later',
      );
    }
    return 'UNREACHABLE';
  }
}

async function settle(parts: SweeperParts, charge: QuotaChargeRow, outcome: TaskOutcome): Promise<void> {
  const { userId, taskId, sequence } = charge;
  const reason = taskId === '' ? 'the hold expired' : `the task service says: ${outcome.toLowerCase()}`;
  const command: SettleCommand = {
    ...{ kind: 'SettleCharge', userId, taskId, sequence, outcome, reason },
    actor: SYSTEM_ACTOR,
  };
  const { chargesSettled } = await parts.commits.submit(command);
  if (chargesSettled === 1) parts.onSettled(outcome);
}

/** When a charge is looked at again whose task has not ended, as far as is known; its second deadline is not missed. */
function askAgainTime({ caseDeadline }: QuotaChargeRow, finding: Finding, now: Date): Date {
  const hasCase = caseDeadline !== null && caseDeadline <= now;
  const next = addMs(now, hasCase || finding === 'NOBODY_TO_ASK' ? ASK_AGAIN_LATER_MS : ASK_AGAIN_MS);
  return !hasCase && caseDeadline !== null && caseDeadline < next ? caseDeadline : next;
}

/** Looks at charges again later, many by one statement. One that somebody settles meanwhile is left alone. */
async function putOff(db: Database, charges: readonly PutOff[]): Promise<void> {
  const inOrder = [...charges].sort((first, second) => (keyText(first.charge) < keyText(second.charge) ? -1 : 1));
  for (let from = 0; from < inOrder.length; from += PUT_OFF_SIZE) {
    const rows = inOrder.slice(from, from + PUT_OFF_SIZE).map(({ charge: { userId, taskId, sequence }, dueTime }) => {
      return [userId, taskId, sequence, dueTime];
    });
    const k = valuesTable({ user_id: 'id', task_id: 'id', sequence: 'integer', due: 'instant' }, rows);
    const sql =
      `UPDATE ${k} STRAIGHT_JOIN quota_charges c FORCE INDEX (PRIMARY) ON c.user_id = k.user_id COLLATE ascii_bin ` +
      "AND c.task_id = k.task_id COLLATE ascii_bin AND c.sequence = k.sequence AND c.state = 'open' SET c.due_time = k.due";
    await withTx(db, { name: 'PostponeCharges' }, (tx) => writeTogether(tx, [{ sql, what: 'quota_charges' }]));
  }
}

/** In this order rows are locked, whoever sweeps: two sweepers do not lock against each other. */
function keyText({ userId, taskId, sequence }: QuotaChargeRow): string {
  return `${userId}\n${taskId}\n${String(sequence).padStart(16, '0')}`;
}

/** A charge whose task has not ended, as far as is known. */
interface Unknown {
  readonly charge: QuotaChargeRow;
  readonly finding: Exclude<Finding, TaskOutcome>;
}

/** Opens the cases of charges that are past their second deadline and have none. Returns those that failed. */
async function keepCases(
  parts: SweeperParts,
  unknown: readonly Unknown[],
  now: Date,
  signal: AbortSignal,
): Promise<readonly QuotaChargeRow[]> {
  const late = unknown.filter(({ charge: { caseDeadline } }) => caseDeadline !== null && caseDeadline <= now);
  const hasCase = await readWhichHaveCases(parts.db, late);
  const without = late.filter(({ charge }) => !hasCase.has(charge));
  const failed: QuotaChargeRow[] = [];
  const openNext = async (): Promise<void> => {
    for (let next = without.shift(); next !== undefined && !signal.aborted; next = without.shift()) {
      failed.push(...(await tryOn(parts, next.charge, keepCase(parts, next, now))));
    }
  };
  await Promise.all(Array.from({ length: CASES_AT_ONCE_MAX }, openNext));
  return failed;
}

async function readWhichHaveCases(db: Database, late: readonly Unknown[]): Promise<ReadonlySet<QuotaChargeRow>> {
  if (late.length === 0) return new Set();
  const keys = late.map(({ charge: { userId, sequence } }) => [userId, sequence]);
  const k = valuesTable({ user_id: 'id', sequence: 'integer' }, keys);
  const sql =
    `SELECT s.user_id, s.sequence FROM ${k} STRAIGHT_JOIN settlement_cases s FORCE INDEX (PRIMARY) ` +
    'ON s.user_id = k.user_id COLLATE ascii_bin AND s.sequence = k.sequence';
  const [rows = []] = await withTx(db, { name: 'ReadSettlementCases' }, (tx) => readerOf(tx)([{ sql }]));
  const known = new Set(rows.map(([userId, sequence]) => `${String(userId)}\n${String(sequence)}`));
  return new Set(
    late.map(({ charge }) => charge).filter(({ userId, sequence }) => known.has(`${userId}\n${sequence}`)),
  );
}

async function keepCase(parts: SweeperParts, { charge, finding }: Unknown, now: Date): Promise<void> {
  const { userId, taskId, sequence } = charge;
  const reason = CASE_REASONS[finding];
  const isNew = await withTx(parts.db, { name: 'OpenSettlementCase' }, async (tx) => {
    await lockUser(tx, userId);
    const open = await QuotaChargeRow.query(tx).findById([userId, taskId, sequence]).where('state', 'open');
    return open === undefined ? false : openCase(tx, charge, reason, now);
  });
  if (!isNew) return;
  parts.onCase(reason);
  parts.log.error({ userId, taskId, sequence, reason }, 'nobody knows how a task ended; a case waits for people');
}
