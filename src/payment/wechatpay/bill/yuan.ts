import assert from 'node:assert';
import { fen, type Fen } from '../../../platform/money';

/**
 * Amounts as bills write them: decimal yuan (元) in text. Exact in both directions: digits are moved, nothing is
 * multiplied as a float.
 */

/** Whole millionths of a yuan, perhaps negative: fees have five decimals, which fen can not hold. */
export type MicroYuan = number & { readonly __unit: 'micro-yuan' };

/** Checks that a number is an amount of micro-yuan: a safe integer. */
export function microYuan(value: number): MicroYuan {
  assert(Number.isSafeInteger(value), `not an amount of micro-yuan: ${value}`);
  return value as MicroYuan;
}

/** Below ten milliards of yuan: the largest amount whose micro-yuan are a safe integer has ten digits, too. */
const AMOUNT = /^(-?)(\d{1,10})(?:\.(\d{1,8}))?$/;
const FEN_DECIMALS = 2;
const MICRO_DECIMALS = 6;

/** `0.06` → 6. Undefined for text that is no amount, is negative, or has a part smaller than a fen. */
export function parseFen(yuan: string): Fen | undefined {
  const value = parseScaled(yuan, FEN_DECIMALS);
  return value === undefined || value < 0 ? undefined : fen(value);
}

/** `-0.01000` → -10 000. Undefined for text that is no amount or has a part smaller than a micro-yuan. */
export function parseMicroYuan(yuan: string): MicroYuan | undefined {
  const value = parseScaled(yuan, MICRO_DECIMALS);
  return value === undefined ? undefined : microYuan(value);
}

function parseScaled(yuan: string, decimals: number): number | undefined {
  const [, sign, whole, fraction = ''] = AMOUNT.exec(yuan) ?? [];
  if (whole === undefined || /[^0]/.test(fraction.slice(decimals))) return undefined;
  const magnitude = Number(whole + fraction.slice(0, decimals).padEnd(decimals, '0'));
  if (!Number.isSafeInteger(magnitude)) return undefined;
  // Zero has no sign: -0 would not equal 0 everywhere.
  return sign === '-' && magnitude !== 0 ? -magnitude : magnitude;
}
