import { fen } from '../../../src/platform/money';
import { quoteRefund } from '../../../src/refund/quote-refund';
import { brokenInvariants } from '../../support/invariants';
import { openMembershipShop, runDue, type MembershipShop } from '../../support/membership-shop';
import { expectBalanced, readLogWords, readUserRows } from '../../support/user-rows';

let shop: MembershipShop;
let yearly: string;
let monthly: string;
beforeAll(async () => {
  shop = await openMembershipShop();
  yearly = await shop.plan({ periodUnit: 'year', grantUnit: 'month', quotaUnits: 1_200, price: 12_000 });
  monthly = await shop.plan({ periodUnit: 'month', quotaUnits: 500, price: 9_900 });
});
afterAll(() => shop.close());
afterEach(async () => {
  expect(await brokenInvariants(shop.db)).toEqual([]);
});

/** Somebody who bought a year on 31 January 2027, noon in Shanghai. */
async function member(planId = yearly): Promise<{ userId: string; orderId: string }> {
  shop.at('2027-01-31T04:00:00.000Z');
  const userId = await shop.register();
  return { userId, orderId: await shop.buy(userId, planId) };
}

async function grantAt(instant: string): Promise<void> {
  shop.at(instant);
  await runDue(shop.grantDue);
}

const quoteOf = (userId: string, orderId: string, amount: number) =>
  quoteRefund(shop.pool, { userId, orderId, amount: fen(amount) }, shop.clock.now());

/** R2.4, R1.2, lessons 27, 39: what a refund takes of a period that gives by intervals. */
describe('a part of a year that gives every month', () => {
  test('ends its part of what was given and of the time; nothing is given while it is open, what is left of it after', async () => {
    const { userId, orderId } = await member();
    shop.at('2027-03-01T04:00:00.000Z');
    // The second month's part was missed: it is given first, and what the first left has ended.
    const quote = await quoteOf(userId, orderId, 6_000);
    const refundId = await shop.refund(userId, orderId, 6_000);
    const [refund] = await shop.db.query('SELECT * FROM refunds WHERE id = ?', [refundId]);
    const paused = new Date('2027-03-31T04:00:00.000Z');
    expect(refund).toMatchObject({ frozen_units: 50, paused_grant_time: paused });
    expect(quote).toMatchObject({ revokedUnits: 50, full: false });
    expect(await shop.lots(userId)).toEqual([
      '1:1 100 0 2027-02-28T04:00:00.000Z',
      '1:2 100 50 2027-03-31T04:00:00.000Z',
    ]);
    expect((await shop.periods(userId))[0]).toMatchObject({ next_grant_time: null, granted_intervals: 2 });

    // Its time comes while WeChat Pay decides.
    await grantAt('2027-03-31T04:00:00.000Z');
    expect(await shop.lots(userId)).toHaveLength(2);
    shop.at('2027-04-01T04:00:00.000Z');
    await shop.endRefund(refundId, 'SUCCESS');
    // 305 days are left, half of them end: 152.5.
    const end = '2027-08-31T16:00:00.000Z';
    expect((await shop.periods(userId))[0]).toMatchObject({
      end_time: new Date(end),
      next_grant_time: paused,
      revoke_units: 0,
    });
    expect((await quoteOf(userId, orderId, 0)).revokedUnits).toBe(600);

    await grantAt('2027-04-02T00:00:00.000Z');
    expect((await shop.lots(userId)).at(-1)).toBe('1:3 100 100 2027-04-30T04:00:00.000Z');
    await grantAt('2028-02-01T00:00:00.000Z');
    const lots = await shop.lots(userId);
    // The last interval begins on 31 August at noon and ends with the period, at midnight; the next would start after it.
    expect(lots.at(-1)).toBe(`1:8 100 0 ${end}`);
    expect(lots).toHaveLength(8);
    expect((await shop.periods(userId))[0]).toMatchObject({ granted_intervals: 8, next_grant_time: null });
    expect(await expectBalanced(shop.db, userId)).toBe(0);
  });

  test('that goes back to nobody thaws, and what it kept back is caught up', async () => {
    const { userId, orderId } = await member();
    shop.at('2027-02-10T00:00:00.000Z');
    const refundId = await shop.refund(userId, orderId, 6_000);
    expect(await shop.lots(userId)).toEqual(['1:1 100 50 2027-02-28T04:00:00.000Z']);
    await grantAt('2027-04-05T00:00:00.000Z');
    expect(await shop.lots(userId)).toHaveLength(1);
    const before = (await shop.periods(userId))[0];
    await shop.endRefund(refundId, 'CLOSED');
    expect((await shop.periods(userId))[0]).toEqual({
      ...before,
      next_grant_time: new Date('2027-02-28T04:00:00.000Z'),
    });
    await runDue(shop.grantDue);
    expect((await shop.lots(userId)).slice(1)).toEqual([
      '1:2 100 0 2027-03-31T04:00:00.000Z',
      '1:3 100 100 2027-04-30T04:00:00.000Z',
    ]);
    // What was frozen came back after its month had ended: it is kept for a few days, as whatever comes back late.
    expect((await readLogWords(shop.db, userId)).slice(5)).toEqual([
      ...['system RELEASE 50', 'system EXPIRE -50', 'system GRANT 50'],
      ...['system GRANT 100', 'system EXPIRE -100', 'system GRANT 100'],
    ]);
    expect(await expectBalanced(shop.db, userId)).toBe(150);
  });

  test('twice at once pauses until both are decided, and gives nothing that the shortened period has no place for', async () => {
    const { userId, orderId } = await member();
    shop.at('2027-02-10T04:00:00.000Z');
    const first = await shop.refund(userId, orderId, 5_000);
    const second = await shop.refund(userId, orderId, 6_800);
    const rows = await shop.db.query('SELECT paused_grant_time FROM refunds WHERE order_id = ?', [orderId]);
    const paused = { paused_grant_time: new Date('2027-02-28T04:00:00.000Z') };
    expect(rows).toEqual([paused, paused]);
    await shop.endRefund(first, 'SUCCESS');
    expect((await shop.periods(userId))[0]).toMatchObject({ next_grant_time: null });
    await shop.endRefund(second, 'SUCCESS');
    // Of 355 days 148 go, of 207 117: 90 days are left, three more intervals start in them.
    await grantAt('2028-02-01T00:00:00.000Z');
    const [period] = await shop.periods(userId);
    expect(period).toMatchObject({ next_grant_time: null, granted_intervals: (await shop.lots(userId)).length });
    expect((await shop.lots(userId)).length).toBe(4);
    const starts = ['2027-02-28', '2027-03-31', '2027-04-30'].map((day) => new Date(`${day}T04:00:00.000Z`).getTime());
    const endMs = (period?.['end_time'] as Date).getTime();
    expect(starts.every((start) => start < endMs)).toBe(true);
    expect(endMs).toBeLessThan(new Date('2027-05-31T04:00:00.000Z').getTime());
  });

  test('so large that its next interval would start after the end gives nothing any more', async () => {
    const { userId, orderId } = await member();
    shop.at('2027-02-10T04:00:00.000Z');
    const refundId = await shop.refund(userId, orderId, 11_999);
    await shop.endRefund(refundId, 'SUCCESS');
    expect((await shop.periods(userId))[0]).toMatchObject({
      next_grant_time: null,
      granted_intervals: 1,
      revoke_time: null,
    });
    const before = await readUserRows(shop.db, userId);
    await grantAt('2028-02-01T00:00:00.000Z');
    expect(await readUserRows(shop.db, userId)).toEqual(before);
  });

  test('before it has started freezes nothing and ends units by the time alone', async () => {
    const { userId } = await member();
    const ahead = await shop.buy(userId, yearly);
    shop.at('2027-02-10T04:00:00.000Z');
    expect(await quoteOf(userId, ahead, 6_000)).toMatchObject({
      revokedUnits: 0,
      periodEndTime: new Date('2028-08-01T04:00:00Z'),
    });
    const refundId = await shop.refund(userId, ahead, 6_000);
    expect((await shop.periods(userId))[1]).toMatchObject({ next_grant_time: null });
    expect((await shop.periods(userId))[0]?.['next_grant_time']).not.toBeNull();
    await shop.endRefund(refundId, 'SUCCESS');
    const [, period] = await shop.periods(userId);
    // 366 days, of which 183 are left.
    expect(period).toMatchObject({ revoke_units: 0, end_time: new Date('2028-08-01T04:00:00.000Z') });
    await grantAt('2029-02-01T00:00:00.000Z');
    expect((await shop.lots(userId)).filter((lot) => lot.startsWith('2:'))).toHaveLength(7);
    expect((await shop.lots(userId)).at(-1)).toBe('2:7 100 0 2028-08-01T04:00:00.000Z');
  });
});

describe('all of a year that gives every month', () => {
  test('ends every lot of it, and nothing more is given', async () => {
    const { userId, orderId } = await member();
    await grantAt('2027-03-01T04:00:00.000Z');
    expect(await quoteOf(userId, orderId, 0)).toMatchObject({ full: true, revokedUnits: 1_100 });
    await shop.endRefund(await shop.refund(userId, orderId, 0), 'SUCCESS');
    const now = new Date('2027-03-01T04:00:00.000Z');
    expect((await shop.periods(userId))[0]).toMatchObject({ revoke_time: now, end_time: now, next_grant_time: null });
    const revoked =
      "SELECT COUNT(*) AS n FROM quota_grants WHERE user_id = ? AND source = 'membership' AND revoke_time IS NOT NULL";
    expect(await shop.db.query(revoked, [userId])).toEqual([{ n: 2 }]);
    const before = await readUserRows(shop.db, userId);
    await grantAt('2028-02-01T00:00:00.000Z');
    expect(await readUserRows(shop.db, userId)).toEqual(before);
    expect(await shop.events(userId)).toEqual(['started', 'revoked']);
  });
});

describe('a month that gives at once', () => {
  test('whose lot nobody has given yet is given it before a refund takes its part of it', async () => {
    const { userId } = await member(monthly);
    const ahead = await shop.buy(userId, monthly);
    // The second month has begun, and no job ran.
    shop.at('2027-03-01T04:00:00.000Z');
    expect((await quoteOf(userId, ahead, 4_950)).revokedUnits).toBe(250);
    const refundId = await shop.refund(userId, ahead, 4_950);
    const [refund] = await shop.db.query('SELECT * FROM refunds WHERE id = ?', [refundId]);
    expect(refund).toMatchObject({ frozen_units: 250, paused_grant_time: null });
    await shop.endRefund(refundId, 'SUCCESS');
    expect(await shop.events(userId)).toEqual(['started', 'started', 'shortened']);
    expect((await shop.lots(userId)).at(-1)).toBe('2:1 500 250 2027-03-31T04:00:00.000Z');
  });

  test('that has not begun gives what two refunds leave, the second reckoned of what the first left', async () => {
    const { userId } = await member(monthly);
    const ahead = await shop.buy(userId, monthly);
    for (const amount of [3_300, 3_300]) await shop.endRefund(await shop.refund(userId, ahead, amount), 'SUCCESS');
    // A third of 500 is 166, a third of 334 is 111.
    expect((await shop.periods(userId))[1]).toMatchObject({ revoke_units: 277, granted_intervals: 0 });
    await grantAt('2027-02-28T04:00:00.000Z');
    expect((await readLogWords(shop.db, userId)).slice(-2)).toEqual(['system GRANT 500', 'system REVOKE -277']);
  });
});
