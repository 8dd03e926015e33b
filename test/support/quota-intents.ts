import fc from 'fast-check';
import type { GrantSource } from '../../src/quota/account';
import type { CallerQuotaCommand } from '../../src/quota/commands';
import type { FreezeEnd } from '../../src/quota/freeze';
import type { QuotaOracle } from './quota-oracle';
import type { OracleHeld, OracleTariffs } from './quota-oracle-units';
import { commandOf } from './quota-account';

/**
 * Random commands for model tests. What is generated is an intent ("refund something taken before"); which id that means is
 * found when its turn comes, from what took effect so far, so that most commands meet something and some meet nothing.
 */

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** An id: a number picks an earlier one, so that ids are reused, also across kinds; null makes a new one. */
type OwnId = number | null;

/** What a caller means to do. */
export type CallerIntent =
  | {
      readonly kind: 'consume' | 'hold';
      own: OwnId;
      amount: number;
      taskId: string;
      ttlMs: number;
      taskType: string;
      /** The amount is the tariff's, where there is one. */
      isAsListed: boolean;
    }
  | { readonly kind: 'capture'; own: OwnId; hold: number; amount: number }
  | { readonly kind: 'release'; own: OwnId; hold: number; reason: string }
  | { readonly kind: 'refund'; own: OwnId; named: number; amount: number }
  | { readonly kind: 'outcome'; own: OwnId; taskId: string; outcome: 'SUCCEEDED' | 'FAILED' }
  /** The nth command before this one comes again, unchanged. */
  | { readonly kind: 'again'; nth: number };

/** What happens beside callers. */
export type OtherIntent =
  | { readonly kind: 'grant'; source: Exclude<GrantSource, 'compensation'>; units: number; lifeMs: number | null }
  | { readonly kind: 'settle'; charge: number; outcome: 'SUCCEEDED' | 'FAILED' }
  | { readonly kind: 'sweep'; outcome: 'SUCCEEDED' | 'FAILED' }
  | { readonly kind: 'freeze' | 'revokeLots'; lots: readonly number[]; units: number }
  | { readonly kind: 'endFreeze'; nth: number; end: FreezeEnd }
  | { readonly kind: 'clock'; ms: number }
  | { readonly kind: 'policy'; compensationGraceDays: number; settleAfterMs: number }
  /** The tariffs of everybody change, and what one user holds. */
  | { readonly kind: 'terms'; tariffs: OracleTariffs; held: OracleHeld };

const place = fc.nat({ max: 63 });
const own = fc.oneof({ weight: 9, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: place });
const amount = fc.integer({ min: 1, max: 7 });
const outcome = fc.constantFrom('SUCCEEDED' as const, 'FAILED' as const);
const taskId = fc.constantFrom('', 'task-1', 'task-2', 'task-3');
const ttlMs = fc.constantFrom(0, 1_000, HOUR_MS, 3 * DAY_MS);
const reason = fc.constantFrom('', "it's 坏了\\ \n");

const taskType = fc.constantFrom('', 'plain', 'draw', 'draw', 'draw', 'sketch');
const isAsListed = fc.nat({ max: 5 }).map((one) => one > 0);

const take = <Kind extends 'consume' | 'hold'>(kind: Kind) =>
  fc.record({ kind: fc.constant(kind), own, amount, taskId, ttlMs, taskType, isAsListed });

/** Any intent of a caller. */
export const callerIntent: fc.Arbitrary<CallerIntent> = fc.oneof(
  { weight: 4, arbitrary: take('consume') },
  { weight: 4, arbitrary: take('hold') },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('capture' as const), own, hold: place, amount }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('release' as const), own, hold: place, reason }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('refund' as const),
      own,
      named: place,
      amount: fc.integer({ min: 0, max: 4 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('outcome' as const), own, taskId, outcome }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('again' as const), nth: fc.nat({ max: 20 }) }) },
);

const life = fc.option(fc.constantFrom(HOUR_MS, DAY_MS, 3 * DAY_MS, 30 * DAY_MS), { freq: 5 });
const moves = fc.constantFrom(
  1,
  HOUR_MS - 1,
  HOUR_MS,
  DAY_MS,
  DAY_MS,
  3 * DAY_MS,
  7 * DAY_MS,
  -1,
  -HOUR_MS,
  -2 * DAY_MS,
);
const source = fc.constantFrom('registration' as const, 'membership' as const);
/** Two listed types of one feature and one of another; or none is listed. */
const tariffs: fc.Arbitrary<OracleTariffs> = fc.oneof(
  { weight: 1, arbitrary: fc.constant({}) },
  {
    weight: 3,
    arbitrary: fc.integer({ min: 1, max: 3 }).map((units) => ({
      draw: { units, feature: 'drawing' },
      sketch: { units: 1, feature: 'drawing' },
      plain: { units: 2, feature: 'plain' },
    })),
  },
);
const held: fc.Arbitrary<OracleHeld> = fc.record({
  features: fc.constantFrom(['drawing', 'plain'], ['drawing', 'plain'], ['drawing'], []),
  limits: fc.constantFrom({ drawing: 3 }, { drawing: 5 }, { drawing: 9 }, { drawing: 3, plain: 2 }, {}),
  periodNo: fc.constantFrom(1, 1, 1, 2, null),
});
const lots = fc.uniqueArray(place, { minLength: 1, maxLength: 3 });

/** Any intent of nobody's caller. */
export const otherIntent: fc.Arbitrary<OtherIntent> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('grant' as const),
      source,
      units: fc.integer({ min: 1, max: 9 }),
      lifeMs: life,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('settle' as const), charge: place, outcome }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('sweep' as const), outcome }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('freeze' as const), lots, units: amount }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('endFreeze' as const),
      nth: place,
      end: fc.constantFrom<FreezeEnd>('thaw', 'lapse', 'revoke'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('revokeLots' as const), lots, units: fc.constant(0) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('clock' as const), ms: moves }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('terms' as const), tariffs, held }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('policy' as const),
      compensationGraceDays: fc.constantFrom(0, 1, 7),
      settleAfterMs: fc.constantFrom(HOUR_MS, 2 * DAY_MS),
    }),
  },
);

/** The one a number picks; undefined when there is none. */
export function pick<Item>(items: readonly Item[], nth: number): Item | undefined {
  return items.length === 0 ? undefined : items[nth % items.length];
}

/** Turns intents of one user's callers into commands. */
export class Caller {
  readonly sent: CallerQuotaCommand[] = [];
  private made = 0;

  constructor(
    private readonly userId: string,
    private readonly oracle: QuotaOracle,
  ) {}

  /** The command an intent comes to, given what took effect so far. */
  next(intent: CallerIntent): CallerQuotaCommand {
    const command = { ...this.commandFor(intent), userId: this.userId };
    this.sent.push(command);
    return command;
  }

  private commandFor(intent: CallerIntent): CallerQuotaCommand {
    if (intent.kind === 'again') {
      const earlier = pick([...this.sent].reverse(), intent.nth);
      return earlier ?? commandOf.consume({ requestId: this.idFor(null) });
    }
    const requestId = this.idFor(intent.own);
    switch (intent.kind) {
      case 'consume':
        return commandOf.consume({ requestId, ...this.takingFor(intent) });
      case 'hold': {
        const description = '白底图';
        return commandOf.hold({ requestId, ...this.takingFor(intent), ttlMs: intent.ttlMs, description });
      }
      case 'capture':
        return commandOf.capture({ requestId, holdId: this.holdFor(intent.hold), amount: intent.amount });
      case 'release':
        return commandOf.release({ requestId, holdId: this.holdFor(intent.hold), reason: intent.reason });
      case 'refund':
        return commandOf.refund({ requestId, consumeRequestId: this.takenFor(intent.named), amount: intent.amount });
      case 'outcome': {
        // Every report names a task.
        const task = intent.taskId === '' ? 'task-1' : intent.taskId;
        return commandOf.outcome({ requestId, taskId: task, outcome: intent.outcome });
      }
    }
  }

  private takingFor(intent: Extract<CallerIntent, { kind: 'consume' | 'hold' }>) {
    const { taskId: task, taskType: type } = intent;
    const listed = intent.isAsListed ? this.oracle.tariffs[type] : undefined;
    return { taskId: task, taskType: type, amount: listed?.units ?? intent.amount };
  }

  private idFor(nth: OwnId): string {
    const earlier = nth === null ? undefined : pick(this.oracle.usedIds, nth);
    return earlier ?? `id-${(this.made += 1)}`;
  }

  /** Mostly an open hold; sometimes any id, which may be no hold or none that is open. */
  private holdFor(nth: number): string {
    const open = this.oracle.chargeIds('hold', true);
    const id = nth % 6 === 5 ? pick(this.oracle.usedIds, nth) : pick(open, nth);
    return id ?? pick(this.oracle.usedIds, nth) ?? 'nothing';
  }

  /** Mostly a consume or a hold; sometimes any id, such as a capture's or a refund's. */
  private takenFor(nth: number): string {
    const id = nth % 3 === 2 ? pick(this.oracle.usedIds, nth) : pick(this.oracle.chargeIds('any'), nth);
    return id ?? 'nothing';
  }
}
