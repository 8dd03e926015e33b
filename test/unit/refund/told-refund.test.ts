import type { ToldRefund } from '../../../src/payment';
import type { RefundStatus } from '../../../src/payment/refund-state';
import { fen } from '../../../src/platform/money';
import { findUnbookable, type KnownRefund } from '../../../src/refund/told-refund';

const TOLD: ToldRefund = {
  ...{ outTradeNo: 'order-1', transactionId: 't-1', refundId: 'w-1', outRefundNo: 'r-1' },
  ...{ status: 'SUCCESS', successTime: new Date('2026-01-01T00:00:00Z'), amount: fen(60), total: fen(100) },
};
const PAYMENT = { id: 'p-1', orderId: 'order-1', amount: 100 };
const REFUND = { paymentId: 'p-1', amount: 60, refundId: null, status: 'processing' } as const;
const KNOWN: KnownRefund = { order: { id: 'order-1' }, payment: PAYMENT, refund: REFUND, wentBack: 0 };

describe('what WeChat Pay tells of a refund is booked', () => {
  test.each<[string, KnownRefund]>([
    ['when it is ours', KNOWN],
    ['when its id is known', { ...KNOWN, refund: { ...REFUND, refundId: 'w-1' } }],
    ['when it is nobody’s and fits into what is left', { ...KNOWN, refund: undefined, wentBack: 40 }],
    ['when it is ours and takes the rest', { ...KNOWN, wentBack: 40 }],
    ['when it is ours and went back already', { ...KNOWN, refund: { ...REFUND, status: 'succeeded' }, wentBack: 100 }],
  ])('%s', (_title, known) => {
    expect(findUnbookable(TOLD, known)).toBeUndefined();
  });

  test.each<[string, Partial<ToldRefund>, Partial<KnownRefund>]>([
    ['other_order', { outTradeNo: 'order-2' }, {}],
    ['other_order', {}, { payment: { ...PAYMENT, orderId: 'order-2' } }],
    ['total_mismatch', { total: fen(99) }, {}],
    ['amount_mismatch', { amount: fen(59) }, {}],
    ['other_transaction', {}, { refund: { ...REFUND, paymentId: 'p-2' } }],
    ['other_refund_id', {}, { refund: { ...REFUND, refundId: 'w-2' } }],
    ['exceeds_paid', {}, { refund: undefined, wentBack: 41 }],
    ['exceeds_paid', {}, { wentBack: 41 }],
  ])('not: %s', (why, lie, known) => {
    expect(findUnbookable({ ...TOLD, ...lie }, { ...KNOWN, ...known })).toBe(why);
  });
});

/** Old news may come late; money that moved against our books is never taken for that. */
describe('what contradicts the end of a refund', () => {
  const TELLS = ['PROCESSING', 'SUCCESS', 'CLOSED', 'ABNORMAL'] as const;
  const CONTRADICTIONS: Readonly<Record<RefundStatus, readonly (typeof TELLS)[number][]>> = {
    // Nobody sent it.
    proposed: ['PROCESSING', 'SUCCESS', 'CLOSED', 'ABNORMAL'],
    created: [],
    processing: [],
    abnormal: [],
    succeeded: ['CLOSED'],
    closed: ['SUCCESS'],
    failed: ['PROCESSING', 'SUCCESS', 'ABNORMAL'],
  };

  test.each(Object.entries(CONTRADICTIONS) as [RefundStatus, readonly (typeof TELLS)[number][]][])(
    'of one that is %s',
    (status, contradicting) => {
      const known = { ...KNOWN, refund: { ...REFUND, status } };
      const found = TELLS.filter((told) => findUnbookable({ ...TOLD, status: told }, known) !== undefined);
      expect(found).toEqual(contradicting);
    },
  );
});
