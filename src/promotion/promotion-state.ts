import type { PromotionStatus } from './promotion.model';

/** The life of a promotion as data. Anything else is refused; `ended` is final, and nothing becomes a draft again. */
const TRANSITIONS: Readonly<Record<PromotionStatus, readonly PromotionStatus[]>> = {
  draft: ['active'],
  active: ['paused', 'ended'],
  paused: ['active', 'ended'],
  ended: [],
};

/** Whether a promotion may go from one status to another. Staying where it is is no move. */
export function mayMove(from: PromotionStatus, to: PromotionStatus): boolean {
  return TRANSITIONS[from].includes(to);
}
