import { defineErrors } from '../platform/errors';

/** Refusals about what WeChat Pay told. */
export const paymentErrors = defineErrors({
  NOTIFICATION_NOT_FOUND: {
    code: 'NOT_FOUND',
    message: 'There is no such notification.',
  },
});
