import { INVARIANTS } from '../../../gen/invariants';
import type { CheckTerms, QueryCheck } from '../check';
import { sqlCheck } from '../sql-check';

/** An invariant of docs/invariants.md by its number. */
export type InvariantId = keyof typeof INVARIANTS;

/** The check that is an invariant: the very SELECT that the page shows to auditors. What it returns is the evidence. */
export function invariantCheck(invariant: InvariantId, terms: Omit<CheckTerms, 'invariant'>): QueryCheck {
  return sqlCheck({ ...terms, invariant }, INVARIANTS[invariant].sql);
}
