/** `99.00` for 9 900 fen; integers all the way. */
export function yuan(fen: number): string {
  const digits = String(Math.abs(fen)).padStart(3, '0');
  return `${fen < 0 ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** `0.59000`: bills write fees with five decimals. */
export function yuanOfFee(fen: number): string {
  return `${yuan(fen)}000`;
}

export const FEE_RATE = '0.60%';
const FEE_PER_THOUSAND = 6;

/** The fee on an amount, 0.60 % rounded half up to a fen. */
export function feeFen(amountFen: number): number {
  return Math.floor((amountFen * FEE_PER_THOUSAND + 500) / 1_000);
}

/** `part` of `whole`, taken from `shared` in proportion and rounded down; all of it when `part` is the whole. */
export function proportion(shared: number, part: number, whole: number): number {
  return Number((BigInt(shared) * BigInt(part)) / BigInt(whole));
}
