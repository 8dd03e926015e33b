import { defineErrors } from '../platform/errors';

/** Refusals about gift campaigns and gifts. */
export const giftErrors = defineErrors({
  GIFT_CAMPAIGN_NOT_FOUND: {
    code: 'NOT_FOUND',
    message: 'There is no such gift campaign.',
  },
  GIFT_CAMPAIGN_NOT_ACTIVE: {
    code: 'FAILED_PRECONDITION',
    message: 'The gift campaign does not allow this now: look at its status and its window.',
  },
  GIFT_BUDGET_EXHAUSTED: {
    code: 'FAILED_PRECONDITION',
    message: 'What is left of the budget of the gift campaign is not enough for one more gift.',
  },
  GIFT_ALREADY_GRANTED: {
    code: 'ALREADY_EXISTS',
    message: 'The user has had the gift of this campaign before. GetQuota and ListQuotaLogs show it.',
  },
});
