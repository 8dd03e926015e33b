import assert from 'node:assert';
import { fen, type Fen } from '../platform/money';
import { addMs, fromEpochMs, later, MS_PER_DAY } from '../platform/time';

/**
 * What a refund of an order takes back: the one place of the policy, in words in README.md. Pure. A part of something is
 * always rounded down, in the user's favour, and computed of what is left of it.
 */

/** WeChat Pay's own bounds. */
const REFUNDS_MAX = 50;
const REFUNDABLE_DAYS = 365;

/** What may be refunded is judged by. */
export interface RefundableOrder {
  /** When it was paid; null: it was not. */
  readonly paidTime: Date | null;
  /** What was paid. */
  readonly paid: Fen;
  /** What of it went back or is on its way. */
  readonly taken: Fen;
  /** How many refunds that is. */
  readonly refunds: number;
  /** What of it paid upgrades credit: as long as they do, it does not go back. */
  readonly credited: Fen;
  /** Whether an upgrade that credits of it waits for payment. */
  readonly isUpgradeOpen: boolean;
}

/** Why nothing is refunded. */
export type NotRefundable =
  'not_paid' | 'nothing_to_pay' | 'upgrade_open' | 'nothing_left' | 'exceeds_paid' | 'too_many_refunds' | 'too_late';

/** What comes of asking for a refund. */
export type RefundJudgement =
  | {
      readonly kind: 'refundable';
      readonly amount: Fen;
      readonly refundable: Fen;
      /** Whether nothing of the payment is left. */
      readonly isFull: boolean;
    }
  | { readonly kind: 'refused'; readonly why: NotRefundable; readonly refundable: Fen };

/** What may go back of an order. Asked for 0 fen, it is all that may. */
export function judgeRefund(order: RefundableOrder, asked: Fen, now: Date): RefundJudgement {
  const { paidTime, paid, taken, credited } = order;
  if (paidTime === null) return { kind: 'refused', why: 'not_paid', refundable: fen(0) };
  // What somebody refunds in the merchant portal beside ours may leave less than nothing; WeChat Pay then refuses ours.
  const refundable = fen(Math.max(0, paid - taken - credited));
  const refuse = (why: NotRefundable): RefundJudgement => ({ kind: 'refused', why, refundable });
  if (paid === 0) return refuse('nothing_to_pay');
  if (order.isUpgradeOpen) return refuse('upgrade_open');
  if (refundable === 0) return refuse('nothing_left');
  if (asked > refundable) return refuse('exceeds_paid');
  if (order.refunds >= REFUNDS_MAX) return refuse('too_many_refunds');
  const lastTime = addMs(paidTime, REFUNDABLE_DAYS * MS_PER_DAY);
  if (now.getTime() >= lastTime.getTime()) return refuse('too_late');
  const amount = asked === 0 ? refundable : asked;
  return { kind: 'refundable', amount, refundable, isFull: amount === paid - taken };
}

/** A refund, as far as it decides what ends. */
export interface RefundPart {
  readonly amount: Fen;
  /** What the order cost. */
  readonly paid: Fen;
  /** Whether nothing of the payment is left after it. */
  readonly isFull: boolean;
}

/** A part of something whole: whole × amount ÷ paid, rounded down, exact beyond 2^53. */
function partOf(whole: number, { amount, paid }: RefundPart): number {
  assert(Number.isSafeInteger(whole) && whole >= 0, `not a whole: ${whole}`);
  return Number((BigInt(whole) * BigInt(amount)) / BigInt(paid));
}

/** How many of the order's units that nobody used, held or froze a refund ends: all, or its part of them. */
export function endedUnits(unspent: number, part: RefundPart): number {
  return part.isFull ? unspent : partOf(unspent, part);
}

/** Where a period lies. */
export interface PeriodTimes {
  readonly startTime: Date;
  readonly endTime: Date;
}

/**
 * When a period ends after a refund at an instant: at once, or earlier by the refund's part of the time that is left of
 * it. Never after it would have ended, and before it starts only where it ends at once.
 */
export function endAfterRefund({ startTime, endTime }: PeriodTimes, part: RefundPart, now: Date): Date {
  const restTime = later(now, startTime);
  const restMs = endTime.getTime() - restTime.getTime();
  if (restMs <= 0) return endTime;
  return part.isFull ? fromEpochMs(Math.min(now.getTime(), endTime.getTime())) : addMs(endTime, -partOf(restMs, part));
}
