import { compareBurnOrder, isExpired, planBurn, planReturn, usableUnits } from '../../../src/quota/burn-order';
import { at, lotOf } from '../../support/quota-account';

/** R1.2, design §3: soonest expiry, then free before paid, then oldest; expiry is half-open to the millisecond. */
describe('the order in which lots are used', () => {
  const lots = [
    lotOf({ grantId: 1, source: 'membership', expireTime: at(2_000) }),
    lotOf({ grantId: 2, source: 'registration', expireTime: null }),
    lotOf({ grantId: 3, source: 'compensation', expireTime: at(2_000) }),
    lotOf({ grantId: 4, source: 'membership', expireTime: at(1_000) }),
    lotOf({ grantId: 5, source: 'registration', expireTime: at(2_000) }),
  ];

  test('soonest expiry first, then free before paid, then oldest, and a lot that never expires last', () => {
    expect([...lots].sort(compareBurnOrder).map((lot) => lot.grantId)).toEqual([4, 3, 5, 1, 2]);
  });

  test('a gift is free: it goes before what was paid, and waits for no other free lot that is younger', () => {
    const gifts = [
      lotOf({ grantId: 6, source: 'gift', expireTime: at(2_000) }),
      lotOf({ grantId: 2, source: 'gift', expireTime: at(3_000) }),
    ];
    expect([...lots.slice(0, 1), ...gifts].sort(compareBurnOrder).map((lot) => lot.grantId)).toEqual([6, 1, 2]);
    const free = lotOf({ grantId: 7, source: 'registration', expireTime: at(2_000) });
    expect([free, ...gifts].sort(compareBurnOrder).map((lot) => lot.grantId)).toEqual([6, 7, 2]);
  });

  test('a consume empties one lot before it touches the next', () => {
    expect(planBurn(lots, 25, at(0))).toEqual([
      [4, -10],
      [3, -10],
      [5, -5],
    ]);
  });

  test('a consume of more than there is takes nothing (lesson 26: never clamp)', () => {
    expect(planBurn(lots, 51, at(0))).toBeUndefined();
    expect(planBurn(lots, 50, at(0))?.reduce((sum, [, change]) => sum + change, 0)).toBe(-50);
  });

  test('units set aside by a hold are not usable a second time', () => {
    const held = [lotOf({ grantId: 1, remaining: 4, held: 6 })];
    expect(usableUnits(held, at(0))).toBe(4);
    expect(planBurn(held, 5, at(0))).toBeUndefined();
  });
});

describe('expiry of a lot', () => {
  const lot = lotOf({ grantId: 1, expireTime: at(1_000) });

  test.each([
    ['one millisecond before', 999, false],
    ['at the instant itself', 1_000, true],
    ['one millisecond after', 1_001, true],
  ])('%s (%i ms): expired is %s', (_when, ms, expired) => {
    expect(isExpired(lot, at(ms))).toBe(expired);
    expect(usableUnits([lot], at(ms))).toBe(expired ? 0 : 10);
    expect(planBurn([lot], 1, at(ms))).toEqual(expired ? undefined : [[1, -1]]);
  });

  test('a lot without expiry never expires', () => {
    expect(isExpired(lotOf({ grantId: 1 }), new Date(8.64e15))).toBe(false);
  });
});

describe('what a refund gives back', () => {
  const consumed = [
    [4, -10],
    [1, -5],
  ] as const;

  test('the lot that was burnt last gets its units back first', () => {
    expect(planReturn(consumed, 0, 7)).toEqual([
      [1, 5],
      [4, 2],
    ]);
  });

  test('earlier refunds count, so that together they return what was taken and no unit more', () => {
    expect(planReturn(consumed, 7, 8)).toEqual([[4, 8]]);
    expect(planReturn(consumed, 7, 9)).toBeUndefined();
  });
});
