import fc from 'fast-check';
import { isExpired } from '../../src/quota/burn-order';
import { verifyChain } from '../../src/quota/log-chain';
import { entitlementsOf, MemoryLedger } from '../support/memory-ledger';
import { EPOCH, POLICY } from '../support/quota-account';
import { Caller, callerIntent, otherIntent, pick, type CallerIntent, type OtherIntent } from '../support/quota-intents';
import { QuotaOracle } from '../support/quota-oracle';
import { expectSame } from '../support/same';
import { soak, soakTimeoutMs } from '../support/soak';

const DAY_MS = 86_400_000;
const CI_MS = 10_000;
/** Sequences of one round of a soak: what is run again when one fails. */
const RUNS_PER_ROUND = 50;

jest.setTimeout(soakTimeoutMs(60_000));

/** The oracle, with the ids that are given out on the way. */
class Model {
  readonly oracle = new QuotaOracle(EPOCH.getTime(), POLICY);
  readonly caller = new Caller('u-1', this.oracle);
  made = 0;
}

/** The same commands twice: each in a book of its own, and several on one open book, as a batch decides them. */
class Ledgers {
  readonly single = new MemoryLedger(EPOCH, POLICY);
  readonly batched = new MemoryLedger(EPOCH, POLICY, true);

  /** Does it on both; both must come to the same. */
  both<Result>(work: (ledger: MemoryLedger) => Result): Result {
    const result = work(this.single);
    expectSame(work(this.batched), result);
    return result;
  }
}

function unitsOf({ rows }: MemoryLedger, type: string): number {
  return rows.filter((row) => row.type === type).reduce((sum, row) => sum + row.units, 0);
}

/** The invariants of design §3 and lesson 18, from rows and lots alone. */
function expectInvariants({ oracle }: Model, { single: ledger, batched }: Ledgers): void {
  const { rows, lots, balance } = ledger;
  const of = (type: string): number => unitsOf(ledger, type);
  if (balance < 0) throw new Error(`the balance is ${balance}`);
  const lotUnits = lots.reduce((sum, lot) => sum + lot.remaining, 0);
  const rowUnits = rows.reduce((sum, row) => sum + row.amount, 0);
  expectSame([lotUnits, rowUnits, ledger.fault()], [balance, balance, undefined]);
  const freed = rows.filter(({ type }) => type === 'CAPTURE').reduce((sum, row) => sum + row.amount, 0);
  const consumed = of('CONSUME') + of('CAPTURE') - of('REFUND');
  const held = of('HOLD') - of('CAPTURE') - freed - of('RELEASE');
  expectSame(of('GRANT'), balance + held + consumed + of('EXPIRE') + of('REVOKE'));
  const { granted } = oracle;
  const [heldUnits, consumedUnits] = [oracle.count('held'), oracle.count('consumed')];
  const [expired, revoked] = [oracle.count('expired'), oracle.count('revoked')];
  expectSame(
    { granted, heldUnits, consumedUnits, expired, revoked },
    { granted: of('GRANT'), heldUnits: held, consumedUnits: consumed, expired: of('EXPIRE'), revoked: of('REVOKE') },
  );
  expectSameTables(oracle, ledger);
  expectSame([batched.balance, batched.head], [balance, ledger.head]);
  expectSame(
    batched.lots.map(({ grantId, remaining, held: heldNow }) => [grantId, remaining, heldNow]),
    lots.map(({ grantId, remaining, held: heldNow }) => [grantId, remaining, heldNow]),
  );
}

/** The tables beside the log say what the oracle's units say. */
function expectSameTables(oracle: QuotaOracle, { lots, charges, usages, lows }: MemoryLedger): void {
  expectSame([usages, lows], [oracle.usages(), oracle.lows]);
  const stored = lots.map(({ source, amount, remaining, held, expireTime, revokeTime }) => {
    const expireMs = expireTime?.getTime() ?? Number.POSITIVE_INFINITY;
    return { source, expireMs, isRevoked: revokeTime !== null, amount, remaining, held };
  });
  expectSame(stored, oracle.lots());
  const charged = charges.map(({ kind, taskId, units, returned, state, dueTime, lateReturns }) => {
    const late = lateReturns.map(([id, deadlineMs]) => [lots.findIndex(({ grantId }) => grantId === id), deadlineMs]);
    return { kind, taskId, units, returned, state, dueMs: dueTime?.getTime() ?? Number.POSITIVE_INFINITY, late };
  });
  expectSame(charged, oracle.charges());
}

/** No row ever takes a unit of a lot that had expired or was revoked when it was written. */
function expectNothingEndedSpent({ rows, lots }: MemoryLedger): void {
  for (const row of rows.filter(({ type }) => type === 'CONSUME' || type === 'HOLD')) {
    for (const [grantId] of row.lots) {
      const lot = lots.find((candidate) => candidate.grantId === grantId);
      const isRevoked = lot !== undefined && lot.revokeTime !== null && lot.revokeTime < row.createTime;
      expectSame([row.sequence, lot && isExpired(lot, row.createTime), isRevoked], [row.sequence, false, false]);
    }
  }
}

/** One step on all: the ledgers and the oracle must answer the same. */
abstract class Step implements fc.Command<Model, Ledgers> {
  protected shown = '';

  check(): boolean {
    return true;
  }

  run(model: Model, ledgers: Ledgers): void {
    this.act(model, ledgers);
    expectInvariants(model, ledgers);
  }

  toString(): string {
    return this.shown;
  }

  protected abstract act(model: Model, ledgers: Ledgers): void;
}

class CallerStep extends Step {
  constructor(private readonly intent: CallerIntent) {
    super();
  }

  protected act({ oracle, caller }: Model, ledgers: Ledgers): void {
    const command = caller.next(this.intent);
    this.shown = JSON.stringify(command);
    expectSame(
      ledgers.both((ledger) => ledger.decide(command)),
      oracle.decide(command),
    );
  }
}

class WriteStep extends Step {
  protected override shown = 'write';

  protected act(_model: Model, { batched }: Ledgers): void {
    batched.write();
  }
}

class OtherStep extends Step {
  constructor(private readonly intent: OtherIntent) {
    super();
    this.shown = JSON.stringify(intent);
  }

  protected act(model: Model, ledgers: Ledgers): void {
    const { oracle } = model;
    const { intent } = this;
    switch (intent.kind) {
      case 'grant': {
        const ref = `ref-${(model.made += 1)}`;
        const expireMs = intent.lifeMs === null ? undefined : oracle.clockMs + intent.lifeMs;
        oracle.grant(intent.source, intent.units, expireMs ?? Number.POSITIVE_INFINITY);
        const expireTime = expireMs === undefined ? null : new Date(expireMs);
        return ledgers.both((ledger) => ledger.grant(intent.source, ref, intent.units, expireTime));
      }
      case 'settle': {
        const id = pick(oracle.chargeIds('any', intent.charge % 4 !== 0), intent.charge);
        return id === undefined ? undefined : settle(model, ledgers, id, intent.outcome);
      }
      case 'sweep':
        return sweep(model, ledgers, intent.outcome);
      case 'clock':
        ledgers.batched.write();
        oracle.clockMs += intent.ms;
        return ledgers.both((ledger) => void (ledger.now = new Date(oracle.clockMs)));
      case 'policy': {
        const { compensationGraceDays, settleAfterMs } = intent;
        oracle.policy = { ...oracle.policy, compensationGraceDays, settleAfterMs };
        return ledgers.both((ledger) => void (ledger.policy = oracle.policy));
      }
      case 'terms': {
        const { tariffs, held } = intent;
        Object.assign(oracle, { tariffs, held });
        const entitlements = entitlementsOf(held);
        const terms = Object.entries(tariffs).map(([type, tariff]) => [type, { tariff, entitlements }] as const);
        return ledgers.both((ledger) => void (ledger.terms = new Map(terms)));
      }
      default:
        return this.freezeOrRevoke(intent, model, ledgers);
    }
  }

  private freezeOrRevoke(
    intent: Extract<OtherIntent, { kind: 'freeze' | 'revokeLots' | 'endFreeze' }>,
    model: Model,
    ledgers: Ledgers,
  ): void {
    const { oracle } = model;
    if (intent.kind === 'endFreeze') {
      const ref = pick(oracle.frozenRefs, intent.nth);
      if (ref === undefined) return;
      oracle.endFreeze(ref, intent.end);
      return ledgers.both((ledger) => ledger.endFreeze(ref, intent.end));
    }
    const places = placesOf(oracle, intent.lots);
    const ref = `refund-${(model.made += 1)}`;
    if (intent.kind === 'freeze') {
      const frozen = ledgers.both((ledger) => ledger.freeze(ref, places, intent.units));
      return expect(frozen).toBe(oracle.freeze(ref, places, intent.units));
    }
    oracle.revokeLots(places);
    ledgers.both((ledger) => ledger.revokeLots(ref, places));
  }
}

function placesOf(oracle: QuotaOracle, lots: readonly number[]): readonly number[] {
  const count = oracle.lots().length;
  return count === 0 ? [] : [...new Set(lots.map((lot) => lot % count))];
}

function settle({ oracle }: Model, ledgers: Ledgers, id: string, outcome: 'SUCCEEDED' | 'FAILED'): void {
  expectSame(
    ledgers.both((ledger) => ledger.settle(id, outcome)),
    oracle.settle(id, outcome),
  );
}

/** What is due by the oracle is due by the table, and settled in its order. A hold without a task is released. */
function sweep(model: Model, ledgers: Ledgers, outcome: 'SUCCEEDED' | 'FAILED'): void {
  const { oracle } = model;
  const { single } = ledgers;
  const due = single.charges.filter(({ dueTime }) => dueTime !== null && dueTime <= single.now);
  const ids = oracle.dueIds();
  expect(due.map(({ sequence }) => single.rows[sequence - 1]?.requestId)).toEqual(ids);
  for (const [i, id] of ids.entries()) settle(model, ledgers, id, due[i]?.taskId === '' ? 'FAILED' : outcome);
}

const steps: fc.Arbitrary<Step>[] = [
  callerIntent.map((intent) => new CallerStep(intent)),
  callerIntent.map((intent) => new CallerStep(intent)),
  callerIntent.map((intent) => new CallerStep(intent)),
  otherIntent.map((intent) => new OtherStep(intent)),
  otherIntent.map((intent) => new OtherStep(intent)),
  fc.constant(0).map(() => new WriteStep()),
];

/** A user always begins with something to lose. */
const beginning: readonly OtherIntent[] = [
  { kind: 'grant', source: 'registration', units: 9, lifeMs: 30 * DAY_MS },
  { kind: 'grant', source: 'membership', units: 9, lifeMs: DAY_MS },
];

function runSequence(commands: Iterable<fc.Command<Model, Ledgers>>): void {
  fc.modelRun(() => {
    const model = new Model();
    const ledgers = new Ledgers();
    for (const intent of beginning) new OtherStep(intent).run(model, ledgers);
    return { model, real: ledgers };
  }, [...commands, new FinalStep()]);
}

/** What is too slow for every step. */
class FinalStep extends Step {
  protected act(_model: Model, { single, batched }: Ledgers): void {
    batched.write();
    expect(batched.rows).toEqual(single.rows);
    expect(batched.charges).toEqual(single.charges);
    expect(batched.reports).toEqual(single.reports);
    expect([batched.usages, batched.lows]).toEqual([single.usages, single.lows]);
    expect(batched.fault()).toBeUndefined();
    expectNothingEndedSpent(single);
    const { balance, head, rows } = single;
    expect(verifyChain(rows)).toEqual({ sequence: rows.length, hash: head, balance });
  }
}

/** R3.1–R3.6, design §3, lessons 1, 5, 6, 10, 11, 16, 18, 19, 26, 30, 31: it answers as the naive rules do, always. */
describe('any sequence of commands, repeats, sweeps, freezes and clock moves', () => {
  test('the ledger agrees with the oracle and every invariant holds after every step', async () => {
    await soak('ledger model', CI_MS, async (seed) => {
      fc.assert(fc.property(fc.commands(steps, { maxCommands: 60, size: 'max' }), runSequence), {
        seed,
        numRuns: RUNS_PER_ROUND,
      });
      // Lets a signal through.
      await new Promise((resolve) => setImmediate(resolve));
    });
  });

  test('a clock that jumps back never makes a log go back in time, nor revives an expired unit', () => {
    const { single: ledger } = new Ledgers();
    ledger.grant('registration', 'registration', 10, new Date(EPOCH.getTime() + DAY_MS));
    ledger.now = new Date(EPOCH.getTime() + DAY_MS);
    ledger.grant('membership', 'order-1', 5, null);
    ledger.now = EPOCH;
    const caller = new Caller('u-1', new QuotaOracle(EPOCH.getTime(), POLICY));
    const consume = (amount: number) =>
      ledger.decide(
        caller.next({ kind: 'consume', own: null, amount, taskId: '', ttlMs: 0, taskType: '', isAsListed: true }),
      );
    expect(consume(6)).toEqual({ refused: 'QUOTA_INSUFFICIENT' });
    expect(consume(5)).toMatchObject({ rows: ['CONSUME 5'] });
    const times = ledger.rows.map((row) => row.createTime.getTime());
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });
});
