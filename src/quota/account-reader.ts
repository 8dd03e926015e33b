import { safeInteger, type Read, type ReadTogether, type ValueRow } from '../platform/db/statements';
import { literal, valuesTable } from '../platform/db/sql-text';
import type {
  Account,
  Charge,
  FeatureUsage,
  LateReturn,
  LimitedCharge,
  Lot,
  LotChange,
  Posting,
  ReportedOutcome,
} from './account';
import type { QuotaCommand } from './commands';

/**
 * Reads the accounts that a batch of commands is decided on: locks the users, then everything the commands may need, in
 * one round trip, or two where they name what was done before. Every table is read by the index named, whatever the server
 * believes of its size: it would rather read a small table as a whole, or one whose statistics are old.
 */

/** What was found of the users of a batch. */
export interface AccountsRead {
  /** Users whose row is locked now, by id. */
  readonly accounts: ReadonlyMap<string, Account>;
  /** Users whose row is locked by somebody else: nothing was read of them. Users in neither do not exist. */
  readonly lockedElsewhere: ReadonlySet<string>;
  /** The results of the reads that went beside. */
  readonly beside: readonly (readonly ValueRow[])[];
}

/** What is read in the first round trip beside the accounts: only what listed commands ask of it. */
export interface ReadBeside {
  /** Features whose limits the commands may count against. */
  readonly features: readonly (readonly [userId: string, feature: string])[];
  /** Reads of somebody else. */
  readonly reads: readonly Read[];
}

const NOTHING_BESIDE: ReadBeside = { features: [], reads: [] };

const USER_COLUMNS = 'id, quota_remaining, log_sequence, log_hash, log_time';
const LOT_COLUMNS = ['user_id', 'grant_id', 'source', 'amount', 'remaining', 'held', 'expire_time', 'revoke_time'];
const LOG_COLUMNS =
  'l.user_id, l.sequence, l.origin, l.request_id, l.request_hash, l.type, l.amount, l.units, l.quota_remaining, l.lots, ' +
  'l.consume_sequence, l.task_id, l.task_type, l.description, l.actor, l.create_time, l.hash_version, l.hash';
const LOG_COLUMNS_COUNT = LOG_COLUMNS.split(',').length;
const CHARGE_COLUMNS =
  'c.user_id, c.sequence, c.task_id, c.kind, c.units, c.returned, c.state, c.settle_deadline, c.case_deadline, ' +
  'c.grace_days, c.due_time, c.late_returns';
/** Whether a charge counts against a limit, and what that limit has seen. */
const LIMIT_COLUMNS = 'f.feature, f.period_no, s.used';
const CHARGE_COLUMNS_COUNT = CHARGE_COLUMNS.split(',').length;
const OUTCOME_COLUMNS =
  'o.user_id, o.request_id, o.request_hash, o.task_id, o.outcome, o.charges_settled, o.first_sequence, o.last_sequence, ' +
  'o.quota_remaining, o.actor, o.create_time';

/** What is known of one user while it is read. */
interface Draft {
  readonly userId: string;
  readonly quotaRemaining: number;
  readonly logSequence: number;
  readonly logHash: Buffer;
  readonly logTime: Date;
  readonly lots: Lot[];
  readonly rows: Posting[];
  readonly charges: Charge[];
  readonly outcomes: ReportedOutcome[];
  readonly limitedCharges: LimitedCharge[];
  readonly usages: FeatureUsage[];
}

/** Locks the users of the commands and reads their accounts. `mode` says what to do about rows locked elsewhere. */
export async function lockAccounts(
  read: ReadTogether,
  commands: readonly QuotaCommand[],
  mode: 'skip' | 'wait',
  { features, reads }: ReadBeside = NOTHING_BESIDE,
): Promise<AccountsRead> {
  const userIds = [...new Set(commands.map(({ userId }) => userId))];
  const ours = [lockUsers(userIds, mode), readLots(userIds), ...readEarlier(commands)];
  const usagesAt = ours.length;
  if (features.length > 0) ours.push(readUsages(features));
  const results = await read([...ours, ...reads]);
  const [users = [], lots = []] = results;
  const earlier = usagesAt === 2 ? [] : (results[2] ?? []);
  const drafts = new Map(users.map((row) => [row[0] as string, toDraft(row)]));
  for (const row of lots) drafts.get(row[0] as string)?.lots.push(toLot(row));
  for (const both of earlier) {
    const [row, outcome] = [both.slice(0, LOG_COLUMNS_COUNT), both.slice(LOG_COLUMNS_COUNT)];
    if (row[0] !== null) drafts.get(row[0] as string)?.rows.push(toPosting(row));
    if (outcome[0] !== null) drafts.get(outcome[0] as string)?.outcomes.push(toOutcome(outcome));
  }
  if (features.length > 0) {
    for (const row of results[usagesAt] ?? []) drafts.get(row[0] as string)?.usages.push(toUsage(row));
  }
  const absent = userIds.filter((id) => !drafts.has(id));
  const lockedElsewhere = await readFurther(read, drafts, commands, absent);
  return { accounts: drafts, lockedElsewhere, beside: results.slice(ours.length) };
}

/**
 * The account of one user whose row the transaction has locked, with the lots that have units and the named ones, and
 * with the freezes named by the sequence of their row.
 */
export async function readAccount(
  read: ReadTogether,
  user: Omit<Account, 'lots' | 'rows' | 'charges' | 'outcomes'>,
  also: { readonly grantIds?: readonly number[]; readonly freezes?: readonly number[] } = {},
): Promise<Account> {
  const { grantIds = [], freezes = [] } = also;
  const keys = freezes.map((sequence) => [user.userId, '', sequence] as const);
  const [lots = [], charges = [], rows = [], chargeLots = []] = await read([
    readLots([user.userId], grantIds),
    ...(keys.length === 0 ? [] : readChargesOf(keys)),
  ]);
  const account = { ...user, lots: lots.map(toLot), rows: rows.map(toPosting), charges: charges.map(toCharge) };
  for (const row of chargeLots) addLot(account, toLot(row));
  return { ...account, outcomes: [] };
}

function lockUsers(userIds: readonly string[], mode: 'skip' | 'wait'): Read {
  const ids = userIds.map(literal).join(',');
  const locks = mode === 'skip' ? ' SKIP LOCKED' : '';
  // By the primary key, or the server may lock its way through other users.
  const users = 'users FORCE INDEX (PRIMARY)';
  return { sql: `SELECT ${USER_COLUMNS} FROM ${users} WHERE id IN (${ids}) ORDER BY id FOR UPDATE${locks}` };
}

function readLots(userIds: readonly string[], grantIds: readonly number[] = []): Read {
  const ids = userIds.map(literal).join(',');
  const named = grantIds.length === 0 ? '' : ` OR grant_id IN (${grantIds.map(literal).join(',')})`;
  const columns = LOT_COLUMNS.join(', ');
  return {
    sql: `SELECT ${columns} FROM quota_grants FORCE INDEX (PRIMARY) WHERE user_id IN (${ids}) AND (remaining > 0 OR held > 0${named})`,
  };
}

/** The ids a command is looked up by: its own, and the one it names. */
function requestIdsOf(command: QuotaCommand): readonly string[] {
  switch (command.kind) {
    case 'RefundQuota':
      return [command.requestId, command.consumeRequestId];
    case 'CaptureQuota':
    case 'ReleaseQuota':
      return [command.requestId, command.holdId];
    case 'SettleCharge':
      return [];
    default:
      return [command.requestId];
  }
}

/** The row and the report that each of the commands' ids wrote before, side by side; where there is none, NULL. */
function readEarlier(commands: readonly QuotaCommand[]): readonly Read[] {
  const keys = new Map<string, readonly [string, string]>();
  for (const command of commands) {
    for (const id of requestIdsOf(command)) keys.set(`${command.userId}\n${id}`, [command.userId, id]);
  }
  if (keys.size === 0) return [];
  const k = valuesTable({ user_id: 'id', request_id: 'id' }, [...keys.values()]);
  const isSame = (table: string): string =>
    `${table}.user_id = k.user_id COLLATE ascii_bin AND ${table}.request_id = k.request_id COLLATE ascii_bin`;
  const sql =
    `SELECT ${LOG_COLUMNS}, ${OUTCOME_COLUMNS} FROM ${k} ` +
    `LEFT JOIN quota_logs l FORCE INDEX (uk_quota_logs_request) ON ${isSame('l')} AND l.origin = 'caller' ` +
    `LEFT JOIN quota_task_outcomes o FORCE INDEX (PRIMARY) ON ${isSame('o')} ` +
    'WHERE l.user_id IS NOT NULL OR o.user_id IS NOT NULL';
  return [{ sql }];
}

/** A charge, or a task's open charges and its first (sequence null), as a second look finds them. */
type ChargeKey = readonly [userId: string, taskId: string, sequence: number | null];
type RowKey = readonly [userId: string, sequence: number];

/** What the first look showed to be needed, in one more round trip. Returns which absent users exist. */
async function readFurther(
  read: ReadTogether,
  drafts: ReadonlyMap<string, Draft>,
  commands: readonly QuotaCommand[],
  absent: readonly string[],
): Promise<ReadonlySet<string>> {
  const chargeKeys: ChargeKey[] = [];
  const rowKeys: RowKey[] = [];
  for (const command of commands) {
    const draft = drafts.get(command.userId);
    if (draft === undefined) continue;
    chargeKeys.push(...chargesNeeded(draft, command));
    rowKeys.push(...rowsNeeded(draft, command));
  }
  const reads: Read[] = [{ sql: `SELECT id FROM users WHERE id IN (${absent.map(literal).join(',')})` }];
  if (absent.length === 0) reads.pop();
  if (rowKeys.length > 0) reads.push(readRows(rowKeys));
  if (chargeKeys.length > 0) reads.push(...readChargesOf(chargeKeys));
  const results = [...(reads.length === 0 ? [] : await read(reads))];
  const existing = absent.length === 0 ? [] : (results.shift() ?? []);
  const rows = rowKeys.length === 0 ? [] : (results.shift() ?? []);
  const [charges = [], chargeRows = [], chargeLots = []] = results;
  for (const row of [...rows, ...chargeRows]) drafts.get(row[0] as string)?.rows.push(toPosting(row));
  for (const row of charges) addCharge(drafts.get(row[0] as string), row);
  for (const row of chargeLots) addLot(drafts.get(row[0] as string), toLot(row));
  return new Set(existing.map(([id]) => id as string));
}

function addLot(draft: Pick<Draft, 'lots'> | undefined, lot: Lot): void {
  if (draft?.lots.some(({ grantId }) => grantId === lot.grantId) === false) draft.lots.push(lot);
}

const findRow = (draft: Draft, requestId: string): Posting | undefined =>
  draft.rows.find((row) => row.origin === 'caller' && row.requestId === requestId);

/** The charge that a row made or settles. */
function chargeKeyOf(userId: string, row: Posting | undefined): readonly ChargeKey[] {
  return row === undefined ? [] : [[userId, row.taskId, row.consumeSequence ?? row.sequence]];
}

function chargesNeeded(draft: Draft, command: QuotaCommand): readonly ChargeKey[] {
  const { userId } = command;
  if (command.kind === 'SettleCharge') return [[userId, command.taskId, command.sequence]];
  const own = findRow(draft, command.requestId);
  if (own !== undefined) return own.type === 'CONSUME' || own.type === 'REFUND' ? [] : chargeKeyOf(userId, own);
  if (command.kind === 'RefundQuota') return chargeKeyOf(userId, findRow(draft, command.consumeRequestId));
  if (command.kind === 'CaptureQuota') return chargeKeyOf(userId, findRow(draft, command.holdId));
  if (command.kind === 'ReleaseQuota') return chargeKeyOf(userId, findRow(draft, command.holdId));
  if (command.kind === 'ReportTaskOutcome') return [[userId, command.taskId, null]];
  return [];
}

/** Rows for the answer to a repeat: the side effects that followed a row directly, the rows of a report. */
function rowsNeeded(draft: Draft, command: QuotaCommand): readonly RowKey[] {
  if (command.kind === 'SettleCharge') return [];
  const { userId, requestId } = command;
  const own = findRow(draft, requestId);
  const [first, count] = own === undefined ? reportedRows(draft, requestId) : followersOf(own);
  return Array.from({ length: count }, (_, i) => [userId, first + i] as const);
}

function reportedRows(draft: Draft, requestId: string): readonly [first: number, count: number] {
  const { firstSequence = null, lastSequence = null } =
    draft.outcomes.find((outcome) => outcome.requestId === requestId) ?? {};
  return firstSequence === null || lastSequence === null ? [0, 0] : [firstSequence, lastSequence - firstSequence + 1];
}

/** For each lot that got units back: what ended at once, and what replaced it. */
function followersOf(row: Posting): readonly [first: number, count: number] {
  const gaveBack = row.type === 'REFUND' || row.type === 'CAPTURE' || row.type === 'RELEASE';
  return [row.sequence + 1, gaveBack ? 2 * row.lots.length : 0];
}

function readRows(keys: readonly (readonly (string | number)[])[]): Read {
  const k = valuesTable({ user_id: 'id', sequence: 'integer' }, keys);
  const on = 'l.user_id = k.user_id COLLATE ascii_bin AND l.sequence = k.sequence';
  return { sql: `SELECT ${LOG_COLUMNS} FROM ${k} STRAIGHT_JOIN quota_logs l FORCE INDEX (PRIMARY) ON ${on}` };
}

/**
 * Of a task, what is open is settled; that it has charges at all shows in its first. A task that was settled thousands of
 * times is not read as a whole.
 */
const IS_OPEN_OR_FIRST =
  "(c.state = 'open' OR c.sequence = (SELECT MIN(f.sequence) FROM quota_charges f FORCE INDEX (PRIMARY) " +
  'WHERE f.user_id = k.user_id COLLATE ascii_bin AND f.task_id = k.task_id COLLATE ascii_bin))';

/** Charges, the rows that made them, and the lots these rows took from, which may have no units left. */
function readChargesOf(keys: readonly ChargeKey[]): readonly Read[] {
  const distinct = new Map(keys.map((key) => [key.join('\n'), key]));
  const k = valuesTable({ user_id: 'id', task_id: 'id', sequence: 'integer' }, [...distinct.values()]);
  const charges =
    `${k} STRAIGHT_JOIN quota_charges c FORCE INDEX (PRIMARY) ON c.user_id = k.user_id COLLATE ascii_bin AND ` +
    `c.task_id = k.task_id COLLATE ascii_bin AND (c.sequence = k.sequence OR (k.sequence IS NULL AND ${IS_OPEN_OR_FIRST}))`;
  const limits =
    'LEFT JOIN feature_charges f FORCE INDEX (PRIMARY) ON f.user_id = c.user_id AND f.sequence = c.sequence ' +
    'LEFT JOIN feature_usages s FORCE INDEX (PRIMARY) ' +
    'ON s.user_id = f.user_id AND s.feature = f.feature AND s.period_no = f.period_no';
  const rows = `${charges} STRAIGHT_JOIN quota_logs l FORCE INDEX (PRIMARY) ON l.user_id = c.user_id AND l.sequence = c.sequence`;
  const lotIds = "JSON_TABLE(l.lots, '$[*]' COLUMNS (grant_id BIGINT PATH '$[0]')) j";
  const lotColumns = LOT_COLUMNS.map((column) => `g.${column}`).join(', ');
  return [
    { sql: `SELECT ${CHARGE_COLUMNS}, ${LIMIT_COLUMNS} FROM ${charges} ${limits}` },
    { sql: `SELECT ${LOG_COLUMNS} FROM ${rows}` },
    {
      sql:
        `SELECT ${lotColumns} FROM ${rows} STRAIGHT_JOIN ${lotIds} ` +
        'STRAIGHT_JOIN quota_grants g FORCE INDEX (PRIMARY) ON g.user_id = l.user_id AND g.grant_id = j.grant_id',
    },
  ];
}

function toDraft(row: ValueRow): Draft {
  const [userId, quotaRemaining, logSequence, logHash, logTime] = row as [string, unknown, unknown, Buffer, Date];
  const numbers = { quotaRemaining: safeInteger(quotaRemaining), logSequence: safeInteger(logSequence) };
  const none = { lots: [], rows: [], charges: [], outcomes: [], limitedCharges: [], usages: [] };
  return { userId, ...numbers, logHash, logTime, ...none };
}

/** What limits of these features have seen, in any of the users' periods. */
function readUsages(features: ReadBeside['features']): Read {
  const k = valuesTable({ user_id: 'id', feature: 'id' }, features);
  const on = 's.user_id = k.user_id COLLATE ascii_bin AND s.feature = k.feature COLLATE ascii_bin';
  const columns = 's.user_id, s.feature, s.period_no, s.used';
  return { sql: `SELECT ${columns} FROM ${k} STRAIGHT_JOIN feature_usages s FORCE INDEX (PRIMARY) ON ${on}` };
}

function toUsage([, feature, periodNo, used]: ValueRow): FeatureUsage {
  return { feature: feature as string, periodNo: safeInteger(periodNo), used: safeInteger(used) };
}

/** Adds a charge, and the limit that it counts against where there is one. */
function addCharge(draft: Draft | undefined, row: ValueRow): void {
  if (draft === undefined) return;
  const charge = toCharge(row);
  draft.charges.push(charge);
  const limit = row.slice(CHARGE_COLUMNS_COUNT);
  if (limit[0] === null) return;
  const usage = toUsage([null, ...limit]);
  draft.usages.push(usage);
  draft.limitedCharges.push({ sequence: charge.sequence, feature: usage.feature, periodNo: usage.periodNo });
}

function toLot(row: ValueRow): Lot {
  return {
    grantId: safeInteger(row[1]),
    source: row[2] as Lot['source'],
    amount: safeInteger(row[3]),
    remaining: safeInteger(row[4]),
    held: safeInteger(row[5]),
    expireTime: row[6] as Date | null,
    revokeTime: row[7] as Date | null,
  };
}

function toPosting(row: ValueRow): Posting {
  return {
    userId: row[0] as string,
    sequence: safeInteger(row[1]),
    origin: row[2] as Posting['origin'],
    requestId: row[3] as string,
    requestHash: row[4] as Buffer,
    type: row[5] as Posting['type'],
    amount: safeInteger(row[6]),
    units: safeInteger(row[7]),
    quotaRemaining: safeInteger(row[8]),
    lots: JSON.parse(row[9] as string) as LotChange[],
    consumeSequence: row[10] === null ? null : safeInteger(row[10]),
    taskId: row[11] as string,
    taskType: row[12] as string,
    description: row[13] as string,
    actor: row[14] as string,
    createTime: row[15] as Date,
    hashVersion: row[16] as number,
    hash: row[17] as Buffer,
  };
}

function toCharge(row: ValueRow): Charge {
  return {
    sequence: safeInteger(row[1]),
    taskId: row[2] as string,
    kind: row[3] as Charge['kind'],
    units: safeInteger(row[4]),
    returned: safeInteger(row[5]),
    state: row[6] as Charge['state'],
    settleDeadline: row[7] as Date | null,
    caseDeadline: row[8] as Date | null,
    graceDays: row[9] as number,
    dueTime: row[10] as Date | null,
    lateReturns: row[11] === null ? [] : (JSON.parse(row[11] as string) as LateReturn[]),
  };
}

function toOutcome(row: ValueRow): ReportedOutcome {
  return {
    requestId: row[1] as string,
    requestHash: row[2] as Buffer,
    taskId: row[3] as string,
    outcome: row[4] as ReportedOutcome['outcome'],
    chargesSettled: row[5] as number,
    firstSequence: row[6] === null ? null : safeInteger(row[6]),
    lastSequence: row[7] === null ? null : safeInteger(row[7]),
    quotaRemaining: safeInteger(row[8]),
    actor: row[9] as string,
    createTime: row[10] as Date,
  };
}
