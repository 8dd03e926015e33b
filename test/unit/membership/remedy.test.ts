import type { PlanOffer } from '../../../src/catalog';
import type { OwnPeriod } from '../../../src/membership/remedy';
import { holdingAt } from '../../../src/membership/entitlements';
import { remedyForFeature, remedyForUnits, type Prospect, type Situation } from '../../../src/membership/remedy';
import { fen } from '../../../src/platform/money';

const DAY_MS = 86_400_000;
const NOW = new Date('2027-01-31T15:59:00.000Z');
const day = (count: number): Date => new Date(NOW.getTime() + count * DAY_MS);

function offer(planId: string, price: number, fields: Partial<PlanOffer> = {}): PlanOffer {
  return {
    ...{ planId, planPriceId: 1, name: planId, listPrice: fen(price), price: fen(price), currency: 'CNY' },
    ...{ periodUnit: 'year', periodCount: 1, quotaUnits: 100, grantUnit: null, grantCount: null },
    ...{ features: ['draw'], featureLimits: null, taxRateBasisPoints: 600 },
    ...fields,
  };
}

function period(planId: string, fromDay: number, toDay: number, fields: Partial<OwnPeriod> = {}): OwnPeriod {
  return {
    ...{ periodNo: 1, planId, startTime: day(fromDay), endTime: day(toDay), features: ['sketch'], limits: null },
    ...{ graceDays: 0, isReplaced: false },
    ...fields,
  };
}

function situation(periods: readonly OwnPeriod[], offers: readonly PlanOffer[]): Situation {
  return { now: NOW, holding: holdingAt(periods, NOW), periods, offers, basicFeatures: ['basic'] };
}

describe('what helps who may not use a feature', () => {
  const offers = [offer('dear', 900), offer('cheap', 100), offer('other', 1, { features: ['sketch'] })];

  test('is a membership that gives it, for who never had one; the cheapest first', () => {
    expect(remedyForFeature(situation([], offers), 'draw', 1)).toEqual({ kind: 'buy', planIds: ['cheap', 'dear'] });
  });

  test('is his last plan once more, first of those that give it, for who was a member', () => {
    const past = [period('dear', -60, -30)];
    const expected = { kind: 'renew', planIds: ['dear', 'cheap'] };
    expect(remedyForFeature(situation(past, offers), 'draw', 1)).toEqual(expected);
    const inGrace = [period('dear', -60, -1, { graceDays: 3 })];
    expect(remedyForFeature(situation(inGrace, offers), 'draw', 1)).toEqual(expected);
  });

  test('is another plan for who was a member of one that does not give it', () => {
    const past = [period('other', -60, -30)];
    expect(remedyForFeature(situation(past, offers), 'draw', 1)).toMatchObject({ kind: 'buy' });
  });

  test('is a plan whose limits name another feature, whatever the name of this one', () => {
    const named = offer('named', 100, { features: ['constructor', 'draw'], featureLimits: { draw: 1 } });
    expect(remedyForFeature(situation([], [named]), 'constructor', 5)).toEqual({ kind: 'buy', planIds: ['named'] });
    expect(remedyForFeature(situation([], [named]), 'draw', 2)).toEqual({ kind: 'none' });
  });

  test('is an upgrade for a member', () => {
    const running = [period('other', -1, 30)];
    const expected = { kind: 'upgrade', planIds: ['cheap', 'dear'] };
    expect(remedyForFeature(situation(running, offers), 'draw', 1)).toEqual(expected);
  });

  test('is time alone for who has bought a period with it already', () => {
    const bought = [period('other', -1, 30), period('dear', 30, 60, { features: ['draw'] })];
    const expected = { kind: 'wait_for_period', availableTime: day(30) };
    expect(remedyForFeature(situation(bought, offers), 'draw', 1)).toEqual(expected);
    // Unless that allows too little of it.
    const little = [period('other', -1, 30), period('dear', 30, 60, { features: ['draw'], limits: { draw: 4 } })];
    expect(remedyForFeature(situation(little, offers), 'draw', 5)).toMatchObject({ kind: 'upgrade' });
  });

  test('is nothing where nothing on sale gives it, or so much of it', () => {
    expect(remedyForFeature(situation([], offers), 'paint', 1)).toEqual({ kind: 'none' });
    const limited = [offer('cheap', 100, { featureLimits: { draw: 4 } })];
    expect(remedyForFeature(situation([], limited), 'draw', 5)).toEqual({ kind: 'none' });
    expect(remedyForFeature(situation([], limited), 'draw', 4)).toEqual({ kind: 'buy', planIds: ['cheap'] });
  });

  test('is the same plan once more when its limit is reached and no other gives the feature', () => {
    const running = [period('cheap', -1, 30, { features: ['draw'], limits: { draw: 4 } })];
    const own = [offer('cheap', 100, { featureLimits: { draw: 4 } })];
    expect(remedyForFeature(situation(running, own), 'draw', 1)).toEqual({ kind: 'renew', planIds: ['cheap'] });
  });
});

describe('what helps whose units do not suffice', () => {
  const nothing: Prospect = { afterNextGrant: undefined, usable: 0, kept: 0 };
  const yearly = offer('yearly', 900, { quotaUnits: 1_201, grantUnit: 'month', grantCount: 1 });
  const offers = [yearly, offer('monthly', 100, { periodUnit: 'month', quotaUnits: 50 })];

  test('is the next grant, where what is there then suffices; else what gives enough at once', () => {
    const running = [period('monthly', -1, 30, { features: ['draw'] })];
    const at = (afterNextGrant: number) =>
      remedyForUnits(situation(running, offers), 'draw', 60, { ...nothing, afterNextGrant });
    expect(at(60)).toEqual({ kind: 'wait_for_grant' });
    expect(at(59)).toEqual({ kind: 'upgrade', planIds: ['yearly'] });
  });

  test('counts the first part of a plan that gives by intervals, which is the largest', () => {
    const buy = (units: number) => remedyForUnits(situation([], offers), 'draw', units, nothing);
    expect([buy(50), buy(101), buy(102)]).toEqual([
      { kind: 'buy', planIds: ['monthly', 'yearly'] },
      { kind: 'buy', planIds: ['yearly'] },
      { kind: 'none' },
    ]);
  });

  test('adds what is there; of a running member only what an upgrade does not end', () => {
    const prospect = { afterNextGrant: undefined, usable: 30, kept: 10 };
    const running = [period('monthly', -1, 30, { features: ['draw'] })];
    expect(remedyForUnits(situation([], offers), 'draw', 131, prospect)).toEqual({ kind: 'buy', planIds: ['yearly'] });
    expect(remedyForUnits(situation(running, offers), 'draw', 111, prospect)).toMatchObject({ kind: 'upgrade' });
    expect(remedyForUnits(situation(running, offers), 'draw', 112, prospect)).toEqual({ kind: 'none' });
  });

  test('is only a plan that gives the feature too, unless everybody has it', () => {
    const others = [offer('monthly', 100, { features: ['sketch'] })];
    expect(remedyForUnits(situation([], others), 'draw', 60, nothing)).toEqual({ kind: 'none' });
    expect(remedyForUnits(situation([], others), 'basic', 60, nothing)).toMatchObject({ kind: 'buy' });
  });
});
