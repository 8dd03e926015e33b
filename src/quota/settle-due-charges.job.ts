import type { Database } from '../platform/db/database';
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

/** Charges that are looked at in one round. */
const BATCH_SIZE = 500;
/** Charges that are put off at the same time, each on a connection: the pool is also that of payments and reads. */
const PUT_OFF_MAX = 4;
/** Until a task whose outcome is not known yet is asked about again. */
const ASK_AGAIN_MS = 5 * MS_PER_MINUTE;
/** The same once its case is open. */
const ASK_AGAIN_OPEN_CASE_MS = 60 * MS_PER_MINUTE;

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

/** What is known of one due charge. */
type Finding = TaskState | 'UNREACHABLE' | 'NOBODY_TO_ASK';

/** Settles what is due. Returns how many charges were due; one that fails stays due and holds up no other. */
export async function settleDueCharges(parts: SweeperParts, now: Date): Promise<number> {
  const due = await readOnly(parts.db, (reader) =>
    QuotaChargeRow.query(reader).where('dueTime', '<=', now).orderBy('dueTime').limit(BATCH_SIZE),
  );
  const findings = await askAbout(parts, due);
  const looked = due.map((charge, i) => ({ charge, finding: findings[i] ?? 'UNREACHABLE' }));
  const toPutOff = looked.filter(({ finding }) => !isOutcome(finding));
  const putOffNext = async (): Promise<void> => {
    for (let next = toPutOff.shift(); next !== undefined; next = toPutOff.shift()) {
      await actOn(parts, next.charge, next.finding, now);
    }
  };
  await Promise.all([
    // The lane commits them together.
    ...looked
      .filter(({ finding }) => isOutcome(finding))
      .map(({ charge, finding }) => actOn(parts, charge, finding, now)),
    ...Array.from({ length: PUT_OFF_MAX }, putOffNext),
  ]);
  return due.length;
}

function isOutcome(finding: Finding): finding is 'SUCCEEDED' | 'FAILED' {
  return finding === 'SUCCEEDED' || finding === 'FAILED';
}

/** How the tasks of charges ended, in the order of the charges; a task is asked about once. */
async function askAbout(parts: SweeperParts, charges: readonly QuotaChargeRow[]): Promise<readonly Finding[]> {
  const keyOf = ({ userId, taskId }: QuotaChargeRow): string => `${userId}\n${taskId}`;
  const tasks = [...new Map(charges.filter(({ taskId }) => taskId !== '').map((row) => [keyOf(row), row])).values()];
  const states = new Map<string, Finding>();
  for (let from = 0; from < tasks.length; from += TASK_KEYS_MAX) {
    const page = tasks.slice(from, from + TASK_KEYS_MAX);
    const found = await askPage(parts, page);
    for (const [i, row] of page.entries()) states.set(keyOf(row), found[i] ?? 'UNREACHABLE');
  }
  // A hold without a task was only to last so long.
  return charges.map((row) => (row.taskId === '' ? 'FAILED' : (states.get(keyOf(row)) ?? 'UNREACHABLE')));
}

async function askPage(parts: SweeperParts, page: readonly QuotaChargeRow[]): Promise<readonly Finding[]> {
  if (parts.taskStatus === undefined) return page.map(() => 'NOBODY_TO_ASK');
  try {
    return await parts.taskStatus.ask(page.map(({ userId, taskId }) => ({ userId, taskId })));
  } catch (error) {
    parts.log.warn({ err: error, tasks: page.length }, 'the task service could not be asked; it is asked again later');
    return page.map(() => 'UNREACHABLE');
  }
}

const CASE_REASONS = {
  UNKNOWN: 'unknown',
  RUNNING: 'running',
  UNREACHABLE: 'unreachable',
  NOBODY_TO_ASK: 'nobody_to_ask',
} as const;

/** Settles a charge or puts it off. */
async function actOn(parts: SweeperParts, charge: QuotaChargeRow, finding: Finding, now: Date): Promise<void> {
  try {
    await (isOutcome(finding) ? settle(parts, charge, finding) : putOff(parts, charge, finding, now));
  } catch (error) {
    const { userId, sequence } = charge;
    parts.log.error({ err: error, userId, sequence }, 'a due charge could not be settled; it stays due');
  }
}

async function putOff(
  parts: SweeperParts,
  charge: QuotaChargeRow,
  finding: Exclude<Finding, 'SUCCEEDED' | 'FAILED'>,
  now: Date,
): Promise<void> {
  const { caseDeadline } = charge;
  if (caseDeadline !== null && caseDeadline <= now) return keepCase(parts, charge, CASE_REASONS[finding], now);
  const next = addMs(now, ASK_AGAIN_MS);
  const dueTime = caseDeadline !== null && caseDeadline < next ? caseDeadline : next;
  await postpone(parts.db, charge, dueTime);
}

async function settle(parts: SweeperParts, charge: QuotaChargeRow, outcome: 'SUCCEEDED' | 'FAILED'): Promise<void> {
  const { userId, taskId, sequence } = charge;
  const reason = taskId === '' ? 'the hold expired' : `the task service says: ${outcome.toLowerCase()}`;
  const command: SettleCommand = {
    ...{ kind: 'SettleCharge', userId, taskId, sequence, outcome, reason },
    actor: SYSTEM_ACTOR,
  };
  const { chargesSettled } = await parts.commits.submit(command);
  if (chargesSettled === 1) parts.onSettled(outcome);
}

/** Somebody may settle the charge at the same time: then it is not open any more, and is left alone. */
async function postpone(db: Database, charge: QuotaChargeRow, dueTime: Date): Promise<void> {
  const { userId, taskId, sequence } = charge;
  await withTx(db, { name: 'PostponeCharge' }, async (tx) =>
    QuotaChargeRow.query(tx).findById([userId, taskId, sequence]).where('state', 'open').patch({ dueTime }),
  );
}

async function keepCase(parts: SweeperParts, charge: QuotaChargeRow, reason: CaseReason, now: Date): Promise<void> {
  const { userId, taskId, sequence } = charge;
  const isNew = await withTx(parts.db, { name: 'OpenSettlementCase' }, async (tx) => {
    await lockUser(tx, userId);
    const dueTime = addMs(now, ASK_AGAIN_OPEN_CASE_MS);
    const open = QuotaChargeRow.query(tx).findById([userId, taskId, sequence]).where('state', 'open');
    if ((await open.patch({ dueTime })) === 0) return false;
    return openCase(tx, charge, reason, now);
  });
  if (!isNew) return;
  parts.onCase(reason);
  parts.log.error({ userId, taskId, sequence, reason }, 'nobody knows how a task ended; a case waits for people');
}
