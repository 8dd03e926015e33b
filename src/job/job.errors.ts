import { defineErrors } from '../platform/errors';

/** Refusals about jobs. */
export const jobErrors = defineErrors({
  DEAD_LETTER_NOT_FOUND: {
    code: 'NOT_FOUND',
    message: 'There is no such dead letter.',
  },
  DEAD_LETTER_RESOLVED: {
    code: 'FAILED_PRECONDITION',
    message: 'The dead letter is resolved: its job succeeded since.',
  },
});
