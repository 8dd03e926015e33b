import { fen } from '../../../src/platform/money';
import {
  endAfterRefund,
  endedUnits,
  judgeRefund,
  type NotRefundable,
  type RefundableOrder,
} from '../../../src/refund/refund-policy';

const PAID_TIME = new Date('2026-01-31T04:00:00Z');
const DAY_MS = 86_400_000;
const after = (days: number): Date => new Date(PAID_TIME.getTime() + days * DAY_MS);

function order(fields: Partial<RefundableOrder> = {}): RefundableOrder {
  const unspoken = { taken: fen(0), refunds: 0, credited: fen(0), isUpgradeOpen: false };
  return { paidTime: PAID_TIME, paid: fen(100), ...unspoken, ...fields };
}

describe('what may go back of an order', () => {
  test.each([
    ['all', order(), 0, 100, true],
    ['all by its amount', order(), 100, 100, true],
    ['a part', order(), 60, 60, false],
    ['the rest', order({ taken: fen(60), refunds: 1 }), 0, 40, true],
    ['a part of the rest', order({ taken: fen(60), refunds: 1 }), 39, 39, false],
    ['what no upgrade credits, which is not all', order({ credited: fen(60) }), 0, 40, false],
    ['the rest beside a credit', order({ taken: fen(30), refunds: 1, credited: fen(60) }), 10, 10, false],
    ['the fiftieth refund', order({ taken: fen(49), refunds: 49 }), 1, 1, false],
  ])('is %s', (_title, of, asked, amount, isFull) => {
    expect(judgeRefund(of, fen(asked), after(1))).toMatchObject({ kind: 'refundable', amount, isFull });
  });

  test.each<[NotRefundable, RefundableOrder, number, number]>([
    ['not_paid', order({ paidTime: null }), 0, 0],
    ['nothing_to_pay', order({ paid: fen(0) }), 0, 0],
    ['exceeds_paid', order(), 101, 100],
    ['exceeds_paid', order({ taken: fen(60), refunds: 1 }), 41, 40],
    ['upgrade_open', order({ isUpgradeOpen: true }), 1, 100],
    ['exceeds_paid', order({ credited: fen(60) }), 41, 40],
    ['nothing_left', order({ credited: fen(100) }), 0, 0],
    ['nothing_left', order({ taken: fen(60), refunds: 1, credited: fen(70) }), 1, 0],
    ['nothing_left', order({ taken: fen(100), refunds: 1 }), 0, 0],
    ['nothing_left', order({ taken: fen(100), refunds: 1 }), 1, 0],
    ['nothing_left', order({ taken: fen(130), refunds: 2 }), 0, 0],
    ['nothing_left', order({ taken: fen(130), refunds: 2 }), 1, 0],
    ['too_many_refunds', order({ taken: fen(50), refunds: 50 }), 1, 50],
  ])('is nothing: %s', (why, of, asked, refundable) => {
    expect(judgeRefund(of, fen(asked), after(1))).toEqual({ kind: 'refused', why, refundable });
  });

  test('is nothing from 365 days after the payment on', () => {
    const last = after(365);
    expect(judgeRefund(order(), fen(0), new Date(last.getTime() - 1))).toMatchObject({ kind: 'refundable' });
    expect(judgeRefund(order(), fen(0), last)).toMatchObject({ why: 'too_late', refundable: 100 });
  });
});

describe('what a refund ends', () => {
  const half = { amount: fen(50), paid: fen(100), isFull: false };
  const all = { amount: fen(40), paid: fen(100), isFull: true };
  const period = { startTime: after(0), endTime: after(30) };

  test('is its part of the units, rounded down, and all of them with the last fen', () => {
    expect(endedUnits(501, half)).toBe(250);
    expect(endedUnits(501, all)).toBe(501);
    expect(endedUnits(0, half)).toBe(0);
  });

  test.each([
    ['half of the time that is left', after(10), half, after(20)],
    ['half of all its time before it starts', after(-5), half, after(15)],
    ['all of it, with the last fen', after(10), all, after(10)],
    ['all of it before it starts', after(-5), all, after(-5)],
    ['nothing when it is over', after(30), half, after(30)],
    ['nothing when it is over, with the last fen', after(31), all, after(30)],
  ])('is of the period %s', (_title, now, part, end) => {
    expect(endAfterRefund(period, part, now)).toEqual(end);
  });
});
