import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { chainHash, CHAIN_START, HASH_VERSION, type UnchainedPosting } from '../../src/quota/log-chain';
import { TaskOutcome } from '../../src/gen/billing/v1/quota_service.pb';
import { mustSucceed } from '../support/clients';
import { openTestDatabase, type Row, type TestDatabase } from '../support/database';
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
} from '../support/harness';
import { readInfra } from '../support/infra';
import { createOrderCall } from '../support/order-calls';
import { claim, openPromotion } from '../support/promotions';
import { refundOf, untilRefunds } from '../support/refund-calls';
import { batchConsume, capture, hold, release, reportOutcome } from '../support/quota-calls';
import { registerWith } from '../support/registrations';

const PAGE = readFileSync('docs/invariants.md', 'utf8');
const SECTIONS = [...PAGE.matchAll(/^### (INV-\d+) (.+)\n(?:(?!^###|^## )[^])*?```sql\n([^]*?)```/gm)];
const CHECKS = SECTIONS.map(([, id = '', title = '', sql = '']) => ({ id, title, sql }));

const LOG_COLUMNS =
  'INSERT INTO quota_logs (user_id, sequence, origin, request_id, request_hash, type, amount, units, quota_remaining, ' +
  'lots, consume_sequence, task_id, task_type, description, actor, create_time, hash_version, hash)';

/** A log row forged by somebody who may do everything, after the user's last. */
function forgedRow(type: string, amount: number, changes: Partial<Record<string, string>> = {}): string {
  const { sequence = 'sequence + 1', lots = "'[]'", consumeSequence = 'NULL', createTime = 'create_time' } = changes;
  const columns =
    `user_id, ${sequence}, 'system', 'forged', request_hash, '${type}', ${amount}, ${Math.abs(amount)}, ` +
    `quota_remaining + ${amount}, ${lots}, ${consumeSequence}, '', '', '', actor, ${createTime}, hash_version, hash`;
  return `${LOG_COLUMNS} SELECT ${columns} FROM quota_logs WHERE user_id = ? ORDER BY sequence DESC LIMIT 1`;
}

const forgedPayment = (status: string): string =>
  'INSERT INTO payments (id, order_id, user_id, method, status, transaction_id, amount, currency, success_time, create_time) ' +
  `SELECT 'forged', order_id, user_id, method, '${status}', 'forged', amount, currency, success_time, create_time ` +
  'FROM payments WHERE user_id = ? LIMIT 1';

/** Error numbers with which MariaDB refuses: a unique key, a trigger's signal. */
const BY_UNIQUE_KEY = 1062;
const BY_TRIGGER = 1644;

/** How each invariant is broken, and whether the database refuses it or only the check finds it. */
const BREAKS: Readonly<Record<string, { readonly sql: string; readonly outcome: 'found' | number }>> = {
  'INV-1': {
    sql: 'UPDATE users SET quota_remaining = quota_remaining + 1, log_sequence = log_sequence + 1 WHERE id = ?',
    outcome: 'found',
  },
  'INV-2': { sql: forgedRow('EXPIRE', -1), outcome: 'found' },
  'INV-3': { sql: forgedRow('GRANT', 1), outcome: 'found' },
  'INV-4': {
    sql: 'UPDATE quota_grants SET remaining = remaining - 1 WHERE user_id = ? AND remaining > 0',
    outcome: 'found',
  },
  'INV-5': { sql: forgedRow('EXPIRE', -1, { sequence: 'sequence + 2' }), outcome: 'found' },
  'INV-6': { sql: forgedRow('REFUND', 1, { consumeSequence: '1' }), outcome: 'found' },
  'INV-7': {
    sql: forgedRow('CONSUME', -1, { lots: "'[[1,-1]]'", createTime: "'2099-01-01'" }),
    outcome: 'found',
  },
  'INV-8': {
    sql:
      "INSERT INTO users (id, quota_remaining, log_sequence, log_hash, log_time, create_time) SELECT 'forged', 0, 0, " +
      'log_hash, log_time, create_time FROM users WHERE id = ?',
    outcome: 'found',
  },
  'INV-9': { sql: forgedPayment('applied'), outcome: BY_UNIQUE_KEY },
  'INV-10': {
    sql:
      'INSERT INTO membership_periods (user_id, period_no, order_id, plan_id, plan_name, features, quota_units, period_unit, ' +
      "anchor_time, anchor_offset, start_time, end_time, create_time) SELECT user_id, period_no + 1, 'unpaid', plan_id, " +
      'plan_name, features, quota_units, period_unit, anchor_time, anchor_offset, start_time, end_time, create_time ' +
      'FROM membership_periods WHERE user_id = ? ORDER BY period_no DESC LIMIT 1',
    outcome: BY_TRIGGER,
  },
  'INV-11': {
    sql:
      'INSERT INTO quota_grants (user_id, grant_id, source, source_ref, order_id, amount, remaining, expire_time, create_time) ' +
      "SELECT user_id, 1000, source, 'forged', order_id, amount, amount, expire_time, create_time FROM quota_grants " +
      "WHERE user_id = ? AND source = 'membership' LIMIT 1",
    outcome: BY_TRIGGER,
  },
  'INV-12': { sql: 'UPDATE users SET membership_expire_time = NULL WHERE id = ?', outcome: 'found' },
  'INV-13': { sql: 'UPDATE orders SET refunded_amount = final_amount + 1 WHERE user_id = ?', outcome: BY_TRIGGER },
  'INV-14': { sql: forgedPayment('received'), outcome: 'found' },
  'INV-15': { sql: 'UPDATE users SET log_sequence = log_sequence + 1 WHERE id = ?', outcome: 'found' },
  'INV-16': {
    sql:
      'INSERT INTO request_keys (owner, service, request_id, kind, content_hash, response, create_time) ' +
      "SELECT CONCAT('user:', id), 'OrderService', 'forged', 'CreateOrder', log_hash, '{\"orderId\":\"none\"}', create_time " +
      'FROM users WHERE id = ?',
    outcome: 'found',
  },
  'INV-17': {
    sql: 'UPDATE quota_grants SET held = held + 1 WHERE user_id = ? AND remaining + held < amount LIMIT 1',
    outcome: 'found',
  },
  'INV-18': { sql: forgedRow('RELEASE', 1, { consumeSequence: '1' }), outcome: 'found' },
  'INV-19': {
    sql: "UPDATE quota_charges SET returned = returned + 1 WHERE user_id = ? AND state = 'settled' AND returned < units LIMIT 1",
    outcome: 'found',
  },
  'INV-20': {
    sql: "UPDATE quota_charges SET due_time = NULL WHERE user_id = ? AND state = 'open' LIMIT 1",
    outcome: 'found',
  },
  'INV-21': {
    sql: 'UPDATE settlement_cases SET resolve_time = open_time WHERE user_id = ? AND resolve_time IS NULL LIMIT 1',
    outcome: 'found',
  },
  'INV-22': {
    sql:
      'INSERT INTO quota_task_outcomes (user_id, request_id, request_hash, task_id, outcome, charges_settled, quota_remaining, ' +
      "actor, create_time) SELECT id, 'forged', log_hash, 'no-such-task', 'FAILED', 0, 0, 'forged', create_time FROM users WHERE id = ?",
    outcome: 'found',
  },
  'INV-23': {
    sql:
      "INSERT INTO granted_identities (identity_index, user_id, create_time) SELECT REPEAT('x', 32), id, create_time " +
      'FROM users WHERE id = ?',
    outcome: 'found',
  },
  'INV-24': {
    sql:
      'UPDATE registration_grant_days SET granted = granted + 1 ' +
      'WHERE caller = (SELECT actor FROM quota_logs WHERE user_id = ? AND sequence = 1) LIMIT 1',
    outcome: 'found',
  },
  'INV-25': {
    sql: 'UPDATE promotions SET claimed_count = claimed_count + 1 WHERE claimed_count BETWEEN 1 AND total_quota - 1 LIMIT 1',
    outcome: 'found',
  },
  'INV-26': { sql: "UPDATE orders SET coupon_id = 'forged' WHERE user_id = ? LIMIT 1", outcome: BY_TRIGGER },
  'INV-27': {
    sql: 'UPDATE promotions SET budget_used = budget_used + 1 WHERE budget_used BETWEEN 1 AND budget - 1 LIMIT 1',
    outcome: 'found',
  },
  'INV-28': { sql: "UPDATE user_coupons SET discount_amount = 1 WHERE status = 'used' LIMIT 1", outcome: BY_TRIGGER },
  'INV-29': {
    sql:
      'INSERT INTO payments (id, order_id, user_id, method, status, transaction_id, amount, currency, success_time, create_time) ' +
      "SELECT 'forged', id, user_id, 'wechatpay', 'applied', 'forged', final_amount, currency, create_time, create_time " +
      "FROM orders WHERE user_id = ? AND status = 'closed' LIMIT 1",
    outcome: 'found',
  },
  'INV-30': {
    sql: "UPDATE orders SET next_check_time = NULL WHERE status = 'pending' LIMIT 1",
    outcome: 'found',
  },
  'INV-31': { sql: forgedPayment('received'), outcome: 'found' },
  'INV-32': {
    sql: 'UPDATE orders SET refunded_amount = refunded_amount + 1 WHERE user_id = ? AND paid_time IS NOT NULL LIMIT 1',
    outcome: BY_TRIGGER,
  },
  'INV-33': {
    sql: "UPDATE payments SET status = 'refunded' WHERE user_id = ? AND status = 'applied' LIMIT 1",
    outcome: BY_TRIGGER,
  },
  'INV-34': {
    sql:
      'UPDATE membership_periods SET revoke_time = start_time, next_grant_time = NULL ' +
      'WHERE user_id = ? AND revoke_time IS NULL LIMIT 1',
    outcome: 'found',
  },
  'INV-35': {
    sql: "UPDATE refunds SET status = 'closed', next_attempt_time = NULL WHERE status = 'processing' AND frozen_units > 0 LIMIT 1",
    outcome: 'found',
  },
  'INV-36': {
    sql: "UPDATE refunds SET next_attempt_time = NULL WHERE status = 'processing' LIMIT 1",
    outcome: 'found',
  },
  'INV-37': {
    sql:
      'INSERT INTO wechatpay_notifications (id, event_type, subject_id, notification_id, content, status, reason, create_time) ' +
      "SELECT 'forged', 'TRANSACTION.SUCCESS', 'forged', 'EV-1', '{\"outTradeNo\":\"forged\"}', 'refused', 'unknown_order', " +
      "'2099-01-01' FROM users WHERE id = ?",
    outcome: 'found',
  },
};

/** The canonical form as the page describes it, from a row as the database holds it. */
function canonicalForm(row: Row): string {
  const names = [...PAGE.matchAll(/^\| \d+ \| (\w+) \|/gm)].map(([, name = '']) => name).slice(1);
  const values = names.map((name) => {
    const value = name === 'lots' ? (JSON.parse(String(row['lots'])) as unknown) : row[name];
    if (Buffer.isBuffer(value)) return value.toString('hex');
    return value instanceof Date ? value.toISOString() : value;
  });
  return JSON.stringify([HASH_VERSION, ...values]);
}

const sha256 = (previous: Buffer, form: string): Buffer => createHash('sha256').update(previous).update(form).digest();

/** docs/invariants.md is a tested contract: its checks run, find what they are for, and its hash chain can be rebuilt. */
describe('the documented invariants', () => {
  let h: Harness;
  let db: TestDatabase;
  let root: Connection;
  let userId: string;

  beforeAll(async () => {
    // A database of its own: other tests break invariants on purpose.
    db = await openTestDatabase(readInfra(), '_invariants');
    h = await startHarness({ DATABASE_URL: db.url });
    root = await db.connect('root');
    ({ userId } = await registerMember(h));
    const consumed = await consume(h, { userId, requestId: 'c-1', amount: 300, taskId: 'task-1' });
    const unknown = await consume(h, { userId, requestId: 'c-2', amount: 3, taskId: 'task-2' });
    const again = await createOrder(h, userId);
    await h.control('/_control/pay', { order_id: again });
    await h.control('/_control/pay', { order_id: await createOrder(h, userId), amount: 1 });
    // Past the end of the first period: its lot expires, the second one's is due.
    h.clock.advanceMs(40 * 86_400_000);
    await until('the second lot', async () => {
      const sql = "SELECT 1 FROM quota_grants WHERE user_id = ? AND source = 'membership'";
      return (await db.query(sql, [userId])).length === 2;
    });
    await until('the order with another amount is closed', async () => {
      return (await db.query("SELECT 1 FROM orders WHERE status = 'closed'")).length === 1;
    });
    await until('the cases', async () => {
      return (await db.query('SELECT 1 FROM settlement_cases WHERE user_id = ?', [userId])).length === 2;
    });
    const returned = await refund(h, { userId, requestId: 'r-1', consumeRequestId: 'c-1', amount: 100 });
    const more = await consume(h, { userId, requestId: newId('c'), amount: 20 });
    expect([consumed.ok, unknown.ok, returned.ok, more.ok]).toEqual([true, true, true, true]);
    await holdAndSettle();
    await claimAndOrder();
    await refundOrders();
  }, 120_000);

  /** A promotion with a budget, and coupons of it that are unused, held by an order and used by one. */
  async function claimAndOrder(): Promise<void> {
    const promotionId = await openPromotion(h, { budget: 50_000 });
    await claim(h, await registerUser(h), promotionId);
    for (const isPaid of [false, true]) {
      const buyer = await registerUser(h);
      const { couponId } = await claim(h, buyer, promotionId);
      const { order } = await mustSucceed(createOrderCall(h, { userId: buyer, couponId }));
      if (isPaid) await h.control('/_control/pay', { order_id: order?.orderId });
    }
  }

  /** Refunds in every status but created, of one order each; one order refunded in full, one in part, one in the portal. */
  async function refundOrders(): Promise<void> {
    const outcomes = [
      ['SUCCESS', 0, 'succeeded'],
      ['SUCCESS', 3_300, 'succeeded'],
      ['CLOSED', 0, 'closed'],
      ['ABNORMAL', 0, 'abnormal'],
      ['PROCESSING', 4_950, 'processing'],
    ] as const;
    for (const [outcome, amount, status] of outcomes) {
      await h.control('/_control/refunds', { outcome });
      const member = await registerMember(h);
      await refundOf(h, { ...member, amount });
      await untilRefunds({ db }, member.orderId, [status]);
    }
    const { orderId } = await registerMember(h);
    await h.control('/_control/refund', { order_id: orderId, amount: 100, outcome: 'SUCCESS' });
    await untilRefunds({ db }, orderId, ['succeeded']);
    const refused = await registerMember(h);
    await h.control('/_control/refund', { order_id: refused.orderId, outcome: 'SUCCESS', drop: true });
    await refundOf(h, refused);
    await untilRefunds({ db }, refused.orderId, ['failed']);
  }

  /** Holds that were captured, released, reported about and left open; an event that tells of several users. */
  async function holdAndSettle(): Promise<void> {
    for (const requestId of ['h-1', 'h-2', 'h-3', 'h-4']) {
      await mustSucceed(hold(h, { userId, requestId, amount: 9, taskId: requestId }));
    }
    await mustSucceed(capture(h, { userId, requestId: 'k-1', holdId: 'h-1', amount: 5 }));
    await mustSucceed(refund(h, { userId, requestId: 'r-2', consumeRequestId: 'k-1', amount: 2 }));
    await mustSucceed(release(h, { userId, requestId: 'k-2', holdId: 'h-2' }));
    const report = { userId, requestId: 'o-1', taskId: 'h-3', outcome: TaskOutcome.SUCCEEDED };
    await mustSucceed(reportOutcome(h, report));
    for (const person of ['first', 'second']) await registerWith(h, person, ['phone', `device of the ${person}`]);
    const others = [await registerUser(h), await registerUser(h)];
    await mustSucceed(
      batchConsume(
        h,
        others.map((other) => ({ userId: other, requestId: 'b', amount: 1 })),
      ),
    );
  }
  afterAll(async () => {
    await root.end();
    await h.stop();
    await db.close();
  });

  const run = async (sql: string): Promise<Row[]> => (await root.query<RowDataPacket[]>(sql))[0];

  test('are numbered without a gap, and each is broken by a test', () => {
    expect(CHECKS.map(({ id }) => id)).toEqual(CHECKS.map((_, i) => `INV-${i + 1}`));
    expect(CHECKS.length).toBe([...PAGE.matchAll(/^### INV-/gm)].length);
    expect(Object.keys(BREAKS)).toEqual(CHECKS.map(({ id }) => id));
  });

  test('were checked on every type of row that is written now', async () => {
    const rows = await db.query('SELECT DISTINCT type FROM quota_logs WHERE user_id = ? ORDER BY type', [userId]);
    const types = ['CAPTURE', 'CONSUME', 'EXPIRE', 'GRANT', 'HOLD', 'REFUND', 'RELEASE'];
    expect(rows.map(({ type }) => type)).toEqual(types);
  });

  test('were checked on charges of every state, on open and resolved cases, and on an event of several users', async () => {
    const charges = await db.query('SELECT DISTINCT kind, state FROM quota_charges ORDER BY kind, state');
    expect(charges.map(({ kind, state }) => `${String(kind)} ${String(state)}`)).toEqual([
      ...['consume open', 'consume settled', 'hold open', 'hold released', 'hold settled'],
    ]);
    const cases = await db.query('SELECT resolve_time IS NULL AS is_open FROM settlement_cases ORDER BY 1');
    expect(cases.map((row) => Number(row['is_open']))).toEqual([0, 1]);
    const events = await db.query("SELECT 1 FROM outbox WHERE type = 'quota.changed' AND user_id IS NULL");
    expect(events.length).toBeGreaterThan(0);
  });

  test('were checked on coupons that are unused, locked and used, under a budget', async () => {
    const states = await db.query('SELECT DISTINCT status FROM user_coupons ORDER BY status');
    expect(states.map(({ status }) => status)).toEqual(['locked', 'unused', 'used']);
    expect(await db.query('SELECT 1 FROM promotions WHERE budget_used > 0')).toHaveLength(1);
  });

  test('were checked on orders that wait for payment, that were paid, and that were closed for another amount', async () => {
    const states = await db.query('SELECT DISTINCT status FROM orders ORDER BY status');
    expect(states.map(({ status }) => status)).toEqual(expect.arrayContaining(['closed', 'paid', 'pending']));
    const closed = await db.query("SELECT close_reason FROM orders WHERE status = 'closed'");
    expect(closed).toEqual([{ close_reason: 'wrong_amount' }]);
  });

  test('were checked on refunds that ended in every way, and on open ones', async () => {
    const states = await db.query('SELECT DISTINCT status FROM refunds ORDER BY status');
    const ends = ['abnormal', 'closed', 'failed', 'processing', 'succeeded'];
    expect(states.map(({ status }) => status)).toEqual(expect.arrayContaining(ends));
    expect(await db.query("SELECT 1 FROM orders WHERE status = 'refunded'")).toHaveLength(1);
    expect(await db.query("SELECT 1 FROM refunds WHERE cause = 'external'")).toHaveLength(1);
  });

  test('were checked on a user without a grant, and on registrations of two business days', async () => {
    const granted = await db.query('SELECT user_id FROM granted_identities ORDER BY user_id');
    const registered = await db.query('SELECT user_id FROM user_identities ORDER BY user_id');
    expect(granted.map((row) => row['user_id'])).toEqual(['first', 'first']);
    expect(registered.map((row) => row['user_id'])).toEqual(['first', 'first', 'second', 'second']);
    expect(await db.query('SELECT business_day FROM registration_grant_days')).toHaveLength(2);
  });

  test.each(CHECKS)('$id holds: $title', async ({ sql }) => {
    expect(await run(sql)).toEqual([]);
  });

  test.each(CHECKS)('$id is refused or found when an insider breaks it', async ({ id, sql }) => {
    const { sql: forgery, outcome } = BREAKS[id] ?? { sql: '', outcome: 'found' };
    await root.beginTransaction();
    try {
      const forged = root.query(forgery, [userId]).then(
        () => 'found',
        (error: { errno: number }) => error.errno,
      );
      expect(await forged).toBe(outcome);
      if (outcome === 'found') expect(await run(sql)).not.toEqual([]);
    } finally {
      await root.rollback();
    }
    expect(await run(sql)).toEqual([]);
  });

  test('the hash of every row follows from the page alone', async () => {
    const rows = await db.query('SELECT * FROM quota_logs ORDER BY user_id, sequence');
    let previous: Buffer = CHAIN_START;
    for (const row of rows) {
      if (row['sequence'] === 1) previous = CHAIN_START;
      previous = sha256(previous, canonicalForm(row));
      expect(previous).toEqual(row['hash']);
    }
    expect(rows.length).toBeGreaterThan(5);
  });
});

describe('the documented test vector', () => {
  const [, json = '', text = ''] = /```json\n([^]*?)```\n```text\n([^]*?)```/.exec(PAGE) ?? [];
  const lines = json.trim().split('\n');
  const hashes = text.trim().split('\n');

  test('is what the service computes, and what its canonical forms hash to', () => {
    expect(lines).toHaveLength(2);
    let previous: Buffer = CHAIN_START;
    for (const [i, line] of lines.entries()) {
      const [, userId, sequence, origin, requestId, requestHash, type, amount, units, quotaRemaining, ...rest] =
        JSON.parse(line) as [
          number,
          string,
          number,
          'caller',
          string,
          string,
          'CONSUME',
          number,
          number,
          number,
          ...unknown[],
        ];
      const [lots, consumeSequence, taskId, taskType, description, actor, createTime] = rest as [
        UnchainedPosting['lots'],
        null,
        ...string[],
      ];
      const row = { userId, sequence, origin, requestId, type, amount, units, quotaRemaining, lots, consumeSequence };
      const words = { taskId, taskType, description, actor } as Pick<
        UnchainedPosting,
        'taskId' | 'taskType' | 'description' | 'actor'
      >;
      const times = { requestHash: Buffer.from(requestHash, 'hex'), createTime: new Date(createTime ?? '') };
      const hash = chainHash(previous, { ...row, ...words, ...times });
      expect(hash.toString('hex')).toBe(hashes[i]);
      expect(sha256(previous, line).toString('hex')).toBe(hashes[i]);
      previous = hash;
    }
  });
});
