import type { Connection, RowDataPacket } from 'mysql2/promise';
import { PaymentChannel } from '../../src/gen/billing/v1/order_service.pb';
import { ErasureState, KeyRotationState } from '../../src/gen/billing/v1/privacy_service.pb';
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
import { makeKeyFile, type KeyFile } from './key-file';
import { buyLimited, listTaskType } from './listed-calls';
import { cancelOrderCall, createOrderCall } from './order-calls';
import { agreeToErase, readErasure, rotate, rotationStatus } from './privacy-calls';
import { claim, openPromotion } from './promotions';
import { capture, hold, release, reportOutcome } from './quota-calls';
import { approveRefundCall, refundOf, untilRefunds } from './refund-calls';
import { registerWith } from './registrations';
import { openPlan, orderUpgrade } from './upgrade-calls';

/**
 * A database that the service filled with something of everything, in which nothing is wrong and nothing is in limbo: what the
 * financial review is tried on. Insiders tamper with it and it is put back.
 */
export interface ReviewStage {
  readonly db: TestDatabase;
  /** The time at which the service stopped: a review of then finds nothing overdue. */
  readonly now: Date;
  /** Whoever may do everything. */
  readonly root: Connection;
  /** The name of the database that has all tables as they were. */
  readonly kept: string;
  /** The anchors that were made of it. */
  readonly anchors: AnchorStage;
}

const DAY_MS = 86_400_000;
const OPENID = 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o';

/** Opens the stage, and fills it. */
export async function openReviewStage(): Promise<ReviewStage> {
  const infra = readInfra();
  const db = await openTestDatabase(infra);
  const keys = makeKeyFile(infra.dataKeys);
  const h = await startHarness({
    ...{ DATABASE_URL: db.url, DATA_KEYS_FILE: keys.path, SECRET_FILES_POLL_MS: '500' },
    REFUND_SECOND_PERSON_FEN: String(TWO_PEOPLE_ABOVE),
  });
  const anchors = await AnchorStage.open(db, infra, h.clock);
  try {
    await playEverything({ ...h, db }, keys);
    await anchors.untilSealed();
    for (const slot of ['2026-01-31T14', '2026-01-31T15']) await anchors.run(slot);
  } finally {
    await h.stop();
    keys.remove();
  }
  const root = await db.connect('root');
  const kept = `${db.name}_kept`;
  await root.query(`CREATE DATABASE ${kept} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`);
  for (const { name } of await tablesOf(db)) {
    await root.query(`CREATE TABLE ${kept}.${name} LIKE ${db.name}.${name}`);
    await copyRows(root, { from: db.name, to: kept, table: name });
  }
  return { db, now: h.clock.now(), root, kept, anchors };
}

export async function closeReviewStage({ db, root, anchors }: ReviewStage): Promise<void> {
  await anchors.close();
  await root.end();
  await db.close();
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
async function playEverything(h: Harness, keys: KeyFile): Promise<void> {
  const { userId } = await registerMember(h);
  for (const person of ['first', 'second']) await registerWith(h, person, ['phone', `device of the ${person}`]);
  await chargeTasks(h, userId);
  await giveBackLate(h, userId);
  await settleCase(h, userId);
  await useCoupons(h);
  await leaveOrdersUnpaid(h);
  await refundOrders(h);
  await giveGifts(h);
  await upgrade(h);
  await useLimitedFeature(h);
  // A month whose units are not due yet.
  const ahead = await registerMember(h);
  await pay(h, await createOrder(h, ahead.userId));
  await erasePerson(h);
  await rotateKeys(h, keys);
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
  // Of this one nobody tells until somebody looks into it.
  await mustSucceed(consume(h, { userId, requestId: 'c-4', amount: 2, taskId: 'task-4' }));
}

/** A case of a task that nobody told of, and which people looked into. */
async function settleCase(h: Harness, userId: string): Promise<void> {
  const open = 'SELECT 1 FROM settlement_cases WHERE resolve_time IS NULL';
  await until('a case is open', async () => (await h.db.query(open)).length === 1);
  const outcome = TaskOutcome.SUCCEEDED;
  await mustSucceed(reportOutcome(h, { userId, requestId: 'o-task-4', taskId: 'task-4', outcome }));
  await until('the case is resolved', async () => (await h.db.query(open)).length === 0);
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
  const userId = await registerUser(h);
  await mustSucceed(createOrderCall(h, { userId, channel: PaymentChannel.JSAPI, openid: OPENID }));
}

/** Refunds of more than this take two people. */
const TWO_PEOPLE_ABOVE = 9_800;

/** Refunds in full, to which two people agreed, and in part, and one under way. */
async function refundOrders(h: Harness): Promise<void> {
  const whole = await registerMember(h);
  await h.control('/_control/refunds', { outcome: 'SUCCESS' });
  const { refundId } = await refundOf(h, whole);
  await mustSucceed(approveRefundCall(h, { refundId }));
  await untilRefunds(h, whole.orderId, ['succeeded']);
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

/** Somebody whose fingerprint and openid we know, who paid, and whom two people agreed to forget. */
async function erasePerson(h: Harness): Promise<void> {
  const userId = 'the-erased';
  await mustSucceed(registerWith(h, userId, ['phone of the erased']));
  const { order } = await mustSucceed(createOrderCall(h, { userId, channel: PaymentChannel.JSAPI, openid: OPENID }));
  await pay(h, order?.orderId ?? '');
  const erasureId = await agreeToErase(h, userId);
  await until('the person is erased', async () => (await readErasure(h, erasureId)).state === ErasureState.DONE);
}

/** All that is sealed, sealed anew with another key. */
async function rotateKeys(h: Harness, keys: KeyFile): Promise<void> {
  keys.write('rotated', h.infra.dataKeys.split(':')[0] ?? '');
  await mustSucceed(rotate(h, 'rotated'));
  await until('the rotation is done', async () => {
    return (await rotationStatus(h)).rotation?.state === KeyRotationState.DONE;
  });
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
