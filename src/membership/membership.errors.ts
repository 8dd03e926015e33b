import { defineErrors } from '../platform/errors';

/** Refusals about plans and memberships. */
export const membershipErrors = defineErrors({
  PLAN_NOT_FOUND: {
    code: 'NOT_FOUND',
    message: 'No such plan is on sale now. ListPlans tells which are.',
  },
});
