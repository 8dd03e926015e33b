import { z } from 'zod';
import type { FieldViolation } from '../platform/errors';
import { wholeNumber } from '../platform/field-rules';
import type { ContentValue } from '../platform/request-content';
import { addMs, baseOf, inBaseUnits, MS_PER_DAY, type PeriodUnit } from '../platform/time';

/** What a price version sells, and the rules it keeps; pure. Violations name the field as the proto does, `terms.price`. */

/** What a plan is for: sold, or what every registered user may use. */
export type PlanKind = 'sale' | 'basic';

/** What one price version sells. */
export interface PlanTerms {
  /** Fen. */
  readonly price: number;
  /** Fen. */
  readonly listPrice: number;
  readonly periodUnit: PeriodUnit;
  readonly periodCount: number;
  /** Units of the whole period. */
  readonly quotaUnits: number;
  /** The interval at which they are given; both null: once. */
  readonly grantUnit: PeriodUnit | null;
  readonly grantCount: number | null;
  /** Sorted, none twice. */
  readonly features: readonly string[];
  /** Sorted by feature, none twice, each one of the features. */
  readonly featureLimits: readonly FeatureLimit[];
  readonly taxRateBasisPoints: number;
}

/** The most units of one period that a feature may take. */
export interface FeatureLimit {
  readonly feature: string;
  readonly units: number;
}

/** ¥10 000 000, far beyond any plan; WeChat Pay takes less. */
const PRICE_MAX = 1_000_000_000;
/** Of quota in one period. */
const UNITS_MAX = 1_000_000_000;
const FEATURES_MAX = 100;
/** In months or days: ten years. */
const PERIOD_MAX = { month: 120, day: 3_650 } as const;
/** Each of them may become a lot. */
const INTERVALS_MAX = 366;
/**
 * How far ahead a version or a tariff may be announced. They are added in the order of their time and never taken back: one
 * of a mistyped century would be the last.
 */
const ANNOUNCED_MAX_DAYS = 366;

/** A feature's name, as plans and tariffs spell it. */
export const featureName = z
  .string()
  .regex(/^[a-z][a-z0-9._-]{0,63}$/, 'must be 1 to 64 of a-z 0-9 . _ -, beginning with a letter');

/** A number of units that something costs or is limited to. */
export const countedUnits = wholeNumber(1, UNITS_MAX);

const noneTwice = (names: readonly string[]): boolean => new Set(names).size === names.length;

/** What each field of the terms must be, whatever the others are. Their number comes before what they hold. */
export const termsFields = {
  price: wholeNumber(0, PRICE_MAX),
  listPrice: wholeNumber(0, PRICE_MAX),
  periodCount: wholeNumber(1, PERIOD_MAX.day),
  quotaUnits: wholeNumber(0, UNITS_MAX),
  grantCount: wholeNumber(0, PERIOD_MAX.day),
  features: z
    .array(z.string())
    .max(FEATURES_MAX, `has more than ${FEATURES_MAX} entries`)
    .pipe(z.array(featureName))
    .refine(noneTwice, 'names a feature twice'),
  featureLimits: z
    .array(z.unknown())
    .max(FEATURES_MAX, `has more than ${FEATURES_MAX} entries`)
    .pipe(z.array(z.object({ feature: featureName, units: countedUnits })))
    .refine((limits) => noneTwice(limits.map(({ feature }) => feature)), 'limits a feature twice'),
  taxRateBasisPoints: z.number('is required').pipe(wholeNumber(0, 9_999)),
};

/** What fields must be together; each of them alone is right. */
interface Relation {
  readonly field: string;
  readonly isKept: (terms: PlanTerms) => boolean;
  readonly description: string;
}

const RELATIONS: readonly Relation[] = [
  {
    field: 'list_price',
    isKept: ({ price, listPrice }) => listPrice >= price,
    description: 'must not be below price',
  },
  {
    field: 'period_count',
    isKept: ({ periodUnit, periodCount }) => inBaseUnits(periodUnit, periodCount) <= PERIOD_MAX[baseOf(periodUnit)],
    description: `must give at most ${PERIOD_MAX.month} months or ${PERIOD_MAX.day} days`,
  },
  {
    field: 'grant_count',
    isKept: ({ grantUnit, grantCount }) => (grantUnit === null) === (grantCount === null),
    description: 'grant_unit and grant_count belong together',
  },
  {
    field: 'grant_unit',
    isKept: ({ periodUnit, grantUnit }) => grantUnit === null || baseOf(grantUnit) === baseOf(periodUnit),
    description: 'must count in days where the period does, and in months, quarters or years where it does not',
  },
  {
    field: 'grant_count',
    isKept: (terms) => {
      const intervals = intervalsOf(terms);
      return intervals === undefined || (Number.isInteger(intervals) && intervals <= INTERVALS_MAX);
    },
    description: `must divide the period exactly, into at most ${INTERVALS_MAX} intervals`,
  },
  {
    field: 'quota_units',
    isKept: ({ grantUnit, quotaUnits }) => grantUnit === null || quotaUnits > 0,
    description: 'must be at least 1 where they are given by intervals',
  },
  {
    field: 'feature_limits',
    isKept: ({ features, featureLimits }) => featureLimits.every(({ feature }) => features.includes(feature)),
    description: 'must name features of the plan only',
  },
];

/** How many intervals the period is; undefined where other rules are broken, or there are none. */
function intervalsOf({ periodUnit, periodCount, grantUnit, grantCount }: PlanTerms): number | undefined {
  if (grantUnit === null || grantCount === null || baseOf(grantUnit) !== baseOf(periodUnit)) return undefined;
  return inBaseUnits(periodUnit, periodCount) / inBaseUnits(grantUnit, grantCount);
}

/** What the kind of a plan asks of its terms. */
const KIND_RULES: Readonly<Record<PlanKind, readonly Relation[]>> = {
  sale: [{ field: 'price', isKept: ({ price }) => price > 0, description: 'must be at least 1 of a plan on sale' }],
  basic: [
    { field: 'price', isKept: ({ price }) => price === 0, description: 'must be 0 of a basic plan' },
    { field: 'list_price', isKept: ({ listPrice }) => listPrice === 0, description: 'must be 0 of a basic plan' },
    { field: 'quota_units', isKept: ({ quotaUnits }) => quotaUnits === 0, description: 'must be 0 of a basic plan' },
    { field: 'grant_unit', isKept: ({ grantUnit }) => grantUnit === null, description: 'is not for a basic plan' },
    {
      field: 'feature_limits',
      isKept: ({ featureLimits }) => featureLimits.length === 0,
      description: 'is not for a basic plan',
    },
  ],
};

function broken(relations: readonly Relation[], terms: PlanTerms): FieldViolation[] {
  return relations
    .filter(({ isKept }) => !isKept(terms))
    .map(({ field, description }) => ({ field: `terms.${field}`, description }));
}

/** What is wrong between the fields. */
export function relationViolations(terms: PlanTerms): FieldViolation[] {
  return broken(RELATIONS, terms);
}

/** What is wrong with the terms of a plan of that kind. */
export function kindViolations(terms: PlanTerms, kind: PlanKind): FieldViolation[] {
  return broken(KIND_RULES[kind], terms);
}

/**
 * What is wrong with an instant from which something is to hold: sooner than `earliest`, or too far ahead. Apart from the rest:
 * a repeated request is answered from what was stored, however late it comes.
 */
export function announcementViolations(validFrom: Date, earliest: Date, now: Date): FieldViolation[] {
  const field = 'valid_from';
  if (validFrom.getTime() < earliest.getTime()) {
    return [{ field, description: `must not be before ${earliest.toISOString()}` }];
  }
  const latest = addMs(now, ANNOUNCED_MAX_DAYS * MS_PER_DAY);
  if (validFrom.getTime() <= latest.getTime()) return [];
  return [{ field, description: `must be at most ${ANNOUNCED_MAX_DAYS} days ahead` }];
}

/** Terms in proto names: for comparing repeated requests. */
export function describeTerms(terms: PlanTerms): Readonly<Record<string, ContentValue>> {
  return {
    price: terms.price,
    list_price: terms.listPrice,
    period_unit: terms.periodUnit,
    period_count: terms.periodCount,
    quota_units: terms.quotaUnits,
    grant_unit: terms.grantUnit ?? '',
    grant_count: terms.grantCount ?? 0,
    features: terms.features,
    feature_limits: terms.featureLimits.map(({ feature, units }) => `${feature}=${units}`),
    tax_rate_basis_points: terms.taxRateBasisPoints,
  };
}
