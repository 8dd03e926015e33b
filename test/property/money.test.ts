import fc from 'fast-check';
import { BASIS_POINTS_WHOLE, divideRoundHalfUp, fen, splitTax } from '../../src/platform/money';

/** The largest gross whose multiplied form is still exact: about 9 billion yuan. */
const GROSS_MAX = Math.floor(Number.MAX_SAFE_INTEGER / BASIS_POINTS_WHOLE);

/** Lesson 51: parts sum to the whole, for every amount and rate. */
describe('money for any amount and any rate', () => {
  test('net and tax sum to the gross and neither is negative', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: GROSS_MAX }), fc.integer({ min: 0, max: 9_999 }), (gross, rate) => {
        const { netAmount, taxAmount } = splitTax(fen(gross), rate);
        expect(netAmount + taxAmount).toBe(gross);
        expect(netAmount).toBeGreaterThanOrEqual(0);
        expect(taxAmount).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  test('the net is the rounded quotient that big integers give', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: GROSS_MAX }), fc.integer({ min: 0, max: 9_999 }), (gross, rate) => {
        const divisor = BigInt(BASIS_POINTS_WHOLE + rate);
        const exact = (2n * BigInt(gross) * BigInt(BASIS_POINTS_WHOLE) + divisor) / (2n * divisor);
        expect(BigInt(splitTax(fen(gross), rate).netAmount)).toBe(exact);
      }),
    );
  });

  test('integer division rounds half up as big integers do, over the whole range', () => {
    const anyNumerator = fc.maxSafeNat();
    fc.assert(
      fc.property(anyNumerator, fc.integer({ min: 1, max: 2 ** 31 }), (numerator, denominator) => {
        const [n, d] = [BigInt(numerator), BigInt(denominator)];
        expect(BigInt(divideRoundHalfUp(numerator, denominator))).toBe((2n * n + d) / (2n * d));
      }),
    );
  });
});
