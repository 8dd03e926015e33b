import { defineErrors } from '../../platform/errors';

/** Refusals about reviews. */
export const reviewErrors = defineErrors({
  REVIEW_NOT_FOUND: {
    code: 'NOT_FOUND',
    message: 'There is no such review.',
  },
  REVIEW_IN_PROGRESS: {
    code: 'FAILED_PRECONDITION',
    message: 'A review is being made already, and each reads the whole database. Wait for that one.',
  },
});
