import * as fc from 'fast-check';
import { feeFen, yuan, yuanOfFee } from '../../../simulator/wechatpay/money';
import { payerTotalFen, settlementFen, type Transaction } from '../../../simulator/wechatpay/order';
import { shares, type Refund } from '../../../simulator/wechatpay/refund';
import { fen } from './support/bill';

/** A payment, and the parts in which all of it is refunded. */
const refundedPayment = fc
  .record({
    parts: fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 50 }),
    discountShare: fc.integer({ min: 0, max: 100 }),
    type: fc.constantFrom('CASH' as const, 'NOCASH' as const),
  })
  .map(({ parts, discountShare, type }) => {
    const amountFen = parts.reduce((sum, part) => sum + part, 0);
    const discount = { couponId: '1', type, amountFen: Math.floor((amountFen * discountShare) / 100) };
    const transaction: Transaction = { transactionId: '1', successTimeMs: 0, amountFen, openid: 'o', discount };
    return { parts, transaction };
  });

function refundAll(parts: readonly number[], transaction: Transaction): Refund[] {
  const refunds: Refund[] = [];
  for (const [n, amountFen] of parts.entries()) {
    const ids = { refundId: `${n}`, outRefundNo: `${n}`, outTradeNo: 'o', transactionId: '1' };
    const history = [{ status: 'SUCCESS', timeMs: 0 }] as const;
    const share = shares(transaction, refunds, amountFen);
    refunds.push({ ...ids, amountFen, ...share, createTimeMs: 0, history, channel: 'ORIGINAL' });
  }
  return refunds;
}

describe('whatever the parts in which a payment is refunded', () => {
  test('payer, discount and merchant get back exactly what each gave, and the fee is never overpaid', () => {
    fc.assert(
      fc.property(refundedPayment, ({ parts, transaction }) => {
        const refunds = refundAll(parts, transaction);
        const sum = (amountOf: (refund: Refund) => number): number =>
          refunds.reduce((total, refund) => total + amountOf(refund), 0);
        expect(sum(({ payerRefundFen }) => payerRefundFen)).toBe(payerTotalFen(transaction));
        expect(sum(({ discountRefundFen }) => discountRefundFen)).toBe(transaction.discount?.amountFen);
        expect(sum(({ settlementRefundFen }) => settlementRefundFen)).toBe(settlementFen(transaction));
        expect(sum(({ feeReturnFen }) => feeReturnFen)).toBeLessThanOrEqual(feeFen(settlementFen(transaction)));
        for (const refund of refunds) {
          expect(refund.payerRefundFen + refund.discountRefundFen).toBe(refund.amountFen);
          expect(Math.min(refund.payerRefundFen, refund.discountRefundFen, refund.feeReturnFen)).toBeGreaterThanOrEqual(
            0,
          );
        }
      }),
    );
  });

  test('amounts are written so that reading them gives the same', () => {
    fc.assert(
      fc.property(fc.integer({ min: -10_000_000, max: 10_000_000 }), (amountFen) => {
        expect([fen(yuan(amountFen)), fen(yuanOfFee(amountFen))]).toEqual([amountFen + 0, amountFen + 0]);
      }),
    );
    expect([yuan(0), yuan(5), yuan(-59), yuan(9900)]).toEqual(['0.00', '0.05', '-0.59', '99.00']);
    expect([feeFen(83), feeFen(84), feeFen(9900)]).toEqual([0, 1, 59]);
  });
});
