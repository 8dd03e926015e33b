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
  FEATURE_NOT_ENTITLED: {
    code: 'FAILED_PRECONDITION',
    message: 'The user may not use the feature of this task type now, or not as much of it. Nothing was taken.',
  },
  CONSUME_NOT_FOUND: {
    code: 'NOT_FOUND',
    message: 'The user has no such consume: nothing was taken under this request_id, or for this task.',
  },
  HOLD_NOT_FOUND: {
    code: 'NOT_FOUND',
    message: 'The user has no hold with this hold_id, which is the request_id of its HoldQuota.',
  },
  HOLD_NOT_OPEN: {
    code: 'FAILED_PRECONDITION',
    message: 'The hold was captured or released before. Nothing was changed.',
  },
  REFUND_EXCEEDS_CONSUMED: {
    code: 'FAILED_PRECONDITION',
    message: 'The consume has fewer units left to return than the refund asks for. Nothing was returned.',
  },
});
