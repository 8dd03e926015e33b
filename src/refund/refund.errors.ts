import { defineErrors } from '../platform/errors';

/** Refusals about refunds. */
export const refundErrors = defineErrors({
  REFUND_NOT_FOUND: {
    code: 'NOT_FOUND',
    message: 'There is no such refund.',
  },
  REFUND_NOT_PROPOSED: {
    code: 'FAILED_PRECONDITION',
    message: 'The refund does not wait for an approval (any more); `status` says where it stands.',
  },
  ORDER_NOT_REFUNDABLE: {
    code: 'FAILED_PRECONDITION',
    message:
      'The order can not be refunded like that; `why` says what stands against it, `refundable` what may go back.',
  },
});
