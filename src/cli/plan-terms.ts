import { InvalidArgumentError, type Command } from 'commander';
import { type PlanTerms } from '../gen/billing/v1/catalog_service.pb';
import { PeriodUnit, type FeatureLimit } from '../gen/billing/v1/membership_service.pb';

/** The terms of a price version on the command line. */

/** A length of calendar time. */
interface Span {
  readonly unit: PeriodUnit;
  readonly count: number;
}

const UNITS: Readonly<Record<string, PeriodUnit>> = {
  day: PeriodUnit.DAY,
  month: PeriodUnit.MONTH,
  quarter: PeriodUnit.QUARTER,
  year: PeriodUnit.YEAR,
};

function parseSpan(text: string): Span {
  const [, digits, name] = /^([1-9]\d{0,3}) ?(day|month|quarter|year)s?$/.exec(text) ?? [];
  const unit = UNITS[name ?? ''];
  if (unit !== undefined) return { unit, count: Number(digits) };
  throw new InvalidArgumentError("Write days, months, quarters or years, like '1 year' or '30 days'.");
}

/** A whole number that the service judges; never typed with a point. */
export function parseWhole(text: string): number {
  if (!/^\d{1,12}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

/** Fen, units and the like as an option that may come several times. */
function parseLimit(text: string, earlier: readonly FeatureLimit[] = []): readonly FeatureLimit[] {
  const [, feature, units] = /^([^=]+)=(\d{1,12})$/.exec(text) ?? [];
  if (feature === undefined) throw new InvalidArgumentError('Write <feature>=<units>, like image.upscale=100.');
  return [...earlier, { feature, units: Number(units) }];
}

const parseFeature = (text: string, earlier: readonly string[] = []): readonly string[] => [...earlier, text];

/** What the options say. */
export interface TermsOptions {
  readonly price: number;
  readonly listPrice?: number;
  readonly period: Span;
  readonly quota: number;
  readonly every?: Span;
  readonly feature?: readonly string[];
  readonly limit?: readonly FeatureLimit[];
  readonly taxRate: number;
}

/** Adds the terms as options. */
export function addTerms(command: Command): Command {
  return command
    .requiredOption('--price <fen>', 'what an order costs; 0 of a basic plan', parseWhole)
    .option('--list-price <fen>', 'before reductions; default: the price', parseWhole)
    .requiredOption('--period <span>', "how long it lasts: '1 month', '1 year', '30 days'", parseSpan)
    .option('--quota <units>', 'units of one whole period', parseWhole, 0)
    .option('--every <span>', 'give the units by this interval; default: all at the start', parseSpan)
    .option('--feature <name>', 'what a member may use; several times', parseFeature)
    .option('--limit <feature=units>', 'the most a feature may take in one period; several times', parseLimit)
    .requiredOption('--tax-rate <basis points>', 'of the sale; 600 are 6 %', parseWhole);
}

/** Options → message. */
export function termsOf({ listPrice, period, every, feature = [], limit = [], ...options }: TermsOptions): PlanTerms {
  return {
    price: options.price,
    listPrice: listPrice ?? options.price,
    periodUnit: period.unit,
    periodCount: period.count,
    quotaUnits: options.quota,
    grantUnit: every?.unit ?? PeriodUnit.UNSPECIFIED,
    grantCount: every?.count ?? 0,
    features: [...feature],
    featureLimits: [...limit],
    taxRateBasisPoints: options.taxRate,
  };
}

/** How often units are given, for a person. */
export function showEvery({ grantUnit, grantCount }: Pick<PlanTerms, 'grantUnit' | 'grantCount'>): string {
  return grantUnit === PeriodUnit.UNSPECIFIED ? 'at once' : showSpan(grantUnit, grantCount);
}

/** A length of time, for a person. */
export function showSpan(unit: PeriodUnit, count: number): string {
  return `${count} ${PeriodUnit[unit]}`;
}

/** Limits, for a person. */
export function showLimits(limits: readonly FeatureLimit[]): string {
  return limits.map(({ feature, units }) => `${feature}=${units}`).join(' ');
}
