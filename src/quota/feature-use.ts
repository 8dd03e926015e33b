import { platformErrors } from '../platform/errors';
import type { LimitedUse } from './account';
import type { Book } from './book';
import type { ConsumeCommand, HoldCommand } from './commands';
import { quotaErrors } from './quota.errors';
import type { Entitlements, Terms } from './tariffs';

/** Whether a feature may be used, and against which limit it counts. Pure. */

/** What was found. */
export type FeatureVerdict =
  | { readonly isAllowed: true; readonly use: LimitedUse | undefined }
  | { readonly isAllowed: false; readonly why: 'not_in_plan' }
  | { readonly isAllowed: false; readonly why: 'limit_reached'; readonly limit: number; readonly used: number };

/**
 * Whether a user who holds these entitlements may use so many units of a feature. `usedIn` says how many units of it the
 * period has seen: those taken and not returned.
 */
export function judgeFeature(
  { features, limits, periodNo }: Entitlements,
  feature: string,
  units: number,
  usedIn: (use: LimitedUse) => number,
): FeatureVerdict {
  if (!features.has(feature)) return { isAllowed: false, why: 'not_in_plan' };
  const limit = limits.get(feature);
  if (limit === undefined || periodNo === null) return { isAllowed: true, use: undefined };
  const use = { feature, periodNo };
  const used = usedIn(use);
  return used + units > limit ? { isAllowed: false, why: 'limit_reached', limit, used } : { isAllowed: true, use };
}

/**
 * What the tariff of its task type asks of a command: the amount, the feature, the limit of the period, in this order.
 * Returns the limit that its units count against, if there is one. Throws INVALID_REQUEST, FEATURE_NOT_ENTITLED.
 */
export function requireTerms(book: Book, command: ConsumeCommand | HoldCommand, terms: Terms): LimitedUse | undefined {
  const { units, feature } = terms.tariff;
  if (command.amount !== units) {
    const description = `is not the tariff of ${command.taskType}, which is ${units}`;
    throw platformErrors.INVALID_REQUEST({ fieldViolations: [{ field: 'amount', description }] });
  }
  const verdict = judgeFeature(terms.entitlements, feature, units, (use) => book.usedOf(use));
  if (verdict.isAllowed) return verdict.use;
  const { why } = verdict;
  const counts = why === 'limit_reached' ? { limit: String(verdict.limit), used: String(verdict.used) } : {};
  throw quotaErrors.FEATURE_NOT_ENTITLED({ metadata: { feature, why, ...counts } });
}
