import {
  ListEventDeliveriesRequest,
  ReplayEventsRequest,
  RetryEventDeliveryRequest,
} from '../../src/gen/billing/v1/event_service.pb';
import { call } from './clients';
import { bound, ID, OPTIONAL_ID, paging, UNKNOWN_ENUM, type Faults, type MalformedCalls } from './malformed-fields';

/** Numbers as texts. */
const NUMBER: Faults = [
  ['zero', '0'],
  ['a sign', '-1'],
  ['a word', 'first'],
  ['16 digits', '1'.repeat(16)],
];

/** Every RPC of EventService. */
export const MALFORMED_EVENT_CALLS: readonly MalformedCalls[] = [
  {
    rpc: 'EventService/ReplayEvents',
    valid: () => ({ requestId: 'r', fromEventId: '1' }),
    faults: { requestId: ID, fromEventId: [...NUMBER, ['seven digits behind the dot', '1.1234567']] },
    send: (h, fields) => call(bound(h.as('operations').event, 'replayEvents'), ReplayEventsRequest.create(fields)),
  },
  {
    rpc: 'EventService/ListEventDeliveries',
    valid: () => ({}),
    faults: { state: UNKNOWN_ENUM, sink: OPTIONAL_ID, ...paging },
    send: (h, fields) =>
      call(bound(h.as('auditor').event, 'listEventDeliveries'), ListEventDeliveriesRequest.create(fields)),
  },
  {
    rpc: 'EventService/RetryEventDelivery',
    valid: () => ({ requestId: 'r', deliveryId: '1' }),
    faults: { requestId: ID, deliveryId: [['nothing', ''], ...NUMBER] },
    send: (h, fields) =>
      call(bound(h.as('operations').event, 'retryEventDelivery'), RetryEventDeliveryRequest.create(fields)),
  },
];
