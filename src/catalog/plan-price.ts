import type { Tx } from '../platform/db/tx';
import { describeTerms, type PlanTerms } from './plan-terms';
import { PlanPriceRow } from './plan.model';

/** The only currency. */
const CURRENCY = 'CNY';

/** Writes a price version, in force from an instant on. Returns its id. */
export async function insertPrice(
  tx: Tx,
  planId: string,
  terms: PlanTerms,
  times: { readonly validFrom: Date; readonly now: Date },
): Promise<number> {
  const { features, featureLimits, ...columns } = terms;
  const limits = Object.fromEntries(featureLimits.map(({ feature, units }) => [feature, units]));
  const { id } = await PlanPriceRow.query(tx).insert({
    planId,
    ...columns,
    currency: CURRENCY,
    features: JSON.stringify(features),
    featureLimits: featureLimits.length === 0 ? null : JSON.stringify(limits),
    validFrom: times.validFrom,
    validTo: null,
    createTime: times.now,
  });
  return id;
}

/** A version as the audit log shows it. */
export function describePrice(id: number, terms: PlanTerms, validFrom: Date): Readonly<Record<string, unknown>> {
  return { plan_price_id: id, ...describeTerms(terms), valid_from: validFrom.toISOString() };
}
