import assert from 'node:assert';

/** Amounts of money: whole fen (分) in a branded safe integer. No float ever holds money. */
export type Fen = number & { readonly __unit: 'fen' };

/** Shares and rates: whole basis points, 10 000 = 100 %. */
export const BASIS_POINTS_WHOLE = 10_000;

/** Checks that a number is an amount of fen: a safe integer, not negative. */
export function fen(value: number): Fen {
  assert(Number.isSafeInteger(value) && value >= 0, `not an amount of fen: ${value}`);
  return value as Fen;
}

/**
 * Integer division of two non-negative safe integers, rounded half up. Exact: the product that callers pass as
 * numerator is checked to be a safe integer, never a rounded one.
 */
export function divideRoundHalfUp(numerator: number, denominator: number): number {
  assert(Number.isSafeInteger(numerator) && numerator >= 0, `numerator out of range: ${numerator}`);
  assert(Number.isSafeInteger(denominator) && denominator > 0, `denominator out of range: ${denominator}`);
  const remainder = numerator % denominator;
  const floor = (numerator - remainder) / denominator;
  return remainder * 2 >= denominator ? floor + 1 : floor;
}

/** A tax-inclusive amount taken apart; net + tax = gross. */
export interface TaxSplit {
  readonly netAmount: Fen;
  readonly taxAmount: Fen;
}

/**
 * Splits a tax-inclusive price (含税价) into net and VAT: net = round_half_up(gross × 10 000 / (10 000 + rate)), tax is
 * the rest, so that the parts always sum to the gross. Source: 增值税暂行条例, 不含税销售额 = 含税销售额 ÷ (1 + 税率).
 */
export function splitTax(gross: Fen, rateBasisPoints: number): TaxSplit {
  const net = divideRoundHalfUp(gross * BASIS_POINTS_WHOLE, BASIS_POINTS_WHOLE + rateBasisPoints);
  return { netAmount: fen(net), taxAmount: fen(gross - net) };
}
