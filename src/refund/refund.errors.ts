import { defineErrors } from '../platform/errors';

/** Refusals about refunds. */
export const refundErrors = defineErrors({
  ORDER_NOT_REFUNDABLE: {
    code: 'FAILED_PRECONDITION',
    message:
      'The order can not be refunded like that; `why` says what stands against it, `refundable` what may go back.',
  },
});
