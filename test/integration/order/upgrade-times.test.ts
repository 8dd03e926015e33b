import { fen } from '../../../src/platform/money';
import { quoteRefund } from '../../../src/refund/quote-refund';
import { runDue } from '../../support/membership-shop';
import { openUpgradeShop, type UpgradeShop } from '../../support/upgrade-shop';
import { brokenInvariants } from '../../support/invariants';
import { expectBalanced, readLogWords } from '../../support/user-rows';

/**
 * Upgrades at exact instants: what they credit, what they replace, and what a moment between order and payment changes. The
 * expected amounts are worked out by hand.
 */

let shop: UpgradeShop;
beforeAll(async () => {
  shop = await openUpgradeShop();
});
afterAll(async () => {
  expect(await brokenInvariants(shop.db)).toEqual([]);
  await shop.close();
});

/** Gives what the job finds due of anybody; how many that were. */
const giveDue = (): Promise<number> => runDue(shop.grantDue);
const instant = (text: string): string => new Date(text).toISOString();
/** A month of 300 units for 3 100 fen, and one of 1 000 units for 10 000 fen. */
async function plans() {
  const month = await shop.plan({ periodUnit: 'month', quotaUnits: 300, price: 3_100 });
  const better = await shop.plan({ periodUnit: 'month', quotaUnits: 1_000, price: 10_000 });
  return { month, better };
}

/** A user who bought the month then. */
async function memberSince(time: string) {
  const offered = await plans();
  shop.at(time);
  const userId = await shop.register();
  await shop.buy(userId, offered.month);
  return { ...offered, userId };
}

/** Periods as words: `number start end state`. */
async function periodWords(userId: string): Promise<readonly string[]> {
  return (await shop.periods(userId)).map((row) => {
    const state =
      row['replaced_by_order_id'] !== null ? 'replaced' : row['revoke_time'] !== null ? 'revoked' : 'stands';
    const times = [row['start_time'], row['end_time']].map((time) => (time as Date).toISOString());
    const given = `${Number(row['granted_intervals'])}/${Number(row['intervals'])} ${row['next_grant_time'] === null ? 'none' : 'more'}`;
    return [row['period_no'], ...times, state, given].join(' ');
  });
}

describe('an upgrade of a running period', () => {
  test('credits the share of time where that is smaller; the new period starts at once, with an anchor of its own', async () => {
    const { better, userId } = await memberSince('2026-01-31T04:00:00Z');
    // 28 days; a fourth of them is left, of the units all.
    shop.at('2026-02-21T04:00:00Z');
    expect(await shop.quote(userId, better)).toMatchObject({
      ...{ listAmount: 10_000, creditAmount: 775, originalAmount: 9_225, discountAmount: 0, finalAmount: 9_225 },
    });
    const orderId = await shop.upgrade(userId, better);
    expect(await shop.orderRow(orderId)).toMatchObject({
      ...{ kind: 'upgrade', status: 'paid', list_amount: 10_000, credit_amount: 775, original_amount: 9_225 },
      final_amount: 9_225,
    });
    expect(await shop.credits(userId, orderId)).toEqual(['1 775/300']);
    expect(await periodWords(userId)).toEqual([
      `1 ${instant('2026-01-31T04:00Z')} ${instant('2026-02-21T04:00Z')} replaced 1/1 none`,
      `2 ${instant('2026-02-21T04:00Z')} ${instant('2026-03-21T04:00Z')} stands 1/1 none`,
    ]);
    expect(await shop.lots(userId)).toEqual([
      `1:1 300 0 ${instant('2026-02-28T04:00Z')}`,
      `2:1 1000 1000 ${instant('2026-03-21T04:00Z')}`,
    ]);
    expect((await readLogWords(shop.db, userId)).slice(-2)).toEqual(['system REVOKE -300', 'system GRANT 1000']);
    expect(await expectBalanced(shop.db, userId)).toBe(1_010);
  });

  test('credits the share of units where that is smaller, in whole fen rounded down', async () => {
    const { better, userId } = await memberSince('2026-03-01T04:00:00Z');
    await shop.spend(userId, 10 + 299);
    shop.at('2026-03-02T04:00:00Z');
    // 3 100 × 1 ÷ 300 = 10.33
    expect(await shop.quote(userId, better)).toMatchObject({ creditAmount: 10, credits: [{ amount: 10, units: 1 }] });
    await shop.upgrade(userId, better);
    expect(await expectBalanced(shop.db, userId)).toBe(1_000);
  });

  test('at its first instant, with nothing used, credits all', async () => {
    const { better, userId } = await memberSince('2026-03-01T04:00:00Z');
    const orderId = await shop.upgrade(userId, better);
    expect(await shop.orderRow(orderId)).toMatchObject({ credit_amount: 3_100, final_amount: 6_900 });
    expect(await expectBalanced(shop.db, userId)).toBe(1_010);
  });

  test('is possible to its last instant, and from then on there is nothing to upgrade, nor in a gap before the next', async () => {
    const { month, better } = await plans();
    shop.at('2026-03-01T04:00:00Z');
    const userId = await shop.register();
    const first = await shop.buy(userId, month);
    await shop.buy(userId, month);
    shop.at('2026-03-01T05:00:00Z');
    // A part of the first goes back: it ends before the second begins.
    await shop.endRefund(await shop.refund(userId, first, 1_550), 'SUCCESS');
    const [period] = await shop.periods(userId);
    const end = period?.['end_time'] as Date;
    shop.at(new Date(end.getTime() - 1).toISOString());
    expect(await shop.quote(userId, better)).toMatchObject({ creditAmount: 3_100, credits: [{ amount: 0 }, {}] });
    shop.at(end.toISOString());
    await expect(shop.order(userId, better)).rejects.toMatchObject({
      ...{ reason: 'UPGRADE_NOT_POSSIBLE', metadata: { why: 'no_membership' } },
    });
    await expect(shop.quote(userId, better)).rejects.toMatchObject({ metadata: { why: 'no_membership' } });
    expect(await shop.db.query("SELECT 1 FROM orders WHERE user_id = ? AND kind = 'upgrade'", [userId])).toEqual([]);
    shop.at('2026-04-01T04:00:00Z');
    expect(await shop.quote(userId, better)).toMatchObject({
      creditAmount: 3_100,
      credits: [{ amount: 3_100, units: 300 }],
    });
  });

  test('credits of one without units the share of time', async () => {
    const { better } = await plans();
    const bare = await shop.plan({ periodUnit: 'month', quotaUnits: 0, price: 3_100 });
    shop.at('2026-03-01T04:00:00Z');
    const userId = await shop.register();
    await shop.buy(userId, bare);
    shop.at('2026-03-31T04:00:00Z');
    expect(await shop.quote(userId, better)).toMatchObject({ creditAmount: 100, credits: [{ units: 0 }] });
    await shop.upgrade(userId, better);
    // The ten of the registration have expired.
    expect(await expectBalanced(shop.db, userId)).toBe(1_000);
  });
});

describe('an upgrade with periods bought ahead', () => {
  test('credits them whole, replaces them all, and nothing of them is ever given', async () => {
    const { month, better } = await plans();
    const dear = await shop.plan({ periodUnit: 'quarter', quotaUnits: 5_000, price: 50_000 });
    shop.at('2026-03-01T04:00:00Z');
    const userId = await shop.register();
    for (const planId of [month, month, better]) await shop.buy(userId, planId);
    shop.at('2026-03-16T16:00:00Z');
    const orderId = await shop.upgrade(userId, dear);
    // Half of the first, and all of the two that follow it.
    expect(await shop.credits(userId, orderId)).toEqual(['1 1550/300', '2 3100/300', '3 10000/1000']);
    expect(await shop.orderRow(orderId)).toMatchObject({ credit_amount: 14_650, final_amount: 35_350 });
    expect(await periodWords(userId)).toEqual([
      `1 ${instant('2026-03-01T04:00Z')} ${instant('2026-03-16T16:00Z')} replaced 1/1 none`,
      `2 ${instant('2026-04-01T04:00Z')} ${instant('2026-05-01T04:00Z')} replaced 0/1 none`,
      `3 ${instant('2026-05-01T04:00Z')} ${instant('2026-06-01T04:00Z')} replaced 0/1 none`,
      `4 ${instant('2026-03-16T16:00Z')} ${instant('2026-06-16T16:00Z')} stands 1/1 none`,
    ]);
    const events = (await shop.events(userId)).filter((word) => !word.startsWith('exp'));
    expect(events).toEqual(['started', 'started', 'started', 'replaced', 'replaced', 'replaced', 'started']);
    shop.at('2026-05-16T16:00:00Z');
    await giveDue();
    expect(await shop.lots(userId)).toHaveLength(2);
    expect(await expectBalanced(shop.db, userId)).toBe(5_010);
  });
});

describe('the quote of a refund of what an upgrade credited, once the upgrade itself was refunded', () => {
  test('says of a period that was replaced before it began that nothing more of it ends', async () => {
    const { month, better, userId } = await memberSince('2026-03-01T04:00:00Z');
    const ahead = await shop.buy(userId, month);
    shop.at('2026-03-02T04:00:00Z');
    const upgradeId = await shop.upgrade(userId, better);
    await shop.endRefund(await shop.refund(userId, upgradeId, 0), 'SUCCESS');
    shop.at('2026-03-03T04:00:00Z');
    for (const amount of [0, 1_550]) {
      const quote = await quoteRefund(shop.pool, { userId, orderId: ahead, amount: fen(amount) }, shop.clock.now());
      expect(quote).toMatchObject({
        full: amount === 0,
        revokedUnits: 0,
        periodEndTime: new Date('2026-03-02T04:00:00Z'),
      });
    }
    const before = await periodWords(userId);
    await shop.endRefund(await shop.refund(userId, ahead, 0), 'SUCCESS');
    expect(await periodWords(userId)).toEqual(before);
    expect(await expectBalanced(shop.db, userId)).toBe(10);
  });
});

describe('an upgrade of a period that gives by intervals', () => {
  test('counts what its lots have left and what is still to come, but not what was missed', async () => {
    const year = await shop.plan();
    const dear = await shop.plan({ price: 100_000, quotaUnits: 12_000 });
    shop.at('2026-01-01T04:00:00Z');
    const userId = await shop.register();
    await shop.buy(userId, year);
    await shop.spend(userId, 10 + 40);
    // Nine of twelve months are over, and no job gave what was due in February to October.
    shop.at('2026-10-01T04:00:00Z');
    // October's, November's and December's: 300 of 1 200 units; 92 of 365 days: 3 024.6; 12 000 × 300 ÷ 1 200 = 3 000.
    const quote = await shop.quote(userId, dear);
    expect(quote).toMatchObject({ creditAmount: 3_000, credits: [{ amount: 3_000, units: 300 }] });
    const orderId = await shop.upgrade(userId, dear);
    expect(await shop.orderRow(orderId)).toMatchObject({ credit_amount: 3_000, final_amount: 97_000 });
    const lots = await shop.lots(userId);
    expect(lots.filter((lot) => lot.startsWith('1:'))).toHaveLength(10);
    expect(lots.filter((lot) => lot.startsWith('2:'))).toEqual([`2:1 1000 1000 ${instant('2026-11-01T04:00Z')}`]);
    expect(await expectBalanced(shop.db, userId)).toBe(1_000);
    shop.at('2026-11-01T04:00:00Z');
    expect(await giveDue()).toBe(1);
    expect((await shop.lots(userId)).filter((lot) => lot.startsWith('1:'))).toHaveLength(10);
  });

  test('that begins between order and payment: each unit of it is counted once', async () => {
    const year = await shop.plan();
    const dear = await shop.plan({ price: 100_000, quotaUnits: 12_000 });
    shop.at('2026-01-01T04:00:00Z');
    const userId = await shop.register();
    await shop.buy(userId, year);
    await shop.spend(userId, 10 + 90);
    shop.at('2026-02-01T03:50:00Z');
    const orderId = await shop.order(userId, dear);
    expect(await shop.credits(userId, orderId)).toEqual([expect.stringMatching(/^1 \d+\/1110$/)]);
    // January's ten expire, unspent; February's hundred are given, of which thirty are used.
    shop.at('2026-02-01T04:00:00Z');
    expect(await giveDue()).toBe(1);
    await shop.spend(userId, 30);
    shop.at('2026-02-01T04:10:00Z');
    expect(await shop.pay(orderId)).toBe('paid');
    expect((await shop.lots(userId)).slice(-2)).toEqual([
      `1:2 100 0 ${instant('2026-03-01T04:00Z')}`,
      `2:1 1000 970 ${instant('2026-03-01T04:10Z')}`,
    ]);
    expect(await expectBalanced(shop.db, userId)).toBe(970);
  });
});

describe('between the order of an upgrade and its payment', () => {
  test('units that are spent are missing of the new period: nobody gains by it', async () => {
    const { better, userId } = await memberSince('2026-03-01T04:00:00Z');
    const orderId = await shop.order(userId, better);
    await shop.spend(userId, 10 + 120);
    expect(await shop.pay(orderId)).toBe('paid');
    const [row] = await shop.db.query('SELECT revoke_units FROM membership_periods WHERE order_id = ?', [orderId]);
    expect(row).toEqual({ revoke_units: 120 });
    expect((await readLogWords(shop.db, userId)).slice(-3)).toEqual([
      ...['system REVOKE -180', 'system GRANT 1000', 'system REVOKE -120'],
    ]);
    expect(await expectBalanced(shop.db, userId)).toBe(880);
    const [audit] = await shop.db.query(
      `SELECT u.before_state, u.after_state, JSON_VALUE(m.after_state, '$.period.endTime') AS sold
      FROM audit_logs u
      JOIN audit_logs m ON m.user_id = u.user_id AND m.action = 'MarkOrderPaid' AND m.id < u.id
      WHERE u.action = 'MarkOrderPaid' AND u.subject_id = ?`,
      [orderId],
    );
    const after = JSON.parse(String(audit?.['after_state'])) as Record<string, unknown>;
    expect(after).toMatchObject({
      ...{ kind: 'upgrade', credit_amount: 3_100, ended_units: 180, missing_units: 120 },
    });
    // At its first instant a period is revoked and keeps its end.
    const [replaced] = after['replaced_orders'] as string[];
    const whole = { order_id: replaced, end_time: audit?.['sold'], revoke_time: null };
    const started = after['period'] as { startTime: string };
    expect(JSON.parse(String(audit?.['before_state']))).toMatchObject({ replaced_periods: [whole] });
    expect(after['replaced_periods']).toEqual([{ ...whole, revoke_time: started.startTime }]);
  });

  test('spending that the new period can just make up for costs all of it', async () => {
    const month = await shop.plan({ periodUnit: 'month', quotaUnits: 300, price: 3_100 });
    const small = await shop.plan({ periodUnit: 'month', quotaUnits: 50, price: 5_000 });
    shop.at('2026-03-01T04:00:00Z');
    const userId = await shop.register();
    await shop.buy(userId, month);
    const orderId = await shop.order(userId, small);
    await shop.spend(userId, 10 + 50);
    expect(await shop.pay(orderId)).toBe('paid');
    expect(await expectBalanced(shop.db, userId)).toBe(0);
  });

  test('spending that the new period can not make up for: nothing is replaced, and the money goes back', async () => {
    const month = await shop.plan({ periodUnit: 'month', quotaUnits: 300, price: 3_100 });
    const small = await shop.plan({ periodUnit: 'month', quotaUnits: 50, price: 5_000 });
    shop.at('2026-03-01T04:00:00Z');
    const userId = await shop.register();
    await shop.buy(userId, month);
    const orderId = await shop.order(userId, small);
    await shop.spend(userId, 10 + 51);
    expect(await shop.pay(orderId)).toBe('returned');
    expect(await shop.orderRow(orderId)).toMatchObject({ status: 'closed', close_reason: 'upgrade_void' });
    expect((await periodWords(userId)).map((word) => word.split(' ').slice(3).join(' '))).toEqual(['stands 1/1 none']);
    expect(await expectBalanced(shop.db, userId)).toBe(249);
  });

  test('the running period ends by itself: the upgrade is applied, and what expired is not missing', async () => {
    const { better, userId } = await memberSince('2026-03-01T04:00:00Z');
    shop.at('2026-04-01T03:50:00Z');
    const orderId = await shop.order(userId, better);
    shop.at('2026-04-01T04:10:00Z');
    expect(await shop.pay(orderId)).toBe('paid');
    expect(await periodWords(userId)).toEqual([
      `1 ${instant('2026-03-01T04:00Z')} ${instant('2026-04-01T04:00Z')} stands 1/1 none`,
      `2 ${instant('2026-04-01T04:10Z')} ${instant('2026-05-01T04:10Z')} stands 1/1 none`,
    ]);
    expect(await expectBalanced(shop.db, userId)).toBe(1_000);
  });

  test('the next period begins by itself: that one is replaced, with its lot', async () => {
    const { month, better } = await plans();
    shop.at('2026-03-01T04:00:00Z');
    const userId = await shop.register();
    for (const planId of [month, month]) await shop.buy(userId, planId);
    shop.at('2026-04-01T03:50:00Z');
    const orderId = await shop.order(userId, better);
    shop.at('2026-04-01T04:10:00Z');
    expect(await shop.pay(orderId)).toBe('paid');
    expect((await periodWords(userId)).map((word) => word.split(' ').slice(3).join(' '))).toEqual([
      ...['stands 1/1 none', 'replaced 1/1 none', 'stands 1/1 none'],
    ]);
    expect(await expectBalanced(shop.db, userId)).toBe(1_000);
  });
});

describe('an upgrade of an upgrade', () => {
  test('credits what it is worth: what was paid for it and what it credited, so that two steps cost what one does', async () => {
    const { month, better } = await plans();
    const dear = await shop.plan({ periodUnit: 'month', quotaUnits: 2_000, price: 20_000 });
    shop.at('2026-03-01T04:00:00Z');
    const userId = await shop.register();
    const bought = await shop.buy(userId, month);
    const first = await shop.upgrade(userId, better);
    const second = await shop.upgrade(userId, dear);
    expect(await shop.orderRow(second)).toMatchObject({ credit_amount: 10_000, final_amount: 10_000 });
    expect(await expectBalanced(shop.db, userId)).toBe(2_010);
    // 3 100, 6 900 and 10 000 fen came: the dear plan's price. No more can go back.
    await shop.endRefund(await shop.refund(userId, second, 10_000), 'SUCCESS');
    await shop.endRefund(await shop.refund(userId, first, 6_900), 'SUCCESS');
    await shop.endRefund(await shop.refund(userId, bought, 3_100), 'SUCCESS');
    await expect(shop.refund(userId, bought, 1)).rejects.toMatchObject({ reason: 'ORDER_NOT_REFUNDABLE' });
    expect(await expectBalanced(shop.db, userId)).toBe(10);
  });

  test('that is refunded in the merchant portal keeps what it credited, for as long as the next one stands on it', async () => {
    const { month, better } = await plans();
    const dear = await shop.plan({ periodUnit: 'month', quotaUnits: 2_000, price: 20_000 });
    shop.at('2026-03-01T04:00:00Z');
    const userId = await shop.register();
    const bought = await shop.buy(userId, month);
    const first = await shop.upgrade(userId, better);
    const second = await shop.upgrade(userId, dear);
    await shop.refundInPortal(first);
    expect(await shop.orderRow(first)).toMatchObject({ status: 'refunded' });
    await expect(shop.refund(userId, bought, 1)).rejects.toMatchObject({ metadata: { why: 'nothing_left' } });
    await shop.endRefund(await shop.refund(userId, second, 10_000), 'SUCCESS');
    await shop.endRefund(await shop.refund(userId, bought, 3_100), 'SUCCESS');
    expect(await expectBalanced(shop.db, userId)).toBe(10);
  });
});
