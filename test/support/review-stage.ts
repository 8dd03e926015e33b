import type { Connection, RowDataPacket } from 'mysql2/promise';
import { PaymentChannel } from '../../src/gen/billing/v1/order_service.pb';
import { DiscountType } from '../../src/gen/billing/v1/promotion_service.pb';
import { TaskOutcome } from '../../src/gen/billing/v1/quota_service.pb';
import { AnchorStage } from './anchor-stage';
import { mustSucceed } from './clients';
import { openTestDatabase, type Row, type TestDatabase } from './database';
import { grantGiftCall, makeCampaign, openCampaign } from './gift-calls';
import {
  consume,
  createOrder,
  refund,
  registerMember,
  registerUser,
  startHarness,
  until,
  type Harness,
} from './harness';
import { readInfra } from './infra';
import { buyLimited, listTaskType } from './listed-calls';
import { cancelOrderCall, createOrderCall } from './order-calls';
import { claim, openPromotion } from './promotions';
import { capture, hold, release, reportOutcome } from './quota-calls';
import { refundOf, untilRefunds } from './refund-calls';
import { registerWith } from './registrations';
import { openPlan, orderUpgrade } from './upgrade-calls';

/**
 * A database that the service filled with something of everything, in which nothing is wrong and nothing is in limbo: what the
 * financial review is tried on. Filled once for each worker of a run; insiders tamper with it and it is put back.
 */
export interface ReviewStage {
  readonly db: TestDatabase;
  /** The time at which the service stopped: a review of then finds nothing overdue. */
  readonly now: Date;
  /** Whoever may do everything. */
  readonly root: Connection;
  /** The names of the tables as they were. */
  readonly kept: string;
}

const DAY_MS = 86_400_000;

/** Opens the stage; fills it on first use of a worker in a run. */
export async function openReviewStage(): Promise<ReviewStage> {
  const infra = readInfra();
  const db = await openTestDatabase(infra);
  const root = await db.connect('root');
  const kept = `${db.name}_kept`;
  const filled = await readFilled(root, kept);
  if (filled !== undefined) return { db, now: filled, root, kept };
  const [started] = await db.query('SELECT 1 FROM users LIMIT 1');
  if (started === undefined) return { db, now: await fill(db, root, kept), root, kept };
  // Somebody was cut off while they filled it: from the start.
  for (const name of [kept, db.name]) await root.query(`DROP DATABASE IF EXISTS ${name}`);
  await closeReviewStage({ db, root });
  return openReviewStage();
}

async function readFilled(root: Connection, kept: string): Promise<Date | undefined> {
  const [rows] = await root.query<RowDataPacket[]>(
    "SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND table_name = 'stage_time'",
    [kept],
  );
  if (rows.length === 0) return undefined;
  const [[row]] = await root.query<RowDataPacket[]>(`SELECT now FROM ${kept}.stage_time`);
  return row?.['now'] as Date;
}

async function fill(db: TestDatabase, root: Connection, kept: string): Promise<Date> {
  const h = await startHarness({ DATABASE_URL: db.url });
  let now: Date;
  try {
    await playEverything({ ...h, db });
    await anchor({ ...h, db });
    now = h.clock.now();
  } finally {
    await h.stop();
  }
  await root.query(`CREATE DATABASE IF NOT EXISTS ${kept} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`);
  for (const { name } of await tablesOf(db)) {
    await root.query(`CREATE TABLE ${kept}.${name} LIKE ${db.name}.${name}`);
    await copyRows(root, { from: db.name, to: kept, table: name });
  }
  await root.query(`CREATE TABLE ${kept}.stage_time (now DATETIME(3) NOT NULL)`);
  await root.query(`INSERT INTO ${kept}.stage_time VALUES (?)`, [now]);
  return now;
}

/** Has the audit log sealed, and an anchor made of all of it. */
async function anchor({ db, infra, clock }: Harness): Promise<void> {
  const anchors = await AnchorStage.open(db, infra, clock);
  try {
    await anchors.untilSealed();
    await anchors.run('2026-01-31T14');
  } finally {
    await anchors.close();
  }
}

async function tablesOf(db: TestDatabase): Promise<readonly { readonly name: string }[]> {
  const rows = await db.query(
    `SELECT table_name AS name FROM information_schema.tables
    WHERE table_schema = ? AND table_type = 'BASE TABLE' AND table_name NOT LIKE 'knex%'`,
    [db.name],
  );
  return rows.map((row) => ({ name: String(row['name']) }));
}

/** Copies all rows of a table; what the database computes it computes again. */
async function copyRows(
  root: Connection,
  { from, to, table }: { readonly from: string; readonly to: string; readonly table: string },
): Promise<void> {
  const [columns] = await root.query<RowDataPacket[]>(
    `SELECT column_name AS name FROM information_schema.columns
    WHERE table_schema = ? AND table_name = ? AND extra NOT LIKE '%GENERATED%' ORDER BY ordinal_position`,
    [from, table],
  );
  const names = columns.map((column) => `\`${String(column['name'])}\``).join(', ');
  await root.query(`INSERT INTO ${to}.${table} (${names}) SELECT ${names} FROM ${from}.${table}`);
}

/** Something of everything that the service does and that ends well. */
async function playEverything(h: Harness): Promise<void> {
  const { userId } = await registerMember(h);
  for (const person of ['first', 'second']) await registerWith(h, person, ['phone', `device of the ${person}`]);
  await chargeTasks(h, userId);
  await giveBackLate(h, userId);
  await useCoupons(h);
  await leaveOrdersUnpaid(h);
  await refundOrders(h);
  await giveGifts(h);
  await upgrade(h);
  await useLimitedFeature(h);
  // A month whose units are not due yet.
  const ahead = await registerMember(h);
  await pay(h, await createOrder(h, ahead.userId));
}

async function pay(h: Harness, orderId: string): Promise<void> {
  await h.control('/_control/pay', { order_id: orderId });
  await until(`order ${orderId} is paid`, async () => {
    const [order] = await h.db.query('SELECT status FROM orders WHERE id = ?', [orderId]);
    return order?.['status'] === 'paid';
  });
}

/** Units taken, set aside, captured, released and returned, and every task told of. */
async function chargeTasks(h: Harness, userId: string): Promise<void> {
  await mustSucceed(consume(h, { userId, requestId: 'c-1', amount: 30 }));
  await mustSucceed(refund(h, { userId, requestId: 'r-1', consumeRequestId: 'c-1', amount: 10 }));
  await mustSucceed(consume(h, { userId, requestId: 'c-2', amount: 7, taskId: 'task-2' }));
  await mustSucceed(consume(h, { userId, requestId: 'c-3', amount: 5, taskId: 'task-3' }));
  for (const requestId of ['h-1', 'h-2', 'h-3']) {
    await mustSucceed(hold(h, { userId, requestId, amount: 9, taskId: requestId }));
  }
  await mustSucceed(capture(h, { userId, requestId: 'k-1', holdId: 'h-1', amount: 5 }));
  await mustSucceed(refund(h, { userId, requestId: 'r-2', consumeRequestId: 'k-1', amount: 2 }));
  await mustSucceed(release(h, { userId, requestId: 'k-2', holdId: 'h-2' }));
  const [done, failed] = [TaskOutcome.SUCCEEDED, TaskOutcome.FAILED];
  for (const [taskId, outcome] of [
    ['task-2', done],
    ['task-3', failed],
    ['h-3', done],
  ] as const) {
    await mustSucceed(reportOutcome(h, { userId, requestId: `o-${taskId}`, taskId, outcome }));
  }
}

/** Past the end of a lot: what comes back to it comes back as another one. */
async function giveBackLate(h: Harness, userId: string): Promise<void> {
  await mustSucceed(consume(h, { userId, requestId: 'late', amount: 3 }));
  h.clock.advanceMs(40 * DAY_MS);
  await mustSucceed(refund(h, { userId, requestId: 'r-late', consumeRequestId: 'late', amount: 3 }));
  const compensations = "SELECT 1 FROM quota_grants WHERE source = 'compensation'";
  if ((await h.db.query(compensations)).length !== 1) throw new Error('nothing came back late');
}

/** Coupons that are unused, held by an order, used by a paid one, and back from a closed and from a refunded one. */
async function useCoupons(h: Harness): Promise<void> {
  const fixed = await openPromotion(h, { budget: 50_000, returnedOnRefund: true });
  const percentage = { discountType: DiscountType.PERCENTAGE, discountValue: 15, maxDiscount: 2_000 };
  const share = await openPromotion(h, { ...percentage, minOrderAmount: 5_000, planIds: ['monthly'] });
  const free = await openPromotion(h, { discountValue: 100_000, mayBeFree: true });
  await claim(h, await registerUser(h), fixed);
  for (const [promotionId, end] of [
    [fixed, 'waits'],
    [fixed, 'paid'],
    [share, 'paid'],
    [fixed, 'cancelled'],
    [fixed, 'refunded'],
    [free, 'free'],
  ] as const) {
    const userId = await registerUser(h);
    const { couponId } = await claim(h, userId, promotionId);
    const { order } = await mustSucceed(createOrderCall(h, { userId, couponId }));
    const orderId = order?.orderId ?? '';
    if (end === 'paid' || end === 'refunded') await pay(h, orderId);
    if (end === 'cancelled') await cancel(h, userId, orderId);
    if (end === 'refunded') await refundAll(h, userId, orderId);
  }
}

async function cancel(h: Harness, userId: string, orderId: string): Promise<void> {
  await mustSucceed(cancelOrderCall(h, { userId, orderId }));
  await until('the order is closed', async () => {
    const [order] = await h.db.query('SELECT status FROM orders WHERE id = ?', [orderId]);
    return order?.['status'] === 'closed';
  });
}

async function refundAll(h: Harness, userId: string, orderId: string): Promise<void> {
  await h.control('/_control/refunds', { outcome: 'SUCCESS' });
  await refundOf(h, { userId, orderId });
  await untilRefunds(h, orderId, ['succeeded']);
}

/** Orders that wait, one of them of a payer whom WeChat Pay has to be told of. */
async function leaveOrdersUnpaid(h: Harness): Promise<void> {
  await createOrder(h, await registerUser(h));
  const openid = 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o';
  const userId = await registerUser(h);
  await mustSucceed(createOrderCall(h, { userId, channel: PaymentChannel.JSAPI, openid }));
}

/** Refunds in full and in part, and one under way. */
async function refundOrders(h: Harness): Promise<void> {
  const whole = await registerMember(h);
  await refundAll(h, whole.userId, whole.orderId);
  await h.control('/_control/refunds', { outcome: 'SUCCESS' });
  const part = await registerMember(h);
  await refundOf(h, { ...part, amount: 3_300 });
  await untilRefunds(h, part.orderId, ['succeeded']);
  await h.control('/_control/refunds', { outcome: 'PROCESSING' });
  const open = await registerMember(h);
  await refundOf(h, { ...open, amount: 4_950 });
  await untilRefunds(h, open.orderId, ['processing']);
  await h.control('/_control/refunds', { outcome: 'SUCCESS' });
}

/** A campaign that has given, and one that nobody has approved. */
async function giveGifts(h: Harness): Promise<void> {
  const campaignId = await openCampaign(h);
  for (let n = 0; n < 2; n += 1) await mustSucceed(grantGiftCall(h, await registerUser(h), campaignId));
  await makeCampaign(h);
}

async function upgrade(h: Harness): Promise<void> {
  const planId = await openPlan(h);
  const { userId } = await registerMember(h);
  const { orderId } = await orderUpgrade(h, { userId, planId });
  await pay(h, orderId);
}

/** Units of a feature that a period limits: taken, and some of them returned. */
async function useLimitedFeature(h: Harness): Promise<void> {
  const member = await registerUser(h);
  await buyLimited(h, member, { 'image.upscale': 5 });
  await listTaskType(h, 'upscale', { units: 2, feature: 'image.upscale' });
  await mustSucceed(consume(h, { userId: member, requestId: 'c', amount: 2, taskType: 'upscale' }));
  await mustSucceed(refund(h, { userId: member, requestId: 'r', consumeRequestId: 'c', amount: 1 }));
}

/** An insider with every right at work: what to look at, and what to change. */
export interface Insider {
  /** The one row that a SELECT finds first; throws when there is none, because then there is nothing to tamper with. */
  one(sql: string, values?: readonly unknown[]): Promise<Row>;
  rows(sql: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** Changes something; throws when no row was changed. */
  change(sql: string, values?: readonly unknown[]): Promise<void>;
}

interface Trigger {
  readonly name: string;
  readonly sql: string;
  readonly mode: string;
}

/**
 * Lets an insider tamper with tables as nobody may: takes their triggers away and the checks of constraints with them, and puts all of
 * it back, so that only what was changed can tell.
 */
export async function tamper<Result>(
  { db, root }: ReviewStage,
  tables: readonly string[],
  work: (insider: Insider) => Promise<Result>,
): Promise<Result> {
  const triggers = await triggersOf(db, root, tables);
  for (const { name } of triggers) await root.query(`DROP TRIGGER ${name}`);
  await root.query('SET SESSION check_constraint_checks = 0');
  try {
    return await work(insiderOf(root));
  } finally {
    await root.query('SET SESSION check_constraint_checks = 1');
    for (const { sql, mode } of triggers) {
      await root.query('SET SESSION sql_mode = ?', [mode]);
      await root.query(sql);
    }
  }
}

async function triggersOf(db: TestDatabase, root: Connection, tables: readonly string[]): Promise<readonly Trigger[]> {
  if (tables.length === 0) return [];
  const rows = await db.query(
    `SELECT trigger_name AS name FROM information_schema.triggers
    WHERE trigger_schema = ? AND event_object_table IN (?) ORDER BY event_object_table, action_order`,
    [db.name, tables],
  );
  const triggers: Trigger[] = [];
  for (const { name } of rows) {
    const [[row]] = await root.query<RowDataPacket[]>(`SHOW CREATE TRIGGER ${String(name)}`);
    const { 'SQL Original Statement': sql, sql_mode: mode } = row as Record<string, string>;
    triggers.push({ name: String(name), sql: sql ?? '', mode: mode ?? '' });
  }
  return triggers;
}

function insiderOf(root: Connection): Insider {
  const rows = async (sql: string, values: readonly unknown[] = []): Promise<readonly Row[]> =>
    (await root.query<RowDataPacket[]>(sql, [...values]))[0];
  return {
    rows,
    one: async (sql, values) => {
      const [first] = await rows(sql, values);
      if (first === undefined) throw new Error(`the stage has nothing like this: ${sql}`);
      return first;
    },
    change: async (sql, values = []) => {
      const [result] = await root.query(sql, [...values]);
      const { affectedRows = 0 } = result as { affectedRows?: number };
      if (affectedRows === 0) throw new Error(`this changed nothing: ${sql}`);
    },
  };
}

/** Puts tables back as they were. */
export async function putBack(stage: ReviewStage, tables: readonly string[]): Promise<void> {
  await tamper(stage, tables, async () => {
    for (const table of tables) {
      await stage.root.query(`DELETE FROM ${table}`);
      await copyRows(stage.root, { from: stage.kept, to: stage.db.name, table });
    }
  });
}

export async function closeReviewStage({ db, root }: Pick<ReviewStage, 'db' | 'root'>): Promise<void> {
  await root.end();
  await db.close();
}
