import { defineErrors } from '../platform/errors';

/** Refusals of quota commands. */
export const quotaErrors = defineErrors({
  USER_NOT_FOUND: {
    code: 'NOT_FOUND',
    message: 'No such user. Register the user first.',
  },
  QUOTA_INSUFFICIENT: {
    code: 'FAILED_PRECONDITION',
    message: 'The user has fewer usable units than the command takes. Nothing was taken.',
  },
  CONSUME_NOT_FOUND: {
    code: 'NOT_FOUND',
    message: 'The user has no consume with this request_id.',
  },
  REFUND_EXCEEDS_CONSUMED: {
    code: 'FAILED_PRECONDITION',
    message: 'The consume has fewer units left to return than the refund asks for. Nothing was returned.',
  },
});
