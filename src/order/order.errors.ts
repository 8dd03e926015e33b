import { defineErrors } from '../platform/errors';

/** Refusals about orders. */
export const orderErrors = defineErrors({
  ORDER_NOT_FOUND: {
    code: 'NOT_FOUND',
    message: 'The user has no such order.',
  },
  ORDER_NOT_PAID: {
    code: 'FAILED_PRECONDITION',
    message: 'No money ever came for the order, so there is nothing to issue an invoice for.',
  },
  ORDER_NOT_CANCELLABLE: {
    code: 'FAILED_PRECONDITION',
    message: 'The order does not wait for payment (any more), so it can not be cancelled. Look at its status.',
  },
  ORDER_NOT_PAYABLE: {
    code: 'FAILED_PRECONDITION',
    message: 'The order can not be paid (any more). Look at its status; create a new order if it is not paid.',
  },
  UPGRADE_NOT_POSSIBLE: {
    code: 'FAILED_PRECONDITION',
    message: 'The membership can not be upgraded like that now, or an upgrade waits for payment; `why` says which.',
  },
  TOO_MANY_OPEN_ORDERS: {
    code: 'FAILED_PRECONDITION',
    message: 'The user has too many orders that wait for payment. Pay one of them, or wait until they expire.',
  },
});
