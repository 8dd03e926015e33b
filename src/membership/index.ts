/** What other domains may use of membership. Meaning and invariants: README.md. */
export { catchUpGrants } from './catch-up-grants';
export {
  endOfPeriod,
  endUnitsBeforeGrant,
  pauseGrant,
  readPeriodOfOrder,
  readStandingPeriods,
  replacePeriod,
  resumeGrant,
  revokePeriod,
  shortenPeriod,
  type PeriodChange,
} from './end-period';
export { ENTITLEMENT_SOURCE } from './entitlements';
export { grantDuePeriods } from './grant-due-periods.job';
export { dueParts, unitsNotGiven } from './intervals';
export { MembershipPeriodRow } from './membership-period.model';
export { readMembership } from './membership.queries';
export { createMembershipService, toMembershipMessage } from './membership.rpc';
export { eraseIdentities } from './registration-identities';
export { remindMemberships } from './remind-memberships.job';
export { startPeriod } from './start-period';
