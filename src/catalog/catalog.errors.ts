import { defineErrors } from '../platform/errors';

/** Refusals about plans. */
export const catalogErrors = defineErrors({
  PLAN_NOT_FOUND: {
    code: 'NOT_FOUND',
    message: 'No such plan, or none that is on sale now. ListPlans tells which are.',
  },
});
