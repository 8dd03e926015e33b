import { z } from 'zod';
import {
  announcementViolations,
  describeTerms,
  kindViolations,
  relationViolations,
  termsFields,
  type PlanTerms,
} from '../../../src/catalog/plan-terms';
import { contentHash } from '../../../src/platform/request-content';

const TERMS: PlanTerms = {
  price: 99_900,
  listPrice: 118_800,
  periodUnit: 'year',
  periodCount: 1,
  quotaUnits: 6_000,
  grantUnit: 'month',
  grantCount: 1,
  features: ['image.generate', 'image.upscale'],
  featureLimits: [{ feature: 'image.upscale', units: 100 }],
  taxRateBasisPoints: 600,
};

const relations = (changes: Partial<PlanTerms>): string[] =>
  relationViolations({ ...TERMS, ...changes }).map(({ field }) => field);

/** What each field is refused for, alone. */
const fields = (changes: Readonly<Record<string, unknown>>): string[] => {
  const shape = z.object(termsFields);
  const { error } = shape.safeParse({ ...TERMS, ...changes });
  return [...new Set((error?.issues ?? []).map(({ path }) => String(path[0])))];
};

const BILLION = 1_000_000_000;

/** Each field taken alone, at its bounds and one beyond. */
describe('the fields of a price version', () => {
  test.each([
    ['price', [0, BILLION], [-1, BILLION + 1, 0.5]],
    ['listPrice', [0, BILLION], [-1, BILLION + 1, 0.5]],
    ['periodCount', [1, 3_650], [0, -1, 3_651, 1.5]],
    ['quotaUnits', [0, BILLION], [-1, BILLION + 1, 0.5]],
    ['grantCount', [0, 3_650], [-1, 3_651]],
    ['taxRateBasisPoints', [0, 9_999], [-1, 10_000, undefined]],
    [
      'features',
      [[], ['a'], ['a1.b_c-d'], ['x'.repeat(64)], Array.from({ length: 100 }, (_, i) => `f${i}`)],
      [[''], ['A'], ['1a'], ['a b'], ['a', 'a'], ['x'.repeat(65)], Array.from({ length: 101 }, (_, i) => `f${i}`)],
    ],
    [
      'featureLimits',
      [[], [{ feature: 'a', units: 1 }], [{ feature: 'a', units: BILLION }]],
      [
        [{ feature: 'a', units: 0 }],
        [{ feature: 'a', units: BILLION + 1 }],
        [{ feature: '', units: 1 }],
        ['a', 'a'].map((feature) => ({ feature, units: 1 })),
        Array.from({ length: 101 }, (_, i) => ({ feature: `f${i}`, units: 1 })),
      ],
    ],
  ] as const)('%s is taken up to its bounds and refused beyond', (field, taken, refused) => {
    for (const value of taken) expect([value, fields({ [field]: value })]).toEqual([value, []]);
    for (const value of refused) expect([value, fields({ [field]: value })]).toEqual([value, [field]]);
  });
});

describe('the terms of a price version together', () => {
  test.each<[string, Partial<PlanTerms>]>([
    ['a year that gives monthly', {}],
    ['a year that gives by the quarter', { grantUnit: 'quarter' }],
    ['a year that gives by the year', { grantUnit: 'year' }],
    ['a quarter that gives monthly', { periodUnit: 'quarter' }],
    ['18 months that give half-yearly', { periodUnit: 'month', periodCount: 18, grantUnit: 'quarter', grantCount: 2 }],
    ['366 days that give daily', { periodUnit: 'day', periodCount: 366, grantUnit: 'day' }],
    ['ten years', { periodCount: 10 }],
    ['3 650 days at once', { periodUnit: 'day', periodCount: 3_650, grantUnit: null, grantCount: null }],
    ['everything at once', { grantUnit: null, grantCount: null, quotaUnits: 0 }],
    ['a price that is the list price', { listPrice: 99_900 }],
  ])('%s are right', (_what, changes) => {
    expect(relations(changes)).toEqual([]);
  });

  test.each<[string, Partial<PlanTerms>, string[]]>([
    ['a list price below the price', { listPrice: 99_899 }, ['terms.list_price']],
    ['eleven years', { periodCount: 11 }, ['terms.period_count']],
    ['121 months', { periodUnit: 'month', periodCount: 121 }, ['terms.period_count']],
    ['a unit without a count', { grantCount: null }, ['terms.grant_count']],
    ['a count without a unit', { grantUnit: null }, ['terms.grant_count']],
    ['days in a year of months', { grantUnit: 'day' }, ['terms.grant_unit']],
    ['months in a period of days', { periodUnit: 'day', periodCount: 30 }, ['terms.grant_unit']],
    ['five months of twelve', { grantCount: 5 }, ['terms.grant_count']],
    ['a year of a quarter', { periodUnit: 'quarter', grantUnit: 'year' }, ['terms.grant_count']],
    ['367 intervals', { periodUnit: 'day', periodCount: 367, grantUnit: 'day' }, ['terms.grant_count']],
    ['intervals that give nothing', { quotaUnits: 0 }, ['terms.quota_units']],
    ['a limit on what it has not', { features: ['image.generate'] }, ['terms.feature_limits']],
  ])('%s is refused by the field', (_what, changes, expected) => {
    expect(relations(changes)).toEqual(expected);
  });

  test('a plan on sale costs something; a basic plan costs, gives and limits nothing but features', () => {
    const names = (terms: PlanTerms, kind: 'sale' | 'basic') => kindViolations(terms, kind).map(({ field }) => field);
    expect(names(TERMS, 'sale')).toEqual([]);
    expect(names({ ...TERMS, price: 1 }, 'sale')).toEqual([]);
    expect(names({ ...TERMS, price: 0 }, 'sale')).toEqual(['terms.price']);
    const everything = ['price', 'list_price', 'quota_units', 'grant_unit', 'feature_limits'].map((f) => `terms.${f}`);
    expect(names(TERMS, 'basic')).toEqual(everything);
    const nothing = { price: 0, listPrice: 0, quotaUnits: 0, grantUnit: null, grantCount: null, featureLimits: [] };
    expect(names({ ...TERMS, ...nothing }, 'basic')).toEqual([]);
  });

  test('each of them is part of what is compared when a request id comes again (lesson 6)', () => {
    const hash = (terms: PlanTerms): string => contentHash('CreatePlan', describeTerms(terms)).toString('hex');
    const others: readonly Partial<PlanTerms>[] = [
      { price: 1 },
      { listPrice: 1 },
      { periodUnit: 'month' },
      { periodCount: 2 },
      { quotaUnits: 1 },
      { grantUnit: 'quarter' },
      { grantCount: 2 },
      { features: [] },
      { featureLimits: [{ feature: 'image.upscale', units: 101 }] },
      { taxRateBasisPoints: 0 },
    ];
    expect(others.map((change) => Object.keys(change)[0])).toEqual(Object.keys(TERMS));
    const hashes = [hash(TERMS), ...others.map((change) => hash({ ...TERMS, ...change }))];
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});

describe('the instant from which something holds', () => {
  const now = new Date('2026-06-01T00:00:00.000Z');
  const at = (ms: number): string[] =>
    announcementViolations(new Date(now.getTime() + ms), new Date(now.getTime() + 60_000), now).map(
      ({ field }) => field,
    );

  test('is the earliest one at the soonest, and 366 days ahead at the latest', () => {
    const latest = 366 * 86_400_000;
    expect([at(59_999), at(60_000), at(latest), at(latest + 1)]).toEqual([['valid_from'], [], [], ['valid_from']]);
  });
});
