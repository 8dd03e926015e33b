import type { Connection, RowDataPacket } from 'mysql2/promise';
import { verifyLedgerOf } from '../../src/cli/verify-ledger';
import { claimantOf, requestIdOf, userIdOf, type LoadResult } from '../load/settings';
import { databaseUrl, type BenchInfra } from './infra';

/** Users whose whole ledger is checked after a run on the million. */
const LARGE_SAMPLE = 50;
/** A prime, so that the sample is spread over all users. */
const LARGE_STRIDE = 19_997;

/** What a run did, as far as its rows are to be checked. */
export interface Written {
  readonly database: string;
  readonly tag: string;
  readonly load: LoadResult;
}

/** A caller's commands: 0 not sent or not acknowledged, 1 acknowledged, 2 acknowledged and found. */
function expectations({ issued, unacknowledged }: LoadResult): readonly Uint8Array[] {
  const expected = issued.map((count) => new Uint8Array(count).fill(1));
  for (const [caller, sequence] of unacknowledged) expected[caller]?.fill(0, sequence, sequence + 1);
  return expected;
}

/** Whose command a request_id is, and which one. */
function commandOf(requestId: string): readonly [caller: number, sequence: number] {
  const [, caller = '', sequence = ''] = requestId.split('-');
  return [Number(caller), Number(sequence)];
}

/** Marks a row's command as found; says what is wrong with it. A command without an answer may be there or not. */
function markFound(expected: readonly Uint8Array[], requestId: string): string | undefined {
  const [caller, sequence] = commandOf(requestId);
  const mine = expected[caller];
  const state = mine?.[sequence];
  if (mine === undefined || state === undefined) return `${requestId} was never sent`;
  if (state === 2) return `${requestId} has two rows`;
  mine[sequence] = 2;
  return undefined;
}

/** A command that was written: its request_id, and its user where that has to be checked. */
export type WrittenRow = readonly [requestId: string, userId?: string];

async function readRows(root: Connection, sql: string, tag: string): Promise<readonly WrittenRow[]> {
  const [rows] = await root.query<RowDataPacket[][]>({ sql, rowsAsArray: true, values: [`${tag}-%`] });
  return rows as unknown as readonly WrittenRow[];
}

/** Whether every acknowledged command has exactly one row, and no other row is there. Returns the first fault. */
export function checkRequests(rows: readonly WrittenRow[], { tag, load }: Written): string | undefined {
  const expected = expectations(load);
  for (const [requestId, userId] of rows) {
    const fault = markFound(expected, requestId) ?? checkClaimant(requestId, userId, load);
    if (fault !== undefined) return fault;
  }
  for (const [caller, states] of expected.entries()) {
    const missing = states.indexOf(1);
    if (missing >= 0) return `${requestIdOf(tag, caller, missing)} was acknowledged but has no row`;
  }
  return undefined;
}

/** Whether a claim was written for the user who claimed. */
function checkClaimant(requestId: string, userId: string | undefined, { issued }: LoadResult): string | undefined {
  if (userId === undefined || userId === userIdOf(claimantOf(issued.length, ...commandOf(requestId)))) return undefined;
  return `${requestId} was written for ${userId}, who did not claim it`;
}

/** The same of consumes, whose rows are those of the log. */
async function checkConsumes(root: Connection, written: Written): Promise<string | undefined> {
  const sql = `SELECT request_id FROM ${written.database}.quota_logs WHERE origin = 'caller' AND request_id LIKE ?`;
  return checkRequests(await readRows(root, sql, written.tag), written);
}

/** Recomputes chains, balances and lots with the service's own check, of one user or of all. */
async function checkLedger(infra: BenchInfra, database: string, userId?: string): Promise<string | undefined> {
  const { fault } = await verifyLedgerOf(databaseUrl(infra, 'app', database), userId, () => performance.now());
  return fault === undefined ? undefined : `${fault.userId}: row ${fault.sequence ?? '-'} ${fault.problem}`;
}

/** Checks a run on a small database: every row, every user. Returns the first fault. */
export async function checkAll(infra: BenchInfra, root: Connection, written: Written): Promise<string | undefined> {
  return (await checkConsumes(root, written)) ?? (await checkLedger(infra, written.database));
}

/** Checks a run on the million users: every row of the run, and the whole ledger of a sample. */
export async function checkSample(infra: BenchInfra, root: Connection, written: Written): Promise<string | undefined> {
  const fault = await checkConsumes(root, written);
  if (fault !== undefined) return fault;
  for (let number = 1; number <= LARGE_SAMPLE; number += 1) {
    const found = await checkLedger(infra, written.database, userIdOf(number * LARGE_STRIDE));
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * Checks a run of claims: every acknowledged one has its coupon, of its own user, and nobody has two; the promotion
 * counts its coupons (R13.8); no coupon is without its key and its audit row.
 */
export async function checkClaims(root: Connection, written: Written): Promise<string | undefined> {
  const { database } = written;
  const coupons = `SELECT k.request_id, c.user_id FROM ${database}.user_coupons c
    JOIN ${database}.request_keys k ON k.owner = CONCAT('user:', c.user_id) WHERE k.request_id LIKE ?`;
  const fault = checkRequests(await readRows(root, coupons, written.tag), written);
  if (fault !== undefined) return fault;
  const [[counts]] = await root.query<RowDataPacket[]>(
    `SELECT (SELECT SUM(claimed_count) FROM ${database}.promotions) AS claimed_count,
      (SELECT COUNT(*) FROM ${database}.user_coupons) AS coupons,
      (SELECT COUNT(*) FROM ${database}.request_keys) AS \`keys\`,
      (SELECT COUNT(*) FROM ${database}.audit_logs WHERE subject_type = 'coupon') AS audit_rows`,
  );
  const isSame = new Set(Object.values(counts ?? {}).map(Number)).size === 1;
  return isSame ? undefined : `not as many of each: ${JSON.stringify(counts)}`;
}

/** Orders that WeChat Pay is asked about after a run. */
const OPENED_SAMPLE = 20;

/**
 * Checks a run of orders: every acknowledged one is there, of its own user, and open for payment; it has its key, and an
 * audit row and an event for each of its two steps; WeChat Pay waits for its amount.
 */
export async function checkOrders(
  root: Connection,
  written: Written,
  wechatpayUrl: string,
): Promise<string | undefined> {
  const { database } = written;
  const opened = `SELECT k.request_id, o.user_id FROM ${database}.orders o
    JOIN ${database}.request_keys k ON k.owner = CONCAT('user:', o.user_id) AND JSON_VALUE(k.response, '$.orderId') = o.id
    WHERE o.status = 'pending' AND k.request_id LIKE ?`;
  const fault = checkRequests(await readRows(root, opened, written.tag), written);
  if (fault !== undefined) return fault;
  const count = (rows: string): string => `(SELECT COUNT(*) FROM ${database}.${rows})`;
  const sets = [
    ['orders', 'request_keys', "audit_logs WHERE action = 'CreateOrder'", "outbox WHERE type = 'order.created'"],
    [
      "orders WHERE status = 'pending'",
      "audit_logs WHERE action = 'OpenPayment'",
      "outbox WHERE type = 'order.pending'",
    ],
  ];
  for (const set of sets) {
    const [rows] = await root.query<RowDataPacket[][]>({
      sql: `SELECT ${set.map(count).join(', ')}`,
      rowsAsArray: true,
    });
    const counts = (rows[0] ?? []).map(Number);
    if (new Set(counts).size !== 1) return `not as many of each: ${set.join(', ')}: ${counts.join(', ')}`;
  }
  return checkOpened(root, database, wechatpayUrl);
}

/** Whether WeChat Pay waits for the amounts of some of the orders. */
async function checkOpened(root: Connection, database: string, wechatpayUrl: string): Promise<string | undefined> {
  const [rows] = await root.query<RowDataPacket[]>(
    `SELECT id, final_amount FROM ${database}.orders WHERE status = 'pending' ORDER BY id DESC LIMIT ?`,
    [OPENED_SAMPLE],
  );
  for (const { id, final_amount: amount } of rows as { id: string; final_amount: number }[]) {
    const answer = await fetch(`${wechatpayUrl}/_control/orders/${id}`);
    const known = (await answer.json()) as { trade_state?: string; amount?: number };
    if (known.trade_state !== 'NOTPAY' || Number(known.amount) !== Number(amount)) {
      return `WeChat Pay does not wait for order ${id}: ${JSON.stringify(known)}`;
    }
  }
  return undefined;
}

/** Whether the points of rate-limiter-flexible are as many as were acknowledged; it counts repeats again. */
export async function checkPoints(root: Connection, { database, load }: Written): Promise<string | undefined> {
  const [rows] = await root.query<RowDataPacket[]>(`SELECT SUM(points) AS points FROM ${database}.limiter_points`);
  const points = Number(rows[0]?.['points'] ?? 0);
  const failed = Object.values(load.failures).reduce((sum, count) => sum + count, 0);
  if (points >= load.acknowledged && points <= load.acknowledged + failed) return undefined;
  return `${points} points were taken, ${load.acknowledged} were acknowledged`;
}
