import type { Refusal } from './billing';
import type { Cell } from '../../src/cli/output';
import { shanghaiRfc3339 } from '../wechatpay/time';

/** How amounts, instants and refusals are written for people. */

const FEN_PER_YUAN = 100;

/** 9900 → ¥99.00 */
export function yuan(fen: number): string {
  return `¥${Math.trunc(fen / FEN_PER_YUAN)}.${String(fen % FEN_PER_YUAN).padStart(2, '0')}`;
}

/** An instant on Beijing's clock; empty when there is none. */
export function beijing(instant: Date | undefined): string {
  return instant === undefined ? '' : shanghaiRfc3339(instant);
}

/** +5, -5 */
export function signed(units: number): string {
  return units > 0 ? `+${units}` : String(units);
}

export const REFUSAL_HEADINGS = ['code', 'reason', 'metadata'];

/** A refusal as a row under REFUSAL_HEADINGS. */
export function refusalRow({ code, reason, metadata }: Refusal): readonly Cell[] {
  const facts = Object.entries(metadata).map(([name, value]) => `${name}=${value}`);
  return [code, reason, facts.join(' ')];
}
