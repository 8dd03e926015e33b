import fc from 'fast-check';
import { fen } from '../../src/platform/money';
import { endAfterRefund, endedUnits, judgeRefund, type RefundPart } from '../../src/refund/refund-policy';

const RUNS = { numRuns: 5_000 };
const PAID_MAX = 1_000_000_000;
const PAID_TIME = new Date('2026-01-01T00:00:00Z');
const NOW = new Date('2026-01-10T00:00:00Z');

const paid = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: PAID_MAX })).map(fen);
const units = fc.oneof(fc.integer({ min: 0, max: 1_000 }), fc.maxSafeNat());
/** A refund that leaves something of what was paid. */
const partial: fc.Arbitrary<RefundPart> = paid
  .filter((whole) => whole > 1)
  .chain((whole) => fc.integer({ min: 1, max: whole - 1 }).map((amount) => partOf(amount, whole)));
/** Two that together leave something. */
const twoPartials = paid
  .filter((whole) => whole > 2)
  .chain((whole) =>
    fc
      .integer({ min: 1, max: whole - 2 })
      .chain((first) =>
        fc.integer({ min: 1, max: whole - 1 - first }).map((second) => [first, second, whole] as const),
      ),
  )
  .map(([first, second, whole]) => ({
    first: partOf(first, whole),
    second: partOf(second, whole),
    both: partOf(first + second, whole),
  }));
const instant = fc.integer({ min: 0, max: 40_000_000_000 }).map((ms) => new Date(PAID_TIME.getTime() + ms));
const period = fc
  .tuple(instant, fc.integer({ min: 1, max: 32_000_000_000 }))
  .map(([startTime, ms]) => ({ startTime, endTime: new Date(startTime.getTime() + ms) }));

function partOf(amount: number, whole: number): RefundPart {
  return { amount: fen(amount), paid: fen(whole), isFull: false };
}

const latest = (...times: readonly Date[]): number => Math.max(...times.map((time) => time.getTime()));

describe('lesson 39: refunds of one order, however they are asked for', () => {
  test('never sum with credits to more than was paid, and exactly the one that leaves nothing is full', () => {
    const asked = fc.array(fc.integer({ min: 0, max: PAID_MAX }), { maxLength: 60 });
    const credits = fc.oneof(fc.constant(0), fc.nat(PAID_MAX));
    fc.assert(
      fc.property(paid, credits, asked, (whole, credit, asks) => {
        const credited = fen(credit % (whole + 1));
        let taken = fen(0);
        let refunds = 0;
        for (const ask of asks) {
          const order = { paidTime: PAID_TIME, paid: whole, taken, refunds, credited, isUpgradeOpen: false };
          const judged = judgeRefund(order, fen(ask % (whole * 2)), NOW);
          if (judged.kind === 'refused') continue;
          expect(judged.amount).toBeGreaterThan(0);
          taken = fen(taken + judged.amount);
          refunds += 1;
          expect(taken + credited).toBeLessThanOrEqual(whole);
          expect(judged.isFull).toBe(taken === whole);
        }
        expect(refunds).toBeLessThanOrEqual(50);
      }),
      RUNS,
    );
  });
});

describe('the units that a refund ends', () => {
  test('are between none and what is unspent, exactly floor(unspent × amount ÷ paid), and all with the last fen', () => {
    fc.assert(
      fc.property(units, partial, (unspent, part) => {
        const ended = endedUnits(unspent, part);
        expect(Number.isSafeInteger(ended)).toBe(true);
        expect(ended).toBeGreaterThanOrEqual(0);
        const [left, right] = [BigInt(ended) * BigInt(part.paid), BigInt(unspent) * BigInt(part.amount)];
        expect(left <= right && right < left + BigInt(part.paid)).toBe(true);
        expect(endedUnits(unspent, { ...part, isFull: true })).toBe(unspent);
      }),
      RUNS,
    );
  });

  test('by two refunds one after the other are never more than by one of both, and are all after a full one', () => {
    fc.assert(
      fc.property(units, twoPartials, (unspent, { first, second, both }) => {
        const afterFirst = unspent - endedUnits(unspent, first);
        const afterBoth = afterFirst - endedUnits(afterFirst, second);
        expect(afterBoth).toBeGreaterThanOrEqual(unspent - endedUnits(unspent, both));
        expect(afterBoth - endedUnits(afterBoth, { ...second, isFull: true })).toBe(0);
      }),
      RUNS,
    );
  });
});

describe('the end of a period after a refund', () => {
  test('is never later than before, and a part leaves some time wherever there was any', () => {
    fc.assert(
      fc.property(period, partial, instant, (times, part, now) => {
        const end = endAfterRefund(times, part, now).getTime();
        expect(end).toBeLessThanOrEqual(times.endTime.getTime());
        const hasTimeLeft = now.getTime() < times.endTime.getTime();
        if (hasTimeLeft) expect(end).toBeGreaterThan(latest(now, times.startTime));
        else expect(end).toBe(times.endTime.getTime());
      }),
      RUNS,
    );
  });

  test('is at once with the last fen, or where it was if that is past', () => {
    fc.assert(
      fc.property(period, partial, instant, (times, part, now) => {
        const end = endAfterRefund(times, { ...part, isFull: true }, now).getTime();
        expect(end).toBe(Math.min(now.getTime(), times.endTime.getTime()));
      }),
      RUNS,
    );
  });

  test('by two refunds at one instant is never earlier than by one of both', () => {
    fc.assert(
      fc.property(period, twoPartials, instant, (times, { first, second, both }, now) => {
        const endTime = endAfterRefund(times, first, now);
        const end = endAfterRefund({ ...times, endTime }, second, now).getTime();
        expect(end).toBeGreaterThanOrEqual(endAfterRefund(times, both, now).getTime());
      }),
      RUNS,
    );
  });
});
