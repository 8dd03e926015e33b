import type { Knex } from 'knex';
import type { Database } from '../platform/db/database';
import { readOnly } from '../platform/db/tx';
import { addMs, MS_PER_DAY } from '../platform/time';
import type { Posting } from './account';
import { QuotaChargeRow } from './quota-charge.model';
import { QuotaLogRow, toPosting } from './quota-log.model';
import { quotaErrors } from './quota.errors';
import { REFUSAL_DAYS } from './refusals';
import { sideEffectIds } from './returns';
import { UserRow } from './user.model';

/** What a request did. */
export interface Effect {
  /** The command. */
  readonly kind: string;
  readonly actor: string;
  readonly createTime: Date;
  /** Its rows and their side effects, oldest first. */
  readonly logs: readonly Posting[];
  /** The rows that settled units it took, oldest first. */
  readonly settlingLogs: readonly Posting[];
  readonly isSettled: boolean;
  readonly taskId: string;
  readonly outcome: 'SUCCEEDED' | 'FAILED' | undefined;
}

/** Why a request was refused. */
export interface Refusal {
  readonly kind: string;
  readonly actor: string;
  readonly createTime: Date;
  readonly code: string;
  readonly reason: string;
  readonly metadata: Record<string, string>;
  /** JSON of the fields that were asked for. */
  readonly content: string;
}

const REFUSALS_MAX = 50;
const SETTLING_ROWS_MAX = 200;
/** Rows of the log that are looked through at a time. */
const SEARCH_PAGE_SIZE = 500;

/** A row of `request_refusals`. */
interface RefusalRow extends Omit<Refusal, 'metadata'> {
  readonly userId: string;
  readonly requestId: string;
  readonly id: number;
  /** JSON. */
  readonly metadata: string;
}

/** A row of `quota_task_outcomes`, as far as it is told. */
interface OutcomeRow {
  readonly userId: string;
  readonly requestId: string;
  readonly taskId: string;
  readonly outcome: 'SUCCEEDED' | 'FAILED';
  readonly firstSequence: number | null;
  readonly lastSequence: number | null;
  readonly actor: string;
  readonly createTime: Date;
}

const KINDS: Readonly<Record<string, string>> = {
  CONSUME: 'ConsumeQuota',
  REFUND: 'RefundQuota',
  HOLD: 'HoldQuota',
  CAPTURE: 'CaptureQuota',
  RELEASE: 'ReleaseQuota',
};

/**
 * What became of a request, from the log and from the refusals that were noted. Throws USER_NOT_FOUND when there is no such
 * user, nor was anything refused under that name.
 */
export async function explainRequest(
  db: Database,
  userId: string,
  requestId: string,
  now: Date,
): Promise<{ readonly effect: Effect | undefined; readonly refusals: readonly Refusal[] }> {
  return readOnly(db, async (reader) => {
    const refusals = await readRefusals(reader, userId, requestId, now);
    const user = await UserRow.query(reader).findById(userId).select('id');
    if (user === undefined && refusals.length === 0) {
      throw quotaErrors.USER_NOT_FOUND({ metadata: { user_id: userId } });
    }
    const row = await QuotaLogRow.query(reader).findOne({ userId, origin: 'caller', requestId });
    const effect =
      row === undefined ? await explainReport(reader, userId, requestId) : await explainRow(reader, toPosting(row));
    return { effect, refusals };
  });
}

async function readRefusals(reader: Knex, userId: string, requestId: string, now: Date): Promise<Refusal[]> {
  const rows = await reader<RefusalRow>('request_refusals')
    .where({ userId, requestId })
    .where('createTime', '>', addMs(now, -REFUSAL_DAYS * MS_PER_DAY))
    .orderBy('id', 'desc')
    .limit(REFUSALS_MAX);
  return rows.map((row) => ({ ...row, metadata: JSON.parse(row.metadata) as Record<string, string> }));
}

async function explainRow(reader: Knex, row: Posting): Promise<Effect> {
  const { userId, sequence, taskId, actor, createTime, type } = row;
  const followers = await QuotaLogRow.query(reader)
    .where({ userId, origin: 'system', createTime })
    .whereBetween('sequence', [sequence + 1, sequence + 2 * row.lots.length])
    .orderBy('sequence');
  const caused = followers.map(toPosting).filter(({ requestId }) => sideEffectIds(row).includes(requestId));
  const head = row.consumeSequence ?? sequence;
  const charge = await QuotaChargeRow.query(reader).findById([userId, taskId, head]);
  const isSettled = charge === undefined || charge.state !== 'open';
  const settlingLogs = charge === undefined ? [] : await readSettling(reader, charge, sequence);
  const what = { kind: KINDS[type] ?? type, actor, createTime, taskId, outcome: undefined };
  return { ...what, logs: [row, ...caused], settlingLogs, isSettled };
}

/**
 * Rows that settle a charge, but for the one that is explained, oldest first. The charge says which there are, so that
 * the log is searched, through the index by type, for those and no further.
 */
async function readSettling(reader: Knex, charge: QuotaChargeRow, but: number): Promise<Posting[]> {
  if (charge.state === 'open') return [];
  const { kind, state, returned } = charge;
  const ended =
    kind === 'consume' ? [] : await readOfCharge(reader, charge, state === 'released' ? 'RELEASE' : 'CAPTURE', 1);
  const refunded = returned - ended.reduce((sum, { amount }) => sum + amount, 0);
  const refunds = await readOfCharge(reader, charge, 'REFUND', refunded);
  return [...ended, ...refunds].slice(0, SETTLING_ROWS_MAX).filter(({ sequence }) => sequence !== but);
}

/** Rows of one type that settle a charge: one that ends a hold, or refunds until so many units came back. */
async function readOfCharge(
  reader: Knex,
  { userId, sequence: head }: QuotaChargeRow,
  type: 'REFUND' | 'CAPTURE' | 'RELEASE',
  wanted: number,
): Promise<readonly Posting[]> {
  const found: Posting[] = [];
  let missing = wanted;
  for (let after = head; missing > 0;) {
    const page = await QuotaLogRow.query(reader)
      .where({ userId, type })
      .where('sequence', '>', after)
      .orderBy('sequence')
      .limit(SEARCH_PAGE_SIZE);
    for (const row of page.filter(({ consumeSequence }) => consumeSequence === head)) {
      found.push(toPosting(row));
      missing -= type === 'REFUND' ? row.amount : 1;
    }
    if (page.length < SEARCH_PAGE_SIZE) break;
    after = page.at(-1)?.sequence ?? after;
  }
  return found;
}

async function explainReport(reader: Knex, userId: string, requestId: string): Promise<Effect | undefined> {
  const report = await reader<OutcomeRow>('quota_task_outcomes').where({ userId, requestId }).first();
  if (report === undefined) return undefined;
  const { taskId, outcome, actor, createTime, firstSequence, lastSequence } = report;
  const rows =
    firstSequence === null || lastSequence === null
      ? []
      : await QuotaLogRow.query(reader)
          .where('userId', userId)
          .whereBetween('sequence', [firstSequence, lastSequence])
          .orderBy('sequence');
  const what = { kind: 'ReportTaskOutcome', actor, createTime, taskId, outcome };
  return { ...what, logs: rows.map(toPosting), settlingLogs: [], isSettled: true };
}
