import { TABLE_PRIVILEGES } from '../../../migrations/privileges';
import { openTestDatabase, type TestDatabase } from '../../support/database';
import { PaymentChannel } from '../../../src/gen/billing/v1/order_service.pb';
import { TaskOutcome } from '../../../src/gen/billing/v1/quota_service.pb';
import {
  consume,
  createOrder,
  newId,
  refund,
  registerMember,
  registerUser,
  startHarness,
  until,
  type Harness,
} from '../../support/harness';
import { AnchorStage } from '../../support/anchor-stage';
import { makeTariff } from '../../support/catalog-calls';
import { call, mustSucceed } from '../../support/clients';
import { grantGiftCall, openCampaign } from '../../support/gift-calls';
import { readInfra } from '../../support/infra';
import { buyLimited, listTaskType } from '../../support/listed-calls';
import { createOrderCall } from '../../support/order-calls';
import { agreeToErase, rotate } from '../../support/privacy-calls';
import { reportOutcome } from '../../support/quota-calls';
import { approveRefundCall, refundOf, untilRefunds } from '../../support/refund-calls';
import { registerWith } from '../../support/registrations';
import { openPlan, orderUpgrade } from '../../support/upgrade-calls';
import * as facts from '../../support/schema-facts';

const { trigger, privilege } = facts.REFUSALS;
const TABLES = Object.keys(TABLE_PRIVILEGES);
/** All but those whose rows may be deleted when their time is over, and what only counts within a minute. */
const NO_HISTORY = ['request_refusals', 'outbox', 'event_deliveries', 'event_sinks'];
const HISTORY = TABLES.filter((table) => !NO_HISTORY.includes(table));
const APPEND_ONLY = [
  ...['quota_logs', 'quota_task_outcomes', 'audit_logs', 'audit_chain', 'access_logs'],
  ...['order_credits', 'task_tariffs'],
];
const DAY_MS = 86_400_000;

let db: TestDatabase;
let columns: readonly facts.Column[];
let before: Awaited<ReturnType<typeof facts.checksums>>;

/**
 * A row in every table: a member whose consume was given back after its lots had expired and a case had been opened, a
 * reported task, and a refusal.
 */
async function fillEveryTable(): Promise<void> {
  // A sink that is not there, so that a delivery waits.
  const sink = { name: 'void', kind: 'webhook', url: 'http://127.0.0.1:1/', secrets: [`whsec_${'A'.repeat(32)}`] };
  const h = await startHarness({ EVENT_SINKS: JSON.stringify([sink]), REFUND_SECOND_PERSON_FEN: '9000' });
  try {
    await fill(h);
  } finally {
    await h.stop();
  }
}

async function fill(h: Harness): Promise<void> {
  const { userId } = await registerMember(h);
  // Too little money: an alert.
  await h.control('/_control/pay', { order_id: await createOrder(h, userId), amount: 1 });
  await mustSucceed(consume(h, { requestId: 'c', userId, amount: 20, taskId: 't1' }));
  await mustSucceed(consume(h, { requestId: 'c2', userId, amount: 2, taskId: 't2' }));
  await mustSucceed(reportOutcome(h, { requestId: 'o', userId, taskId: 't2', outcome: TaskOutcome.SUCCEEDED }));
  expect(await consume(h, { requestId: 'c3', userId, amount: 1_000 })).toMatchObject({ ok: false });
  h.clock.advanceMs(40 * DAY_MS);
  const casesOf = () => h.db.query('SELECT 1 FROM settlement_cases WHERE user_id = ?', [userId]);
  await until('the case', async () => (await casesOf()).length === 1);
  await mustSucceed(refund(h, { requestId: 'r', userId, consumeRequestId: 'c' }));
  await mustSucceed(registerWith(h, newId('u'), ['phone']));
  await insertCoupon(h, userId);
  await makeTariff(h);
  await mustSucceed(grantGiftCall(h, userId, await openCampaign(h)));
  await refundAndName(h, userId);
  await mustSucceed(replayCall(h));
  await mustSucceed(call(h.as('auditor').quota.getQuota.bind(h.as('auditor').quota), { userId }));
  await rotateEraseAndReview(h);
  await makeAnchor(h);
  await insertDeadLetter(h);
  await useLimitedFeature(h);
  await until('a delivery was tried', async () => (await h.db.query('SELECT 1 FROM event_sinks')).length > 0);
  // Refusals as old as this clock makes the first are dropped again: one of now stays.
  expect(await consume(h, { requestId: 'c3', userId, amount: 1_000 })).toMatchObject({ ok: false });
}

function replayCall(h: Harness) {
  const { event } = h.as('operations');
  const request = { requestId: newId('replay'), fromTime: undefined, fromEventId: '1' };
  return call(event.replayEvents.bind(event), request);
}

/** An order that was refunded with the approval of two people, and with it its period revoked; another by one; one that names its payer; and an upgrade. */
async function refundAndName(h: Harness, userId: string): Promise<void> {
  const refunded = await registerMember(h);
  const { refundId } = await refundOf(h, refunded);
  await mustSucceed(approveRefundCall(h, { refundId }));
  await refundOf(h, { ...(await registerMember(h)), amount: 1 });
  await untilRefunds(h, refunded.orderId, ['succeeded']);
  await mustSucceed(createOrderCall(h, { userId, channel: PaymentChannel.JSAPI, openid: 'oTestPayer' }));
  const upgrading = await registerMember(h);
  await orderUpgrade(h, { userId: upgrading.userId, planId: await openPlan(h) });
}

/** A rotation of keys, an erasure and a review, each at its end. */
async function rotateEraseAndReview(h: Harness): Promise<void> {
  const userId = newId('u');
  await mustSucceed(registerWith(h, userId, ['device']));
  await agreeToErase(h, userId);
  await mustSucceed(rotate(h));
  // A rotation lasts until no process can be sealing with an old key.
  h.clock.advanceMs(20_000);
  const { audit } = h.as('auditor');
  await mustSucceed(call(audit.runReview.bind(audit), { requestId: newId('review'), reviewer: '' }));
  for (const table of ['user_erasures', 'key_rotations', 'reviews']) {
    const ended = `SELECT 1 FROM ${table} WHERE end_time IS NOT NULL`;
    await until(`${table} ended`, async () => (await h.db.query(ended)).length > 0);
  }
}

/** An anchor over all that was sealed, handed out. */
async function makeAnchor(h: Harness): Promise<void> {
  const anchors = await AnchorStage.open(h.db, h.infra, h.clock);
  await anchors.untilSealed();
  await anchors.run('2026-01-31T14');
  await anchors.close();
}

/** A unit of a feature that a membership limits. */
async function useLimitedFeature(h: Harness): Promise<void> {
  const userId = await registerUser(h);
  await buyLimited(h, userId, { 'image.upscale': 10 });
  await listTaskType(h, 'upscale', { units: 2, feature: 'image.upscale' });
  await mustSucceed(consume(h, { requestId: 'c', userId, amount: 2, taskType: 'upscale' }));
}

/** What a job gave up, straight into the table. */
async function insertDeadLetter({ db: into }: Harness): Promise<void> {
  const row = {
    ...{ id: '01ARZ3NDEKTSV4RRFFQ69G5FAV', job: 'test', subject: 's', state: 'open', error: 'broken', attempts: 1 },
    ...{ first_time: '2026-01-01', last_time: '2026-01-01' },
  };
  await into.query(`INSERT INTO job_dead_letters (${Object.keys(row).join(', ')}) VALUES (?)`, [Object.values(row)]);
}

/** A coupon and its promotion, straight into the tables: what matters here is what the database refuses afterwards. */
async function insertCoupon({ db: into }: Harness, userId: string): Promise<void> {
  const promotionId = newId('p');
  await into.query(
    `INSERT INTO promotions (id, name, status, discount_type, discount_value, max_discount, min_order_amount, plan_ids,
       new_users_only, may_be_free, returned_on_refund, total_quota, claimed_count, budget, budget_used, coupon_valid_days,
       created_by, editors, revision, create_time)
     VALUES (?, 'test', 'draft', 'fixed_amount', 100, 0, 0, '[]', 0, 0, 0, 10, 0, 0, 0, 30, 'test', '["test"]', 1, '2026-01-01')`,
    [promotionId],
  );
  await into.query('UPDATE promotions SET claimed_count = 1 WHERE id = ?', [promotionId]);
  await into.query(
    `INSERT INTO user_coupons (id, user_id, promotion_id, status, claim_time, expire_time)
     VALUES ('01ARZ3NDEKTSV4RRFFQ69G5FAV', ?, ?, 'unused', '2026-01-01', '2026-02-01')`,
    [userId, promotionId],
  );
}

beforeAll(async () => {
  await fillEveryTable();
  db = await openTestDatabase(readInfra());
  columns = await facts.readColumns(db);
  before = await facts.checksums(db);
  // A dozen jobs have to come to their ends, which on a busy machine takes more than a hook usually may.
}, 180_000);
afterAll(() => db.close());

/** The last test of each part, because every row of every table is hashed. */
function testThatNothingChanged(): void {
  test('none of it has changed a row of any table', async () => {
    expect(await facts.checksums(db)).toEqual(before);
  });
}

/** Must show 7: rows are never deleted, by whatever statement and whatever account. */
describe.each(HISTORY)('the rows of %s', (table) => {
  test('exist here, or the refusals below would prove nothing', async () => {
    const [row] = await db.query(`SELECT COUNT(*) AS n FROM ${table}`);
    expect(Number(row?.['n'])).toBeGreaterThan(0);
  });

  test.each(['app', 'report', 'migrate'] as const)(
    'are never deleted, truncated, dropped or replaced by %s',
    async (account) => {
      const deletions = [
        `DELETE FROM ${table}`,
        `TRUNCATE TABLE ${table}`,
        `DROP TABLE ${table}`,
        `REPLACE INTO ${table} SELECT * FROM ${table}`,
      ];
      for (const sql of deletions)
        expect({ sql, errno: await facts.errnoOf(db, sql, account) }).toEqual({ sql, errno: 1142 });
    },
  );

  test('are not deleted nor replaced by root either, as long as the triggers stand', async () => {
    expect(trigger).toContain(await facts.errnoOf(db, `DELETE FROM ${table} LIMIT 1`));
    const names = columns.filter((column) => column.table === table).map(({ column }) => column);
    const list = names.join(', ');
    const replacement = `REPLACE INTO ${table} (${list}) SELECT ${list} FROM ${table} LIMIT 1`;
    expect(trigger).toContain(await facts.errnoOf(db, replacement));
  });

  test('have no trigger that the serving or reporting account could drop', async () => {
    const [row] = await db.query(
      `SELECT trigger_name AS name FROM information_schema.triggers
       WHERE event_object_schema = ? AND event_object_table = ? AND event_manipulation = 'DELETE'`,
      [db.name, table],
    );
    const sql = `DROP TRIGGER ${String(row?.['name'])}`;
    for (const account of ['app', 'report'] as const) {
      expect(privilege).toContain(await facts.errnoOf(db, sql, account));
    }
  });

  testThatNothingChanged();
});

/** Refusals are a diagnosis for 30 days: neither history nor money. Only their end is allowed, and to no reader. */
describe('the rows of request_refusals', () => {
  test('exist here, or what follows would prove nothing', async () => {
    const [row] = await db.query('SELECT COUNT(*) AS n FROM request_refusals');
    expect(Number(row?.['n'])).toBeGreaterThan(0);
  });

  test.each([
    ['app', 0],
    ['migrate', 0],
    ['report', 1142],
  ] as const)('may be deleted by %s: %i', async (account, errno) => {
    expect(await facts.errnoOf(db, 'DELETE FROM request_refusals WHERE 1 = 0', account)).toBe(errno);
  });

  test.each(['app', 'report', 'migrate'] as const)('are never truncated nor dropped by %s', async (account) => {
    for (const sql of ['TRUNCATE TABLE request_refusals', 'DROP TABLE request_refusals']) {
      expect({ sql, errno: await facts.errnoOf(db, sql, account) }).toEqual({ sql, errno: 1142 });
    }
  });

  test.each(['app', 'report'] as const)('are never changed by %s', async (account) => {
    for (const { column } of columns.filter(({ table }) => table === 'request_refusals')) {
      const sql = `UPDATE request_refusals SET ${column} = ${column}`;
      expect({ sql, errno: await facts.errnoOf(db, sql, account) }).toEqual({ sql, errno: 1142 });
    }
  });

  testThatNothingChanged();
});

/** Must show 7: every column of every table, from the database's own list. */
describe('the columns', () => {
  test('are each of one kind, and some of them of every kind', () => {
    expect(columns.filter(facts.isFrozen).length).toBeGreaterThan(100);
    expect(columns.filter(facts.isOnceSet)).toHaveLength(26);
    for (const [table, { update }] of Object.entries(TABLE_PRIVILEGES)) {
      const known = columns.filter((column) => column.table === table).map(({ column }) => column);
      expect(known).toEqual(expect.arrayContaining([...update]));
    }
  });

  test('of append-only tables are all frozen', () => {
    const moving = columns
      .filter(({ table }) => APPEND_ONLY.includes(table))
      .filter((column) => !facts.isFrozen(column));
    expect(moving).toEqual([]);
  });

  test.each(HISTORY)('of %s that are frozen are refused to every account', async (table) => {
    for (const column of columns.filter((one) => one.table === table && facts.isFrozen(one))) {
      const sql = `UPDATE ${table} SET ${column.column} = ${facts.otherValue(column)} LIMIT 1`;
      const errnos = {
        app: await facts.errnoOf(db, sql, 'app'),
        report: await facts.errnoOf(db, sql, 'report'),
        migrate: await facts.errnoOf(db, sql, 'migrate'),
        root: await facts.errnoOf(db, sql, 'root'),
      };
      expect({ sql, ...errnos }).toEqual({
        sql,
        app: privilege.find((errno) => errno === errnos.app),
        report: 1142,
        migrate: 1644,
        root: 1644,
      });
    }
  });

  test('that may be set once are refused a second value, by root too', async () => {
    const root = await db.connect('root');
    try {
      for (const column of columns.filter(facts.isOnceSet)) {
        const { table, column: name } = column;
        await root.query('START TRANSACTION');
        if (['plan_prices', 'quota_grants'].includes(table)) {
          await root.query(`UPDATE ${table} SET ${name} = '2090-01-01' LIMIT 1`);
        }
        for (const value of [facts.otherValue(column), 'NULL']) {
          const sql = `UPDATE ${table} SET ${name} = ${value} WHERE ${name} IS NOT NULL LIMIT 1`;
          const refusal = root.query(sql).then(
            () => 0,
            (error: { errno: number }) => error.errno,
          );
          expect({ sql, errno: await refusal }).toEqual({ sql, errno: 1644 });
        }
        await root.query('ROLLBACK');
      }
    } finally {
      await root.end();
    }
  });

  test('that the application may change it may name in an UPDATE, and no other', async () => {
    for (const { table, column } of columns) {
      const errno = await facts.errnoOf(db, `UPDATE ${table} SET ${column} = ${column} WHERE 1 = 0`, 'app');
      expect({ table, column, allowed: errno === 0 }).toEqual({
        table,
        column,
        allowed: facts.isUpdatable({ table, column }),
      });
    }
  });

  testThatNothingChanged();
});
