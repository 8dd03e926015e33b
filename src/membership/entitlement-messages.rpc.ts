import { EntitlementRemedy, type CheckEntitlementResponse } from '../gen/billing/v1/membership_service.pb';
import type { EntitlementCheck } from './check-entitlement';
import type { Remedy } from './remedy';

/** What CheckEntitlement found, as MembershipService says it. */

const REMEDIES: Readonly<Record<Remedy['kind'], EntitlementRemedy>> = {
  none: EntitlementRemedy.UNSPECIFIED,
  buy: EntitlementRemedy.BUY_MEMBERSHIP,
  renew: EntitlementRemedy.RENEW_MEMBERSHIP,
  upgrade: EntitlementRemedy.UPGRADE_PLAN,
  wait_for_period: EntitlementRemedy.WAIT_FOR_PERIOD,
  wait_for_grant: EntitlementRemedy.WAIT_FOR_GRANT,
};

export function toEntitlementMessage(check: EntitlementCheck): CheckEntitlementResponse {
  const { allowed, reason, why, quotaRemaining, remedy, limit, nextGrantTime } = check;
  return {
    ...{ allowed, reason, why, quotaRemaining, nextGrantTime },
    remedy: REMEDIES[remedy.kind],
    planIds: 'planIds' in remedy ? [...remedy.planIds] : [],
    availableTime: 'availableTime' in remedy ? remedy.availableTime : undefined,
    limit: limit?.units ?? 0,
    used: limit?.used ?? 0,
  };
}
