import type { Connection, RowDataPacket } from 'mysql2/promise';
import { verifyLedgerOf } from '../../src/cli/verify-ledger';
import { requestIdOf, userIdOf, type LoadResult } from '../load/settings';
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

/** A caller's consumes: 0 not sent or not acknowledged, 1 acknowledged, 2 acknowledged and found. */
function expectations({ issued, unacknowledged }: LoadResult): readonly Uint8Array[] {
  const expected = issued.map((count) => new Uint8Array(count).fill(1));
  for (const [caller, sequence] of unacknowledged) expected[caller]?.fill(0, sequence, sequence + 1);
  return expected;
}

/** Marks a row's consume as found; says what is wrong with it. A consume without an answer may be there or not. */
function markFound(expected: readonly Uint8Array[], requestId: string): string | undefined {
  const [, caller = '', sequence = ''] = requestId.split('-');
  const mine = expected[Number(caller)];
  const state = mine?.[Number(sequence)];
  if (mine === undefined || state === undefined) return `${requestId} was never sent`;
  if (state === 2) return `${requestId} has two rows`;
  mine[Number(sequence)] = 2;
  return undefined;
}

/** Whether every acknowledged consume has exactly one row, and no other row is there. */
async function checkRequests(root: Connection, { database, tag, load }: Written): Promise<string | undefined> {
  const expected = expectations(load);
  const sql = `SELECT request_id FROM ${database}.quota_logs WHERE origin = 'caller' AND request_id LIKE ?`;
  const [rows] = await root.query<RowDataPacket[][]>({ sql, rowsAsArray: true, values: [`${tag}-%`] });
  for (const [requestId] of rows as unknown as readonly (readonly string[])[]) {
    const fault = markFound(expected, requestId ?? '');
    if (fault !== undefined) return fault;
  }
  for (const [caller, states] of expected.entries()) {
    const missing = states.indexOf(1);
    if (missing >= 0) return `${requestIdOf(tag, caller, missing)} was acknowledged but has no row`;
  }
  return undefined;
}

/** Recomputes chains, balances and lots with the service's own check, of one user or of all. */
async function checkLedger(infra: BenchInfra, database: string, userId?: string): Promise<string | undefined> {
  const { fault } = await verifyLedgerOf(databaseUrl(infra, 'app', database), userId, () => performance.now());
  return fault === undefined ? undefined : `${fault.userId}: row ${fault.sequence ?? '-'} ${fault.problem}`;
}

/** Checks a run on a small database: every row, every user. Returns the first fault. */
export async function checkAll(infra: BenchInfra, root: Connection, written: Written): Promise<string | undefined> {
  return (await checkRequests(root, written)) ?? (await checkLedger(infra, written.database));
}

/** Checks a run on the million users: every row of the run, and the whole ledger of a sample. */
export async function checkSample(infra: BenchInfra, root: Connection, written: Written): Promise<string | undefined> {
  const fault = await checkRequests(root, written);
  if (fault !== undefined) return fault;
  for (let number = 1; number <= LARGE_SAMPLE; number += 1) {
    const found = await checkLedger(infra, written.database, userIdOf(number * LARGE_STRIDE));
    if (found !== undefined) return found;
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
