import { literal, valuesTable, type SqlValue } from '../platform/db/sql-text';
import { insertOf, type Write } from '../platform/db/statements';
import type { Charge, Lot, NewLot, Posting, ReportedOutcome } from './account';
import type { Book } from './book';

/**
 * What writes down what books hold, of one user or of a whole batch: a handful of statements of many rows that go together. The
 * rows come before the lots, because a lot needs its GRANT row.
 *
 * Every UPDATE goes by the primary key, whatever the server believes of the size of the table: where it reads a whole small
 * table instead, it waits for rows that somebody else has locked, of users who are not in the batch.
 */

/** Most users that one event tells of, so that its payload stays small. */
const USERS_PER_EVENT_MAX = 500;

const LOG_COLUMNS = [
  ...['user_id', 'sequence', 'origin', 'request_id', 'request_hash', 'type', 'amount', 'units', 'quota_remaining'],
  ...[
    'lots',
    'consume_sequence',
    'task_id',
    'task_type',
    'description',
    'actor',
    'create_time',
    'hash_version',
    'hash',
  ],
];
const LOT_COLUMNS = [
  ...['user_id', 'grant_id', 'source', 'source_ref', 'order_id', 'amount', 'remaining', 'held'],
  ...['expire_time', 'create_time'],
];
const CHARGE_COLUMNS = [
  ...['user_id', 'task_id', 'sequence', 'kind', 'units', 'returned', 'state'],
  ...['settle_deadline', 'case_deadline', 'grace_days', 'due_time', 'late_returns'],
];
const LIMITED_CHARGE_COLUMNS = ['user_id', 'sequence', 'feature', 'period_no'];
const OUTCOME_COLUMNS = [
  ...['user_id', 'request_id', 'request_hash', 'task_id', 'outcome', 'charges_settled'],
  ...['first_sequence', 'last_sequence', 'quota_remaining', 'actor', 'create_time'],
];

/** What has to be written of books, in order; nothing changed: nothing. */
export function writesOf(books: readonly Book[], now: Date): readonly Write[] {
  const changed = books.filter(({ isChanged }) => isChanged);
  const posted = changed.filter(({ postings }) => postings.length > 0);
  const writes = [
    insertLogs(posted),
    insertLots(changed),
    insertCharges(changed),
    updateUsers(posted),
    updateLots(changed),
    updateCharges(changed),
    insertLimitedCharges(changed),
    insertUsages(changed),
    updateUsages(changed),
    insertOutcomes(changed),
    ...insertEvents(posted, now),
  ];
  return [...writes.flat(), ...resolveCases(changed, now)];
}

/** One insert of the rows, or none. */
function insert(table: string, columns: readonly string[], rows: readonly (readonly SqlValue[])[]): readonly Write[] {
  return rows.length === 0 ? [] : [insertOf(table, columns, rows)];
}

function insertLogs(books: readonly Book[]): readonly Write[] {
  const rows = books.flatMap(({ postings }) => postings.map(logValues));
  return insert('quota_logs', LOG_COLUMNS, rows);
}

function logValues(row: Posting): readonly SqlValue[] {
  const { userId, sequence, origin, requestId, requestHash, type, amount, units, quotaRemaining } = row;
  const { consumeSequence, taskId, taskType, description, actor, createTime, hashVersion, hash } = row;
  // prettier-ignore
  return [
    userId, sequence, origin, requestId, requestHash, type, amount, units, quotaRemaining, JSON.stringify(row.lots),
    consumeSequence, taskId, taskType, description, actor, createTime, hashVersion, hash,
  ];
}

function insertLots(books: readonly Book[]): readonly Write[] {
  const rows = books.flatMap(({ userId, bornLots }) => bornLots.map((lot) => lotValues(userId, lot)));
  return insert('quota_grants', LOT_COLUMNS, rows);
}

function lotValues(userId: string, lot: NewLot): readonly SqlValue[] {
  const { grantId, source, sourceRef, orderId, amount, remaining, held, expireTime, createTime } = lot;
  return [userId, grantId, source, sourceRef, orderId, amount, remaining, held, expireTime, createTime];
}

function insertCharges(books: readonly Book[]): readonly Write[] {
  const rows = books.flatMap(({ userId, madeCharges }) => madeCharges.map((charge) => chargeValues(userId, charge)));
  return insert('quota_charges', CHARGE_COLUMNS, rows);
}

function chargeValues(userId: string, charge: Charge): readonly SqlValue[] {
  const { taskId, sequence, kind, units, returned, state, settleDeadline, caseDeadline, graceDays, dueTime } = charge;
  // prettier-ignore
  return [
    userId, taskId, sequence, kind, units, returned, state, settleDeadline, caseDeadline, graceDays, dueTime,
    lateReturnsValue(charge),
  ];
}

function lateReturnsValue({ lateReturns }: Charge): string | null {
  return lateReturns.length === 0 ? null : JSON.stringify(lateReturns);
}

function insertLimitedCharges(books: readonly Book[]): readonly Write[] {
  const rows = books.flatMap(({ userId, newLimitedCharges }) =>
    newLimitedCharges.map(({ sequence, feature, periodNo }) => [userId, sequence, feature, periodNo]),
  );
  return insert('feature_charges', LIMITED_CHARGE_COLUMNS, rows);
}

/** What limits have seen for the first time. */
function insertUsages(books: readonly Book[]): readonly Write[] {
  const rows = books.flatMap(({ userId, changedUsages }) =>
    changedUsages.flatMap(({ feature, periodNo, used, was }) =>
      was === undefined ? [[userId, feature, periodNo, used]] : [],
    ),
  );
  return insert('feature_usages', ['user_id', 'feature', 'period_no', 'used'], rows);
}

/** What limits have seen moves on from where it was read. */
function updateUsages(books: readonly Book[]): readonly Write[] {
  const rows = books.flatMap(({ userId, changedUsages }) =>
    changedUsages.flatMap(({ feature, periodNo, used, was }) =>
      was === undefined ? [] : [[userId, feature, periodNo, was, used]],
    ),
  );
  if (rows.length === 0) return [];
  const key = { user_id: 'id', feature: 'id', period_no: 'integer' } as const;
  const k = valuesTable({ ...key, was: 'integer', is_now: 'integer' }, rows);
  const sql =
    `UPDATE ${k} STRAIGHT_JOIN feature_usages s FORCE INDEX (PRIMARY) ON s.user_id = k.user_id COLLATE ascii_bin ` +
    'AND s.feature = k.feature COLLATE ascii_bin AND s.period_no = k.period_no AND s.used = k.was SET s.used = k.is_now';
  return [{ sql, rows: rows.length, what: 'feature_usages' }];
}

function insertOutcomes(books: readonly Book[]): readonly Write[] {
  const rows = books.flatMap(({ userId, newOutcomes }) => newOutcomes.map((outcome) => outcomeValues(userId, outcome)));
  return insert('quota_task_outcomes', OUTCOME_COLUMNS, rows);
}

function outcomeValues(userId: string, outcome: ReportedOutcome): readonly SqlValue[] {
  const { requestId, requestHash, taskId, chargesSettled, firstSequence, lastSequence, quotaRemaining } = outcome;
  return [
    ...[userId, requestId, requestHash, taskId, outcome.outcome, chargesSettled],
    ...[firstSequence, lastSequence, quotaRemaining, outcome.actor, outcome.createTime],
  ];
}

/** The head of each log moves on from where it was read. */
function updateUsers(books: readonly Book[]): readonly Write[] {
  if (books.length === 0) return [];
  const rows = books.map((book) => {
    const { userId, quotaRemaining, logSequence, logHash, now } = book;
    return [userId, book.opened.logSequence, quotaRemaining, logSequence, logHash, now];
  });
  const columns = { user_id: 'id', was: 'integer', remaining: 'integer', is_now: 'integer', hash: 'hash' } as const;
  const k = valuesTable({ ...columns, time: 'instant' }, rows);
  const sql =
    `UPDATE ${k} STRAIGHT_JOIN users u FORCE INDEX (PRIMARY) ON u.id = k.user_id COLLATE ascii_bin AND u.log_sequence = k.was ` +
    'SET u.quota_remaining = k.remaining, u.log_sequence = k.is_now, u.log_hash = UNHEX(k.hash), u.log_time = k.time';
  return [{ sql, rows: rows.length, what: 'users' }];
}

function updateLots(books: readonly Book[]): readonly Write[] {
  const rows = books.flatMap(({ userId, changedLots }) => changedLots.map((lot) => changedLotValues(userId, lot)));
  if (rows.length === 0) return [];
  const columns = { user_id: 'id', grant_id: 'integer', remaining: 'integer', held: 'integer' } as const;
  const isRevoked = rows.some((row) => row[4] !== null);
  const k = valuesTable(
    isRevoked ? { ...columns, revoked: 'instant' } : columns,
    isRevoked ? rows : rows.map((row) => row.slice(0, 4)),
  );
  const sql =
    `UPDATE ${k} STRAIGHT_JOIN quota_grants g FORCE INDEX (PRIMARY) ` +
    'ON g.user_id = k.user_id COLLATE ascii_bin AND g.grant_id = k.grant_id ' +
    `SET g.remaining = k.remaining, g.held = k.held${isRevoked ? ', g.revoke_time = k.revoked' : ''}`;
  return [{ sql, rows: rows.length, what: 'quota_grants' }];
}

function changedLotValues(userId: string, lot: Lot): readonly SqlValue[] {
  return [userId, lot.grantId, lot.remaining, lot.held, lot.revokeTime];
}

function updateCharges(books: readonly Book[]): readonly Write[] {
  const rows = books.flatMap(({ userId, changedCharges }) =>
    changedCharges.map((charge) => {
      const { taskId, sequence, returned, state, dueTime } = charge;
      return [userId, taskId, sequence, returned, state, dueTime, lateReturnsValue(charge)];
    }),
  );
  if (rows.length === 0) return [];
  const key = { user_id: 'id', task_id: 'id', sequence: 'integer' } as const;
  const k = valuesTable({ ...key, returned: 'integer', state: 'id', due: 'instant', late: 'word' }, rows);
  const sql =
    `UPDATE ${k} STRAIGHT_JOIN quota_charges c FORCE INDEX (PRIMARY) ON c.user_id = k.user_id COLLATE ascii_bin ` +
    'AND c.task_id = k.task_id COLLATE ascii_bin AND c.sequence = k.sequence ' +
    'SET c.returned = k.returned, c.state = k.state, c.due_time = k.due, c.late_returns = k.late';
  return [{ sql, rows: rows.length, what: 'quota_charges' }];
}

/** The balance fell below what is low, by a consume or hold: who may want to tell the user needs the row no more. */
function lowValues({ userId, quotaRemaining, sequence, taskType }: Posting, now: Date): readonly SqlValue[] {
  const payload = { quota_remaining: quotaRemaining, sequence, task_type: taskType };
  return ['quota.low', userId, JSON.stringify(payload), now];
}

/** One event tells of all users of the transaction: [user, first row, last row, balance]. */
function insertEvents(books: readonly Book[], now: Date): readonly Write[] {
  const changes = books.map((book) => {
    return [book.userId, book.opened.logSequence + 1, book.logSequence, book.quotaRemaining] as const;
  });
  const events: (readonly SqlValue[])[] = [];
  for (let from = 0; from < changes.length; from += USERS_PER_EVENT_MAX) {
    const told = changes.slice(from, from + USERS_PER_EVENT_MAX);
    const [only, ...others] = told;
    const userId = only === undefined || others.length > 0 ? null : only[0];
    events.push(['quota.changed', userId, JSON.stringify({ changes: told }), now]);
  }
  const lows = books.flatMap(({ lowBalances }) => lowBalances.map((row) => lowValues(row, now)));
  return insert('outbox', ['type', 'user_id', 'payload', 'create_time'], [...events, ...lows]);
}

/**
 * A case ends with its charge, however that was settled. Only a charge long past its first deadline can have one; the
 * second is not asked, because the clock of the replica that opened the case may be a little later than ours.
 */
function resolveCases(books: readonly Book[], now: Date): readonly Write[] {
  const keys = books.flatMap(({ userId, changedCharges }) =>
    changedCharges
      .filter(({ state, settleDeadline }) => state !== 'open' && settleDeadline !== null && settleDeadline <= now)
      .map(({ sequence }) => `(user_id = ${literal(userId)} AND sequence = ${literal(sequence)})`),
  );
  if (keys.length === 0) return [];
  const time = literal(now);
  const sql =
    `UPDATE settlement_cases FORCE INDEX (PRIMARY) SET resolve_time = GREATEST(open_time, ${time}) ` +
    `WHERE resolve_time IS NULL AND (${keys.join(' OR ')})`;
  return [{ sql, what: 'settlement_cases' }];
}
