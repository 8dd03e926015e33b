import { brokenInvariants } from '../../support/invariants';
import { openMembershipShop, runDue, type MembershipShop } from '../../support/membership-shop';
import { expectBalanced, readUserRows } from '../../support/user-rows';

let shop: MembershipShop;
beforeAll(async () => {
  shop = await openMembershipShop();
});
afterAll(() => shop.close());
afterEach(async () => {
  expect(await brokenInvariants(shop.db)).toEqual([]);
});

/** A lot that has just been given: period and interval, units, when it expires. */
const whole = (number: string, units: number, expireTime: string): string =>
  `${number} ${units} ${units} ${expireTime}`;

/** R2.2, lessons 24, 27, 29, 50: each interval of each period exactly once. */
describe('a year that gives every month', () => {
  test('from 31 January gives its first part at once and the next ones at month ends, never a moment early', async () => {
    shop.at('2027-01-31T04:00:00.000Z');
    const userId = await shop.register();
    await shop.buy(userId, await shop.plan({ quotaUnits: 100, periodUnit: 'year', grantUnit: 'month' }));
    const first = whole('1:1', 9, '2027-02-28T04:00:00.000Z');
    expect(await shop.lots(userId)).toEqual([first]);
    const [period] = await shop.periods(userId);
    expect(period).toMatchObject({ intervals: 12, granted_intervals: 1, end_time: new Date('2028-01-31T04:00:00Z') });
    expect(period?.['next_grant_time']).toEqual(new Date('2027-02-28T04:00:00Z'));

    shop.at('2027-02-28T03:59:59.999Z');
    const before = await readUserRows(shop.db, userId);
    await runDue(shop.grantDue);
    expect(await readUserRows(shop.db, userId)).toEqual(before);
    for (const month of [
      '02-28',
      '03-31',
      '04-30',
      '05-31',
      '06-30',
      '07-31',
      '08-31',
      '09-30',
      '10-31',
      '11-30',
      '12-31',
    ]) {
      shop.at(`2027-${month}T04:00:00.000Z`);
      expect(await runDue(shop.grantDue)).toBe(1);
    }
    const lots = await shop.lots(userId);
    expect(lots.map((lot) => lot.split(' ')[1])).toEqual(['9', '9', '9', '9', ...Array.from({ length: 8 }, () => '8')]);
    expect(lots.at(-1)).toBe(whole('1:12', 8, '2028-01-31T04:00:00.000Z'));
    // Each ended when the next was given: only the last is left.
    expect(await expectBalanced(shop.db, userId)).toBe(8);
    expect((await shop.periods(userId))[0]).toMatchObject({ granted_intervals: 12, next_grant_time: null });
    expect(await runDue(shop.grantDue)).toBe(0);
  });

  test('bought for the leap year 2028 gives on 29 February, at midnight in Shanghai', async () => {
    // 31 January 00:00 there.
    shop.at('2028-01-30T16:00:00.000Z');
    const userId = await shop.register();
    await shop.buy(userId, await shop.plan({ quotaUnits: 12, periodUnit: 'year', grantUnit: 'month' }));
    shop.at('2028-02-28T15:59:59.999Z');
    await runDue(shop.grantDue);
    expect(await shop.lots(userId)).toEqual([whole('1:1', 1, '2028-02-28T16:00:00.000Z')]);
    shop.at('2028-02-28T16:00:00.000Z');
    await runDue(shop.grantDue);
    expect((await shop.lots(userId)).at(-1)).toBe(whole('1:2', 1, '2028-03-30T16:00:00.000Z'));
  });

  test('missed for months is caught up, each part with its own expiry: what is over is given and ends at once', async () => {
    shop.at('2027-01-31T04:00:00.000Z');
    const userId = await shop.register();
    await shop.buy(userId, await shop.plan());
    // Nobody worked for two months and a half.
    shop.at('2027-04-15T00:00:00.000Z');
    await runDue(shop.grantDue);
    expect(await shop.lots(userId)).toEqual([
      '1:1 100 0 2027-02-28T04:00:00.000Z',
      '1:2 100 0 2027-03-31T04:00:00.000Z',
      '1:3 100 100 2027-04-30T04:00:00.000Z',
    ]);
    expect(await expectBalanced(shop.db, userId)).toBe(100);
    expect((await shop.periods(userId))[0]).toMatchObject({
      granted_intervals: 3,
      next_grant_time: new Date('2027-04-30T04:00:00Z'),
    });
  });

  test('is given once, however often and however many do it at once', async () => {
    shop.at('2027-01-31T04:00:00.000Z');
    const userId = await shop.register();
    await shop.buy(userId, await shop.plan());
    shop.at('2027-03-31T04:00:00.000Z');
    const signal = new AbortController().signal;
    await Promise.all(Array.from({ length: 8 }, () => shop.grantDue.run(userId, signal)));
    const given = await readUserRows(shop.db, userId);
    expect(await shop.lots(userId)).toHaveLength(3);
    await shop.grantDue.run(userId, signal);
    expect(await readUserRows(shop.db, userId)).toEqual(given);
  });

  test('is caught up by whoever buys next, before the new period', async () => {
    shop.at('2027-01-31T04:00:00.000Z');
    const userId = await shop.register();
    const planId = await shop.plan();
    await shop.buy(userId, planId);
    shop.at('2027-03-05T00:00:00.000Z');
    await shop.buy(userId, planId);
    expect((await shop.lots(userId)).map((lot) => lot.split(' ')[0])).toEqual(['1:1', '1:2']);
    const [first, second] = await shop.periods(userId);
    expect(second).toMatchObject({ start_time: first?.['end_time'], anchor_offset: 12, granted_intervals: 0 });
    expect(second?.['end_time']).toEqual(new Date('2029-01-31T04:00:00Z'));
  });

  test('of three units gives three months one and nothing after, which counts as given', async () => {
    shop.at('2027-01-31T04:00:00.000Z');
    const userId = await shop.register();
    await shop.buy(userId, await shop.plan({ quotaUnits: 3, periodUnit: 'year', grantUnit: 'month' }));
    shop.at('2028-01-30T00:00:00.000Z');
    await runDue(shop.grantDue);
    expect(await shop.lots(userId)).toHaveLength(3);
    expect((await shop.periods(userId))[0]).toMatchObject({ granted_intervals: 12, next_grant_time: null });
  });
});

describe('periods of several units', () => {
  test('follow each other along one anchor: a month, a quarter by months and a year at once from 31 August', async () => {
    shop.at('2027-08-31T04:00:00.000Z');
    const userId = await shop.register();
    await shop.buy(userId, await shop.plan({ periodUnit: 'month', quotaUnits: 500 }));
    await shop.buy(userId, await shop.plan({ periodUnit: 'quarter', quotaUnits: 10, grantUnit: 'month' }));
    await shop.buy(userId, await shop.plan({ periodUnit: 'year', quotaUnits: 7 }));
    shop.at('2027-12-31T04:00:00.000Z');
    await runDue(shop.grantDue);
    expect((await shop.lots(userId)).map((lot) => lot.replace(/ \d+ (?=\d{4}-)/, ' '))).toEqual([
      '1:1 500 2027-09-30T04:00:00.000Z',
      '2:1 4 2027-10-31T04:00:00.000Z',
      '2:2 3 2027-11-30T04:00:00.000Z',
      '2:3 3 2027-12-31T04:00:00.000Z',
      '3:1 7 2028-12-31T04:00:00.000Z',
    ]);
  });

  test('of days start a chain of their own after months', async () => {
    shop.at('2027-01-31T04:00:00.000Z');
    const userId = await shop.register();
    await shop.buy(userId, await shop.plan({ periodUnit: 'month', quotaUnits: 1 }));
    await shop.buy(
      userId,
      await shop.plan({ periodUnit: 'day', periodCount: 14, quotaUnits: 3, grantUnit: 'day', grantCount: 7 }),
    );
    shop.at('2027-03-10T00:00:00.000Z');
    await runDue(shop.grantDue);
    expect((await shop.lots(userId)).slice(1)).toEqual([
      '2:1 2 0 2027-03-07T04:00:00.000Z',
      '2:2 1 1 2027-03-14T04:00:00.000Z',
    ]);
  });
});

/** Lesson 24: what was sold is a copy. */
test('an order and its period keep what was sold, whatever becomes of the catalogue', async () => {
  shop.at('2027-01-31T04:00:00.000Z');
  const userId = await shop.register();
  const planId = await shop.plan();
  await shop.buy(userId, planId);
  const before = await readUserRows(shop.db, userId);
  await shop.db.query("UPDATE plan_prices SET valid_to = '2027-02-01' WHERE plan_id = ?", [planId]);
  await shop.db.query("UPDATE plans SET status = 'retired' WHERE id = ?", [planId]);
  expect(await readUserRows(shop.db, userId)).toEqual(before);
  shop.at('2027-02-28T04:00:00.000Z');
  await runDue(shop.grantDue);
  expect(await shop.lots(userId)).toHaveLength(2);
});
