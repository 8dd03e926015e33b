import { nextStatus, type OrderEvent, type OrderStatus } from '../../../src/order/order-state';

const STATUSES = ['created', 'pending', 'closing', 'paid', 'closed', 'failed', 'refunded'] as const;
const EVENTS = ['prepaid', 'prepay_refused', 'paid', 'close_requested', 'closed', 'refunded'] as const;

/** Must show 3, lessons 9, 38: the life of an order, written out once more; what is not here may not happen. */
const MAY_HAPPEN: readonly (readonly [OrderStatus, OrderEvent, OrderStatus])[] = [
  ['created', 'prepaid', 'pending'],
  ['created', 'prepay_refused', 'failed'],
  ['created', 'paid', 'paid'],
  ['created', 'close_requested', 'closing'],
  ['created', 'closed', 'closed'],
  ['pending', 'paid', 'paid'],
  ['pending', 'close_requested', 'closing'],
  ['pending', 'closed', 'closed'],
  ['closing', 'paid', 'paid'],
  ['closing', 'closed', 'closed'],
  ['paid', 'refunded', 'refunded'],
];

describe('what may follow what in the life of an order', () => {
  const pairs = STATUSES.flatMap((status) => EVENTS.map((event) => [status, event] as const));

  test.each(pairs)('%s + %s', (status, event) => {
    const [, , next] = MAY_HAPPEN.find(([from, what]) => from === status && what === event) ?? [];
    expect(nextStatus(status, event)).toBe(next);
  });

  test('every status and event there is was tried', () => {
    const statuses: Record<OrderStatus, true> = {
      ...{ created: true, pending: true, closing: true, paid: true, closed: true, failed: true, refunded: true },
    };
    const events: Record<OrderEvent, true> = {
      ...{ prepaid: true, prepay_refused: true, paid: true, close_requested: true, closed: true, refunded: true },
    };
    expect([...STATUSES].sort()).toEqual(Object.keys(statuses).sort());
    expect([...EVENTS].sort()).toEqual(Object.keys(events).sort());
  });

  test.each(['closed', 'failed', 'refunded'] as const)('%s is the end', (status) => {
    expect(EVENTS.map((event) => nextStatus(status, event))).toEqual(EVENTS.map(() => undefined));
  });
});
