/** What other domains may use of membership. Meaning and invariants: README.md. */
export {
  endUnitsBeforeGrant,
  pauseGrant,
  readPeriodOfOrder,
  resumeGrant,
  revokePeriod,
  shortenPeriod,
} from './end-period';
export { grantDuePeriods } from './grant-due-periods.job';
export { MembershipPeriodRow } from './membership-period.model';
export { readMembership } from './membership.queries';
export { createMembershipService, toMembershipMessage } from './membership.rpc';
export { readDearestPrice, readPlanOnSale, requirePlans, type PlanOffer } from './plan.queries';
export { startPeriod } from './start-period';
