import fc from 'fast-check';
import type { GrantSource } from '../../src/quota/account';
import { isExpired } from '../../src/quota/burn-order';
import { verifyChain } from '../../src/quota/log-chain';
import { MemoryLedger } from '../support/memory-ledger';
import { EPOCH } from '../support/quota-account';
import { QuotaOracle, type Verdict } from '../support/quota-oracle';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const GRACE_DAYS = 7;

/** The invariants of design §3 and lesson 18, from rows and lots alone. */
function expectInvariants(oracle: QuotaOracle, ledger: MemoryLedger): void {
  const { rows, lots, balance, head } = ledger;
  const sumOf = (type: string): number =>
    rows.filter((row) => row.type === type).reduce((sum, row) => sum + row.units, 0);
  const lotSum = lots.reduce((sum, lot) => sum + lot.remaining, 0);
  expect(balance).toBeGreaterThanOrEqual(0);
  expect(lotSum).toBe(balance);
  expect(rows.reduce((sum, row) => sum + row.amount, 0)).toBe(balance);
  expect(verifyChain(rows)).toEqual({ sequence: rows.length, hash: head, balance });
  const netConsumed = sumOf('CONSUME') - sumOf('REFUND');
  expect(sumOf('GRANT')).toBe(balance + netConsumed + sumOf('EXPIRE'));
  expect(oracle.granted).toBe(sumOf('GRANT'));
  expect(oracle.count('consumed')).toBe(netConsumed);
  expect(oracle.count('expired')).toBe(sumOf('EXPIRE'));
  for (const lot of lots) {
    expect(lot.remaining).toBeGreaterThanOrEqual(0);
    expect(lot.remaining).toBeLessThanOrEqual(lot.amount);
  }
}

/** No CONSUME row ever takes a unit of a lot that had expired when it was written. */
function expectNothingExpiredSpent(ledger: MemoryLedger): void {
  for (const row of ledger.rows.filter(({ type }) => type === 'CONSUME')) {
    for (const [grantId] of row.lots) {
      const lot = ledger.lots.find((candidate) => candidate.grantId === grantId);
      expect(lot && isExpired(lot, row.createTime)).toBe(false);
    }
  }
}

/** One step on both: the ledger and the oracle must answer the same. */
class Step implements fc.Command<QuotaOracle, MemoryLedger> {
  constructor(
    private readonly name: string,
    private readonly onOracle: (oracle: QuotaOracle) => Verdict | undefined,
    private readonly onLedger: (ledger: MemoryLedger) => Verdict | undefined,
  ) {}

  check(): boolean {
    return true;
  }

  run(oracle: QuotaOracle, ledger: MemoryLedger): void {
    expect(this.onLedger(ledger)).toEqual(this.onOracle(oracle));
    expectInvariants(oracle, ledger);
    expectNothingExpiredSpent(ledger);
  }

  toString(): string {
    return this.name;
  }
}

let grants = 0;

function grantStep(source: GrantSource, units: number, lifeMs: number | null): Step {
  const ref = `ref-${(grants += 1)}`;
  return new Step(
    `grant ${units} ${source} for ${lifeMs ?? 'ever'} ms`,
    (oracle) => {
      oracle.grant(source, units, lifeMs === null ? Number.POSITIVE_INFINITY : oracle.nowMs + lifeMs);
      return undefined;
    },
    (ledger) => {
      // A registration grant exists once per user; the reference stands in for that.
      ledger.grant(source, ref, units, lifeMs === null ? null : new Date(ledger.now.getTime() + lifeMs));
      return undefined;
    },
  );
}

function advanceStep(ms: number): Step {
  return new Step(
    `advance ${ms} ms`,
    (oracle) => void (oracle.nowMs += ms),
    (ledger) => void (ledger.now = new Date(ledger.now.getTime() + ms)),
  );
}

function consumeStep(id: string, amount: number): Step {
  return new Step(
    `consume ${id} ${amount}`,
    (oracle) => oracle.consume(id, amount),
    (ledger) => ledger.consume(id, amount),
  );
}

function refundStep(id: string, consumeId: string, amount: number): Step {
  return new Step(
    `refund ${id} ${amount} of ${consumeId}`,
    (oracle) => oracle.refund(id, consumeId, amount),
    (ledger) => ledger.refund(id, consumeId, amount),
  );
}

/** Few ids and small amounts, so that duplicates, reused ids and refunds of refunds happen all the time. */
const id = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
const lifeMs = fc.option(fc.constantFrom(HOUR_MS, DAY_MS, 3 * DAY_MS));
const source = fc.constantFrom<GrantSource>('registration', 'membership');

const steps = [
  fc.tuple(source, fc.integer({ min: 1, max: 9 }), lifeMs).map((args) => grantStep(...args)),
  fc.tuple(id, fc.integer({ min: 1, max: 7 })).map((args) => consumeStep(...args)),
  fc.tuple(id, id, fc.integer({ min: 0, max: 4 })).map((args) => refundStep(...args)),
  fc.tuple(id, id).map(([own, named]) => refundStep(`${own}-all`, named, 0)),
  fc.constantFrom(1, HOUR_MS - 1, HOUR_MS, DAY_MS, 3 * DAY_MS, GRACE_DAYS * DAY_MS).map((ms) => advanceStep(ms)),
];

/** R3.1–R3.5, design §3, lessons 1, 5, 6, 16, 18, 19, 26, 31: the ledger answers as the naive rules do, always. */
describe('any sequence of grants, consumes, refunds, repeats and clock moves', () => {
  test('the ledger agrees with the oracle and every invariant holds after every step', () => {
    fc.assert(
      fc.property(fc.commands(steps, { maxCommands: 40 }), (commands) => {
        fc.modelRun(() => {
          const model = new QuotaOracle(EPOCH.getTime(), GRACE_DAYS * DAY_MS);
          return { model, real: new MemoryLedger(EPOCH, GRACE_DAYS) };
        }, commands);
      }),
      { numRuns: 300 },
    );
  });

  test('a clock that jumps back never makes a log go back in time, nor revives an expired unit', () => {
    const ledger = new MemoryLedger(EPOCH, GRACE_DAYS);
    ledger.grant('registration', 'registration', 10, new Date(EPOCH.getTime() + DAY_MS));
    ledger.now = new Date(EPOCH.getTime() + DAY_MS);
    ledger.grant('membership', 'order-1', 5, null);
    ledger.now = EPOCH;
    expect(ledger.consume('c', 6)).toEqual({ refused: 'QUOTA_INSUFFICIENT' });
    expect(ledger.consume('d', 5)).toEqual({ moved: 5 });
    const times = ledger.rows.map((row) => row.createTime.getTime());
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });
});
