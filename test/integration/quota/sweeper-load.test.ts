import type { Database } from '../../../src/platform/db/database';
import { runTurn } from '../../../src/platform/jobs/batch-job';
import { createLogger } from '../../../src/platform/log';
import { DUE_CHARGES_MAX, settleDueCharges } from '../../../src/quota';
import { mustSucceed } from '../../support/clients';
import type { TestDatabase } from '../../support/database';
import { registerMember, startHarness, type Harness } from '../../support/harness';
import { batchConsume } from '../../support/quota-calls';
import { openQuotaLane, type QuotaLane } from '../../support/quota-lane';
import { hold } from '../../support/settlement';
import { openServiceDatabase } from '../../support/service-database';

/** What the sweeper does when much is due at once (R3.3): it reaches all of it, and stands in nobody's way. */

const HOUR_MS = 3_600_000;
const CHARGES = 400;
const POLICY = { compensationGraceDays: 7, settleAfterMs: 2 * HOUR_MS, caseAfterMs: 24 * HOUR_MS, lowUnits: 10 };
const log = createLogger({ level: 'silent', role: 'worker', destination: { write: () => undefined } });

let db: TestDatabase;
let h: Harness;
let database: Database;
let lane: QuotaLane;
beforeAll(async () => {
  // Its own worker sleeps: what is due is counted here.
  h = await startHarness({ WORKER_POLL_INTERVAL_MS: '600000' });
  db = h.db;
  database = openServiceDatabase(h.infra, db, { overrides: { DATABASE_POOL_SIZE: '6' } });
  lane = openQuotaLane(h.infra, db, h.clock, POLICY);
});
afterAll(async () => {
  await lane.close();
  await database.knex.destroy();
  await h.stop();
});

/** What the sweeper works with here, without anybody to ask. */
function parts() {
  const ignore = (): void => undefined;
  return { db: database, commits: lane.commits, taskStatus: undefined, log, onSettled: ignore, onCase: ignore };
}

const inHours = (hours: number): Date => new Date(h.clock.now().getTime() + hours * HOUR_MS);
const signal = new AbortController().signal;

/** As many tasks of a new member whose caller died. */
async function abandonTasks(count: number): Promise<string> {
  const { userId } = await registerMember(h);
  const items = Array.from({ length: count }, (_, i) => ({ requestId: `c${i}`, userId, taskId: `t${i}` }));
  await mustSucceed(batchConsume(h, items));
  return userId;
}

async function countDue(now: Date): Promise<number> {
  const [row] = await db.query('SELECT COUNT(*) AS n FROM quota_charges WHERE due_time <= ?', [now]);
  return Number(row?.['n']);
}

async function countCases(userId: string): Promise<number> {
  const [row] = await db.query('SELECT COUNT(*) AS n FROM settlement_cases WHERE user_id = ?', [userId]);
  return Number(row?.['n']);
}

/** Payments and reads wait in the same queue for a connection: a sweep of many charges must not stand before them. */
test.each([
  ['whose outcome nobody knows', 3],
  ['that become cases', 40],
])('a sweep of many charges %s leaves connections to others', async (_what, hours) => {
  await abandonTasks(CHARGES);
  const now = inHours(hours);
  const due = await countDue(now);
  expect(due).toBeGreaterThanOrEqual(CHARGES);
  const { pool } = database.knex.client as { pool: { numPendingAcquires(): number } };
  let waiting = 0;
  let isSweeping = true;
  const watch = async (): Promise<void> => {
    while (isSweeping) {
      waiting = Math.max(waiting, pool.numPendingAcquires());
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const watching = watch();
  let swept = 0;
  while (swept < due) swept += await settleDueCharges(parts(), now, signal);
  isSweeping = false;
  await watching;
  // Four connections are being made at the same time at the start; nobody waits behind a hundred.
  expect(waiting).toBeLessThanOrEqual(4);
  const [row] = await db.query('SELECT COUNT(*) AS n FROM quota_charges WHERE due_time > ?', [now]);
  expect([swept, Number(row?.['n'])]).toEqual([due, due]);
});

test('a backlog of several rounds is worked off in one turn, without a pause after each', async () => {
  for (let members = 0; members < 3; members += 1) await abandonTasks(CHARGES);
  const now = inHours(3);
  expect(await countDue(now)).toBeGreaterThan(2 * DUE_CHARGES_MAX);
  const sweep = { name: 'sweep', batchSize: DUE_CHARGES_MAX, run: () => settleDueCharges(parts(), now, signal) };
  expect((await runTurn(sweep, signal)).isFull).toBe(false);
  expect(await countDue(now)).toBe(0);
});

test('every charge past its second deadline has one case, however often it is swept', async () => {
  const userId = await abandonTasks(CHARGES);
  const now = inHours(40);
  const later = new Date(now.getTime() + 2 * HOUR_MS);
  for (const time of [now, later]) {
    for (let left = await countDue(time); left > 0; left = await countDue(time)) {
      await settleDueCharges(parts(), time, signal);
    }
  }
  expect(await countCases(userId)).toBe(CHARGES);
});

/** Two workers may sweep at once: neither opens a second case nor waits for the other for ever. */
test('two sweeps at once leave one case for each charge', async () => {
  const userId = await abandonTasks(CHARGES);
  const now = inHours(40);
  while ((await countDue(now)) > 0) {
    await Promise.all([settleDueCharges(parts(), now, signal), settleDueCharges(parts(), now, signal)]);
  }
  expect(await countCases(userId)).toBe(CHARGES);
});

test('a charge that can not be settled is tried again in a minute and does not stand before the others', async () => {
  const { userId } = await registerMember(h);
  await mustSucceed(hold(h, { requestId: 'h', userId, amount: 1, ttl: { seconds: 60, nanos: 0 } }));
  const now = inHours(1);
  const closed = openQuotaLane(h.infra, db, h.clock, POLICY);
  await closed.close();
  await settleDueCharges({ ...parts(), commits: closed.commits }, now, signal);
  const sql = 'SELECT state, due_time FROM quota_charges WHERE user_id = ?';
  expect(await db.query(sql, [userId])).toEqual([{ state: 'open', due_time: new Date(now.getTime() + 60_000) }]);
  await settleDueCharges(parts(), new Date(now.getTime() + 60_000), signal);
  expect(await db.query(sql, [userId])).toEqual([{ state: 'released', due_time: null }]);
});

test('a sweep that is told to stop begins nothing: what is due stays due', async () => {
  const userId = await abandonTasks(CHARGES);
  const now = inHours(40);
  const due = await countDue(now);
  await settleDueCharges(parts(), now, AbortSignal.abort());
  expect(await countDue(now)).toBe(due);
  expect(await countCases(userId)).toBe(0);
});
