/** What other domains may use of membership. Meaning and invariants: README.md. */
export { grantDuePeriods } from './grant-due-periods.job';
export { readMembership } from './membership.queries';
export { createMembershipService, toMembershipMessage } from './membership.rpc';
export { readDearestPrice, readPlanOnSale, requirePlans, type PlanOffer } from './plan.queries';
export { startPeriod } from './start-period';
