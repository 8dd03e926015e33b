import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { chainHash, CHAIN_START, HASH_VERSION, type UnchainedPosting } from '../../src/quota/log-chain';
import { PaymentChannel } from '../../src/gen/billing/v1/order_service.pb';
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
import { grantGiftCall, makeCampaign, openCampaign } from '../support/gift-calls';
import { readInfra } from '../support/infra';
import { BREAKS, FURTHER_BREAKS } from '../support/invariant-breaks';
import { INVARIANTS } from '../support/invariants';
import { buyLimited, listTaskType } from '../support/listed-calls';
import { createOrderCall } from '../support/order-calls';
import { claim, openPromotion } from '../support/promotions';
import { refundOf, untilRefunds } from '../support/refund-calls';
import { openPlan, orderUpgrade } from '../support/upgrade-calls';
import { batchConsume, capture, hold, release, reportOutcome } from '../support/quota-calls';
import { registerWith } from '../support/registrations';

const PAGE = readFileSync('docs/invariants.md', 'utf8');

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
    db = await openTestDatabase(readInfra());
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
    await orderAsPayer();
    await refundOrders();
    await giveGifts();
    await buyAhead();
    await upgradeMemberships();
    await useLimitedFeature();
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

  /** Upgrades: one that was paid, one that was refunded since, one that waits for payment. */
  async function upgradeMemberships(): Promise<void> {
    await h.control('/_control/refunds', { outcome: 'SUCCESS' });
    const planId = await openPlan({ ...h, db });
    for (const status of ['paid', 'refunded', 'pending']) {
      const { userId: member } = await registerMember(h);
      const { orderId } = await orderUpgrade(h, { userId: member, planId });
      if (status !== 'pending') await h.control('/_control/pay', { order_id: orderId });
      if (status !== 'refunded') continue;
      await refundOf(h, { userId: member, orderId });
      await untilRefunds({ db }, orderId, ['succeeded']);
    }
  }

  /** Units of a feature that a period limits: taken, and some of them returned. */
  async function useLimitedFeature(): Promise<void> {
    const member = await registerUser(h);
    await buyLimited({ ...h, db }, member, { 'image.upscale': 5 });
    await listTaskType({ ...h, db }, 'upscale', { units: 2, feature: 'image.upscale' });
    await mustSucceed(consume(h, { userId: member, requestId: 'c', amount: 2, taskType: 'upscale' }));
    await mustSucceed(refund(h, { userId: member, requestId: 'r', consumeRequestId: 'c', amount: 1 }));
  }

  /** A campaign that has given, and one that nobody has approved. */
  async function giveGifts(): Promise<void> {
    const campaignId = await openCampaign(h);
    for (let n = 0; n < 2; n += 1) await mustSucceed(grantGiftCall(h, await registerUser(h), campaignId));
    await makeCampaign(h);
  }

  /** Orders whose payers WeChat Pay has to be told of. */
  async function orderAsPayer(): Promise<void> {
    const buyer = await registerUser(h);
    for (const fields of [
      { channel: PaymentChannel.JSAPI, openid: 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o' },
      { channel: PaymentChannel.H5, clientIp: '198.51.100.237' },
    ]) {
      await mustSucceed(createOrderCall(h, { userId: buyer, ...fields }));
    }
  }

  /** A month whose units are not due yet. */
  async function buyAhead(): Promise<void> {
    const member = await registerMember(h);
    await h.control('/_control/pay', { order_id: await createOrder(h, member.userId) });
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
    expect(INVARIANTS.map(({ id }) => id)).toEqual(INVARIANTS.map((_, i) => `INV-${i + 1}`));
    expect(INVARIANTS.length).toBe([...PAGE.matchAll(/^### INV-/gm)].length);
    expect(Object.keys(BREAKS)).toEqual(INVARIANTS.map(({ id }) => id));
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
    expect(await db.query("SELECT 1 FROM orders WHERE status = 'refunded' AND kind = 'purchase'")).toHaveLength(1);
    expect(await db.query("SELECT 1 FROM refunds WHERE cause = 'external'")).toHaveLength(1);
  });

  test('were checked on upgrades that wait for payment, were paid and were refunded', async () => {
    const states = await db.query(
      'SELECT o.status, COUNT(c.order_id) AS credits FROM orders o JOIN order_credits c ON c.order_id = o.id GROUP BY o.status ORDER BY 1',
    );
    expect(states.map(({ status, credits }) => `${String(status)} ${Number(credits)}`)).toEqual([
      ...['paid 1', 'pending 1', 'refunded 1'],
    ]);
  });

  test('were checked on a user without a grant, and on registrations of two business days', async () => {
    const granted = await db.query('SELECT user_id FROM granted_identities ORDER BY user_id');
    const registered = await db.query('SELECT user_id FROM user_identities ORDER BY user_id');
    expect(granted.map((row) => row['user_id'])).toEqual(['first', 'first']);
    expect(registered.map((row) => row['user_id'])).toEqual(['first', 'first', 'second', 'second']);
    expect(await db.query('SELECT business_day FROM registration_grant_days')).toHaveLength(2);
  });

  test.each(INVARIANTS)('$id holds: $title', async ({ sql }) => {
    expect(await run(sql)).toEqual([]);
  });

  test.each(INVARIANTS)('$id is refused or found when an insider breaks it', async ({ id, sql }) => {
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

  test.each(FURTHER_BREAKS)('$id finds it when $how', async ({ id, sql: forgery }) => {
    const { sql = '' } = INVARIANTS.find((invariant) => invariant.id === id) ?? {};
    await root.beginTransaction();
    try {
      await root.query(forgery, [userId]);
      expect(await run(sql)).not.toEqual([]);
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
