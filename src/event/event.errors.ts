import { defineErrors } from '../platform/errors';

/** Refusals about events. */
export const eventErrors = defineErrors({
  EVENT_NOT_FOUND: {
    code: 'NOT_FOUND',
    message: 'There is no such event, none since then, or it is older than events are kept.',
  },
  EVENT_DELIVERY_NOT_FOUND: {
    code: 'NOT_FOUND',
    message: 'There is no such delivery. ListEventDeliveries tells which there are.',
  },
});
