import { divideRoundHalfUp, fen, splitTax } from '../../../src/platform/money';

describe('fen', () => {
  test.each([[0.5], [-1], [Number.NaN], [2 ** 53], [Number.POSITIVE_INFINITY]])('%p is not an amount', (value) => {
    expect(() => fen(value)).toThrow(/not an amount of fen/);
  });

  test('an amount is the number it was', () => {
    expect([fen(0), fen(9_900), fen(Number.MAX_SAFE_INTEGER)]).toEqual([0, 9_900, Number.MAX_SAFE_INTEGER]);
  });
});

describe('division of integers', () => {
  test('rounds half up', () => {
    expect([4, 5, 6, 14, 15].map((numerator) => divideRoundHalfUp(numerator, 10))).toEqual([0, 1, 1, 1, 2]);
  });

  test('refuses a product that was rounded on its way, a negative numerator and a zero denominator', () => {
    expect(() => divideRoundHalfUp(2 ** 53, 3)).toThrow(/numerator out of range/);
    expect(() => divideRoundHalfUp(-1, 3)).toThrow(/numerator out of range/);
    expect(() => divideRoundHalfUp(1, 0)).toThrow(/denominator out of range/);
  });
});

describe('the tax in a price', () => {
  test('of ¥99.00 at 6 % is ¥5.60, the net ¥93.40', () => {
    expect(splitTax(fen(9_900), 600)).toEqual({ netAmount: 9_340, taxAmount: 560 });
  });

  test('is nothing at 0 %, and nothing of nothing', () => {
    expect(splitTax(fen(9_900), 0)).toEqual({ netAmount: 9_900, taxAmount: 0 });
    expect(splitTax(fen(0), 600)).toEqual({ netAmount: 0, taxAmount: 0 });
  });

  test('of one fen is wholly in the rounding and still sums to it', () => {
    expect(splitTax(fen(1), 600)).toEqual({ netAmount: 1, taxAmount: 0 });
    expect(splitTax(fen(1), 9_999)).toEqual({ netAmount: 1, taxAmount: 0 });
  });
});
