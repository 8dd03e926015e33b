import type { Knex } from 'knex';
import type { Posting } from './account';
import { AccountCheck, type AccountHead, type LedgerFault } from './account-check';
import { CHAIN_START } from './log-chain';
import type { StoredLot } from './lot-tallies';
import { QuotaGrantRow } from './quota-grant.model';
import { QuotaLogRow, toPosting } from './quota-log.model';
import { UserRow } from './user.model';

/** What a check of the ledger came to. */
export interface LedgerReport {
  readonly users: number;
  readonly rows: number;
  /** The first fault in order of user and row; the check stops there. */
  readonly fault: LedgerFault | undefined;
}

/** Rows read at a time: what bounds the memory. */
const PAGE_SIZE = 2_000;

interface Position {
  readonly userId: string;
  readonly sequence: number;
}

/** The rows after a position in order of the primary key: first the rest of that user, then the users after. */
async function readRowsAfter(reader: Knex, at: Position, onlyUserId: string | undefined): Promise<QuotaLogRow[]> {
  const rest = await QuotaLogRow.query(reader)
    .where('userId', onlyUserId ?? at.userId)
    .where('sequence', '>', at.sequence)
    .orderBy('sequence')
    .limit(PAGE_SIZE);
  if (rest.length === PAGE_SIZE || onlyUserId !== undefined) return rest;
  const others = await QuotaLogRow.query(reader)
    .where('userId', '>', at.userId)
    .orderBy(['userId', 'sequence'])
    .limit(PAGE_SIZE - rest.length);
  return [...rest, ...others];
}

/** Checks a row; one that can not even be read is a fault like any other. */
function checkRow(check: AccountCheck, row: QuotaLogRow): LedgerFault | undefined {
  let posting: Posting;
  try {
    posting = toPosting(row);
  } catch {
    return { userId: row.userId, sequence: row.sequence, problem: 'can not be read' };
  }
  return check.next(posting);
}

/** Compares finished checks with the accounts and lots that are stored. */
async function compareStored(reader: Knex, checks: readonly AccountCheck[]): Promise<LedgerFault | undefined> {
  if (checks.length === 0) return undefined;
  const ids = checks.map(({ userId }) => userId);
  const accounts = new Map<string, AccountHead>();
  for (const account of await UserRow.query(reader).whereIn('id', ids)) accounts.set(account.id, account);
  const lots = new Map<string, StoredLot[]>();
  for (const lot of await QuotaGrantRow.query(reader).whereIn('userId', ids)) {
    const known = lots.get(lot.userId);
    if (known === undefined) lots.set(lot.userId, [lot]);
    else known.push(lot);
  }
  for (const check of checks) {
    const fault = check.compare(accounts.get(check.userId), lots.get(check.userId) ?? []);
    if (fault !== undefined) return fault;
  }
  return findWrongCharge(reader, ids);
}

/**
 * Charges that are not what the log says, or that nobody will settle, which only freezes may be. The database compares, so
 * that a user with many costs no memory here.
 */
const WRONG_CHARGES = `
  SELECT c.user_id AS userId, c.sequence, 'is charged otherwise than its row says' AS problem
  FROM quota_charges c
  LEFT JOIN quota_logs l ON l.user_id = c.user_id AND l.sequence = c.sequence
  LEFT JOIN (
    SELECT user_id, consume_sequence, SUM(amount) AS returned, MAX(type = 'RELEASE') AS released, MAX(type = 'CAPTURE') AS captured
    FROM quota_logs WHERE user_id IN (:ids) AND consume_sequence IS NOT NULL GROUP BY user_id, consume_sequence
  ) r ON r.user_id = c.user_id AND r.consume_sequence = c.sequence
  WHERE c.user_id IN (:ids) AND (
    l.user_id IS NULL OR l.units <> c.units OR l.task_id <> c.task_id
    OR l.type <> (CASE c.kind WHEN 'hold' THEN 'HOLD' ELSE 'CONSUME' END)
    OR c.returned <> COALESCE(r.returned, 0)
    OR (c.state = 'released') <> (COALESCE(r.released, 0) = 1)
    OR (c.kind = 'hold' AND c.state = 'settled') <> (COALESCE(r.captured, 0) = 1)
    OR (c.state = 'open' AND (r.user_id IS NOT NULL OR (c.due_time IS NULL AND l.origin = 'caller'))))
  UNION ALL
  SELECT l.user_id, l.sequence, 'has no charge'
  FROM quota_logs l
  LEFT JOIN quota_charges c ON c.user_id = l.user_id AND c.task_id = l.task_id AND c.sequence = l.sequence
  WHERE l.user_id IN (:ids) AND l.type IN ('CONSUME', 'HOLD') AND c.user_id IS NULL
  LIMIT 1`;

async function findWrongCharge(reader: Knex, ids: readonly string[]): Promise<LedgerFault | undefined> {
  const [[fault]] = (await reader.raw(WRONG_CHARGES, { ids })) as [(LedgerFault | undefined)[]];
  return fault;
}

/** A new account: registered without a grant, it stays so until something else is granted. */
const BORN = { quotaRemaining: 0, logSequence: 0, logHash: CHAIN_START };

/** An account or lots of which the log knows nothing. A new account has no log yet. */
async function findUnlogged(reader: Knex, onlyUserId: string | undefined): Promise<LedgerFault | undefined> {
  for (const { table, id } of [
    { table: 'users', id: 'id' },
    { table: 'quota_grants', id: 'user_id' },
  ]) {
    const query = reader(`${table} as t`)
      .select<{ userId: string }[]>(`t.${id} as userId`)
      .whereNotExists(
        reader('quota_logs as l')
          .select(reader.raw('1'))
          .whereRaw('l.user_id = ??', [`t.${id}`]),
      )
      .orderBy(`t.${id}`)
      .limit(1);
    if (table === 'users') void query.whereNot((born) => void born.where(BORN));
    if (onlyUserId !== undefined) void query.where(`t.${id}`, onlyUserId);
    const [found] = await query;
    if (found !== undefined)
      return { userId: found.userId, sequence: null, problem: `has a row in ${table} but no log` };
  }
  return undefined;
}

/** A user who was asked for by name and is not there is not proved. */
async function missing(reader: Knex, onlyUserId: string | undefined, users: number): Promise<LedgerFault | undefined> {
  if (onlyUserId === undefined || users > 0) return undefined;
  if ((await UserRow.query(reader).findById(onlyUserId)) !== undefined) return undefined;
  return { userId: onlyUserId, sequence: null, problem: 'there is no such user' };
}

/**
 * Recomputes every chain, balance, lot and charge from the logs alone and compares them with what is stored. Memory is
 * bounded by a page of rows and the lots of its users.
 * `reader` must see one consistent snapshot. Stops at the first fault, which it names.
 */
export async function verifyLedger(
  reader: Knex,
  onlyUserId: string | undefined,
  onProgress: (users: number, rows: number) => void,
): Promise<LedgerReport> {
  // Whoever may do everything can write rows of any number.
  let at: Position = { userId: '', sequence: Number.MIN_SAFE_INTEGER };
  let current: AccountCheck | undefined;
  let users = 0;
  let rows = 0;
  for (;;) {
    const page = await readRowsAfter(reader, at, onlyUserId);
    const finished: AccountCheck[] = [];
    for (const row of page) {
      if (current?.userId !== row.userId) {
        if (current !== undefined) finished.push(current);
        current = new AccountCheck(row.userId);
        users += 1;
      }
      rows += 1;
      const fault = checkRow(current, row);
      if (fault !== undefined) return { users, rows, fault: (await compareStored(reader, finished)) ?? fault };
      at = row;
    }
    const isLast = page.length < PAGE_SIZE;
    if (isLast && current !== undefined) finished.push(current);
    const fault = await compareStored(reader, finished);
    if (fault !== undefined) return { users, rows, fault };
    onProgress(users, rows);
    if (!isLast) continue;
    const unproved = (await findUnlogged(reader, onlyUserId)) ?? (await missing(reader, onlyUserId, users));
    return { users, rows, fault: unproved };
  }
}
