import { nextStatus, type OrderEvent, type OrderStatus } from '../../../src/order/order-state';

/** Lessons 9, 38: the life of an order, written out; what is not here may not happen. */
describe('what may follow what in the life of an order', () => {
  const table: [status: OrderStatus, event: OrderEvent, next: OrderStatus | undefined][] = [
    ['created', 'prepaid', 'pending'],
    ['created', 'prepay_refused', 'failed'],
    ['created', 'paid', 'paid'],
    ['created', 'closed', 'closed'],
    ['pending', 'prepaid', undefined],
    ['pending', 'prepay_refused', undefined],
    ['pending', 'paid', 'paid'],
    ['pending', 'closed', 'closed'],
    ['closing', 'prepaid', undefined],
    ['closing', 'prepay_refused', undefined],
    ['closing', 'paid', 'paid'],
    ['closing', 'closed', 'closed'],
    ['paid', 'prepaid', undefined],
    ['paid', 'prepay_refused', undefined],
    ['paid', 'paid', undefined],
    ['paid', 'closed', undefined],
    ['closed', 'prepaid', undefined],
    ['closed', 'prepay_refused', undefined],
    ['closed', 'paid', undefined],
    ['closed', 'closed', undefined],
    ['failed', 'prepaid', undefined],
    ['failed', 'prepay_refused', undefined],
    ['failed', 'paid', undefined],
    ['failed', 'closed', undefined],
    ['refunded', 'prepaid', undefined],
    ['refunded', 'prepay_refused', undefined],
    ['refunded', 'paid', undefined],
    ['refunded', 'closed', undefined],
  ];

  test.each(table)('%s + %s → %s', (status, event, next) => {
    expect(nextStatus(status, event)).toBe(next);
  });

  test('the table holds every status with every event', () => {
    const statuses: Record<OrderStatus, true> = {
      created: true,
      pending: true,
      closing: true,
      paid: true,
      closed: true,
      failed: true,
      refunded: true,
    };
    const events: Record<OrderEvent, true> = { prepaid: true, prepay_refused: true, paid: true, closed: true };
    expect(new Set(table.map(([status, event]) => `${status} ${event}`)).size).toBe(
      Object.keys(statuses).length * Object.keys(events).length,
    );
  });
});
