import { shanghai } from './civil';
import type { Terms } from './oracle';
import type { Campaign, SimulatedPlan } from './script';

/** What the simulation sells and gives: every kind of period and of interval, edited in the middle of the year (lesson 24). */

const ALWAYS = shanghai('2026-12-01');

type Length = Pick<Terms, 'unit' | 'count'>;

function plan(id: string, price: number, units: number, length: Length, grant: Length | null = null): SimulatedPlan {
  return { id, versions: [{ from: ALWAYS, terms: { plan: id, price, units, ...length, grant } }] };
}

/** The same plan, sold otherwise from a time on. */
function edited({ id, versions }: SimulatedPlan, from: number, change: Partial<Terms>): SimulatedPlan {
  const last = versions.at(-1)?.terms;
  if (last === undefined) throw new Error(`${id} has no version`);
  return { id, versions: [...versions, { from, terms: { ...last, ...change } }] };
}

const length = (unit: Terms['unit'], count = 1): Length => ({ unit, count });

export const PLANS = {
  month: edited(plan('sim-month', 2_990, 100, length('month')), shanghai('2027-11-01'), { price: 3_290, units: 90 }),
  monthPlus: plan('sim-month-plus', 5_990, 250, length('month')),
  quarter: plan('sim-quarter', 7_990, 310, length('quarter'), length('month')),
  quarterAtOnce: plan('sim-quarter-at-once', 7_490, 300, length('quarter')),
  halfYear: plan('sim-half-year', 14_900, 601, length('quarter', 2), length('quarter')),
  year: edited(plan('sim-year', 26_800, 1_300, length('year'), length('month')), shanghai('2028-01-15'), {
    price: 24_900,
    units: 1_210,
    grant: length('quarter'),
  }),
  /** Fewer units than months: the last ones give nothing. */
  yearFew: plan('sim-year-few', 9_900, 5, length('year'), length('month')),
  /** Nothing but features. */
  monthNone: plan('sim-month-none', 990, 0, length('month')),
  twoMonths: plan('sim-two-months', 5_490, 205, length('month', 2)),
  week: plan('sim-week', 990, 20, length('day', 7)),
  thirtyDays: plan('sim-thirty-days', 2_790, 95, length('day', 30), length('day', 10)),
} as const satisfies Record<string, SimulatedPlan>;

export const CAMPAIGNS: readonly Campaign[] = [
  { key: 'sim-autumn', units: 15, validDays: 10 },
  { key: 'sim-new-year', units: 40, validDays: 60 },
];
