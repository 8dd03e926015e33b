import { literal } from '../platform/db/sql-text';
import type { Read, ValueRow } from '../platform/db/statements';

/** What every registered user may use, membership or not: read as text, where it goes together with other reads. */

/** Reads what is, or will be, everybody's at some instant from `notBefore` on. */
export function basicFeaturesRead(notBefore: Date): Read {
  return {
    sql:
      'SELECT v.features, v.valid_from, v.valid_to FROM plans p JOIN plan_prices v ON v.plan_id = p.id ' +
      `WHERE p.kind = 'basic' AND p.status = 'active' AND (v.valid_to IS NULL OR v.valid_to > ${literal(notBefore)})`,
  };
}

/** What of that is everybody's at an instant. */
export function basicFeaturesAt(rows: readonly ValueRow[], now: Date): readonly string[] {
  return rows.flatMap(([features, validFrom, validTo]) => {
    const isInForce = (validFrom as Date) <= now && (validTo === null || (validTo as Date) > now);
    return isInForce ? (JSON.parse(features as string) as string[]) : [];
  });
}
