import {
  isCounted,
  isOpen,
  nextRefundStatus,
  type RefundEvent,
  type RefundStatus,
} from '../../../src/payment/refund-state';

const STATUSES = ['proposed', 'created', 'processing', 'succeeded', 'closed', 'abnormal', 'failed'] as const;
const EVENTS = ['approved', 'rejected', 'accepted', 'succeeded', 'closed', 'stuck', 'refused'] as const;

/** Must-show 3: the life of a refund, written out; what is `-` changes nothing. */
const TABLE: Readonly<Record<RefundStatus, readonly (RefundStatus | '-')[]>> = {
  //           approved   rejected  accepted      succeeded    closed    stuck       refused
  proposed: ['created', 'closed', '-', '-', '-', '-', '-'],
  created: ['-', '-', 'processing', 'succeeded', 'closed', 'abnormal', 'failed'],
  processing: ['-', '-', '-', 'succeeded', 'closed', 'abnormal', '-'],
  succeeded: ['-', '-', '-', '-', '-', '-', '-'],
  closed: ['-', '-', '-', '-', '-', '-', '-'],
  abnormal: ['-', '-', 'processing', 'succeeded', 'closed', '-', '-'],
  failed: ['-', '-', '-', '-', '-', '-', '-'],
};

describe('what may follow what in the life of a refund', () => {
  const pairs = STATUSES.flatMap((status) =>
    EVENTS.map((event, i): [RefundStatus, RefundEvent, string] => [status, event, TABLE[status][i] ?? 'missing']),
  );

  test.each(pairs)('%s + %s → %s', (status, event, next) => {
    expect(nextRefundStatus(status, event) ?? '-').toBe(next);
  });

  test('every pair is in the table', () => {
    expect(pairs).toHaveLength(49);
    expect(pairs.map(([, , next]) => next)).not.toContain('missing');
  });

  test('a refund is open until its end is known, and takes its amount unless it ended without moving money', () => {
    expect(STATUSES.filter(isOpen)).toEqual(['proposed', 'created', 'processing', 'abnormal']);
    expect(STATUSES.filter(isCounted)).toEqual(['proposed', 'created', 'processing', 'succeeded', 'abnormal']);
    for (const status of STATUSES) {
      expect(EVENTS.some((event) => nextRefundStatus(status, event) !== undefined)).toBe(isOpen(status));
    }
  });
});
