import type {
  Account,
  Charge,
  FeatureUsage,
  GrantSource,
  LimitedCharge,
  Lot,
  Posting,
  ReportedOutcome,
} from '../../src/quota/account';
import { AccountCheck, type LedgerFault } from '../../src/quota/account-check';
import type { StoredLot } from '../../src/quota/lot-tallies';
import { Book } from '../../src/quota/book';
import type { QuotaCommand, QuotaOutcome, QuotaPolicy } from '../../src/quota/commands';
import { isTaking } from '../../src/quota/listed-commands';
import type { Terms } from '../../src/quota/tariffs';
import { endFreeze, freezeUnits, revokeLots, type FreezeEnd } from '../../src/quota/freeze';
import { decide } from '../../src/quota/ledger';
import { DomainError } from '../../src/platform/errors';
import { SYSTEM_ACTOR } from '../../src/platform/calls';
import { emptyAccount } from './quota-account';
import type { Effect, OracleHeld, Verdict } from './quota-oracle-units';
import { expectSame } from './same';

/** What an outcome of the ledger is to the oracle. */
export function effectOf({ logs, quotaRemaining, replayed, chargesSettled, hold }: QuotaOutcome): Effect {
  return {
    rows: logs.map(({ type, units }) => `${type} ${units}`),
    quotaRemaining,
    replayed,
    ...(chargesSettled === undefined ? {} : { chargesSettled }),
    ...(hold === undefined ? {} : { hold: hold.charge.state }),
  };
}

/** What limits have seen, as the oracle says it. */
export function usagesOf(usages: readonly FeatureUsage[]): readonly string[] {
  return usages
    .flatMap(({ feature, periodNo, used }) => (used === 0 ? [] : [`${feature} in ${periodNo}: ${used}`]))
    .sort();
}

/** What a user holds, as the ledger is told. */
export function entitlementsOf({ features, limits, periodNo }: OracleHeld): Terms['entitlements'] {
  return { features: new Set(features), limits: new Map(Object.entries(limits)), periodNo };
}

/**
 * The ledger with arrays for tables: opens, decides and keeps books as quota-commits.ts does, without a database. With
 * `isBatching`, commands are decided on one book until `write()`, as those of a batch are.
 */
export class MemoryLedger {
  private account: Omit<Account, 'lots' | 'rows' | 'charges' | 'outcomes'>;
  private readonly lotsById = new Map<number, Lot & StoredLot>();
  private readonly chargesBySequence = new Map<number, Charge>();
  private readonly outcomes: ReportedOutcome[] = [];
  private readonly freezes = new Map<string, number>();
  private readonly limitedCharges: LimitedCharge[] = [];
  private readonly usagesByKey = new Map<string, FeatureUsage>();
  /** The balances that were told as low. */
  readonly lows: number[] = [];
  /** What each task type is asked; those without are not listed. */
  terms = new Map<string, Terms>();
  private readonly check: AccountCheck;
  private open: Book | undefined;
  readonly rows: Posting[] = [];
  now: Date;

  constructor(
    start: Date,
    public policy: QuotaPolicy,
    private readonly isBatching = false,
  ) {
    this.account = emptyAccount('u-1', start);
    this.check = new AccountCheck(this.account.userId);
    this.now = start;
  }

  get lots(): readonly Lot[] {
    return this.open?.lots ?? [...this.lotsById.values()];
  }

  get charges(): readonly Charge[] {
    return [...this.chargesBySequence.values()];
  }

  /** What limits have seen, those that saw nothing left out. */
  get usages(): readonly string[] {
    return usagesOf([...this.usagesByKey.values()]);
  }

  get balance(): number {
    return this.open?.quotaRemaining ?? this.account.quotaRemaining;
  }

  get head(): Buffer {
    return this.open?.logHash ?? this.account.logHash;
  }

  get reports(): readonly ReportedOutcome[] {
    return this.outcomes;
  }

  grant(source: GrantSource, sourceRef: string, units: number, expireTime: Date | null): void {
    const orderId = source === 'membership' ? sourceRef : null;
    this.post((book) => {
      book.expireDue(SYSTEM_ACTOR);
      book.grant({ source, sourceRef, orderId, units, expireTime, actor: SYSTEM_ACTOR, description: '' });
    });
  }

  /** Freezes units of lots by their place among all lots. Returns how many. */
  freeze(ref: string, lotPlaces: readonly number[], units: number): number {
    return this.post((book) => {
      const grantIds = this.grantIdsAt(lotPlaces);
      const frozen = freezeUnits(book, { ref, grantIds, units }, this.policy);
      if (frozen.sequence !== undefined) this.freezes.set(ref, frozen.sequence);
      return frozen.units;
    });
  }

  endFreeze(ref: string, end: FreezeEnd): void {
    this.post((book) => endFreeze(book, ref, this.freezes.get(ref) ?? 0, end));
  }

  revokeLots(ref: string, lotPlaces: readonly number[]): void {
    this.post((book) => revokeLots(book, ref, this.grantIdsAt(lotPlaces)));
  }

  /** Decides a command. A refusal must leave its book as it was. */
  decide(command: QuotaCommand): Verdict {
    return this.post((book) => {
      const before = [book.logHash, book.lots, book.isChanged] as const;
      try {
        const terms = isTaking(command) ? this.terms.get(command.taskType) : undefined;
        return effectOf(decide(book, command, this.policy, terms));
      } catch (error) {
        if (!(error instanceof DomainError)) throw error;
        expectSame([book.logHash, book.lots, book.isChanged], before);
        return { refused: error.reason };
      }
    });
  }

  /** The sweeper settles the charge that a caller's id made. */
  settle(chargeId: string, outcome: 'SUCCEEDED' | 'FAILED'): Verdict {
    const row = this.rowOf(chargeId);
    if (row === undefined) throw new Error(`${chargeId} made no charge`);
    const { sequence, taskId } = row;
    const who = { userId: this.account.userId, actor: SYSTEM_ACTOR, reason: 'the sweeper says so' };
    return this.decide({ kind: 'SettleCharge', sequence, taskId, outcome, ...who });
  }

  /** Writes the open book: into what is stored beside the log, which the log must then agree with. */
  write(): void {
    const book = this.open;
    this.open = undefined;
    if (book === undefined) return;
    for (const row of book.postings) {
      expectSame(this.check.next(row), undefined);
      this.rows.push(row);
    }
    for (const { orderId: _order, createTime: _time, ...lot } of book.bornLots) this.lotsById.set(lot.grantId, lot);
    // What a lot was granted for is no part of a change.
    for (const lot of book.changedLots) this.lotsById.set(lot.grantId, { ...this.storedLot(lot.grantId), ...lot });
    for (const charge of book.madeCharges) this.chargesBySequence.set(charge.sequence, charge);
    for (const charge of book.changedCharges) this.chargesBySequence.set(charge.sequence, charge);
    this.outcomes.push(...book.newOutcomes);
    this.limitedCharges.push(...book.newLimitedCharges);
    for (const { was, ...usage } of book.changedUsages) {
      const key = `${usage.feature} ${usage.periodNo}`;
      expectSame(this.usagesByKey.get(key)?.used, was);
      this.usagesByKey.set(key, usage);
    }
    this.lows.push(...book.lowBalances.map((row) => row.quotaRemaining));
    const { userId, quotaRemaining, logSequence, logHash, opened } = book;
    const logTime = book.postings.length > 0 ? book.now : opened.logTime;
    this.account = { userId, quotaRemaining, logSequence, logHash, logTime };
  }

  /** What AccountCheck finds wrong with what is stored beside the log. */
  fault(): LedgerFault | undefined {
    return this.check.compare(this.account, [...this.lotsById.values()]);
  }

  private storedLot(grantId: number): Lot & StoredLot {
    const lot = this.lotsById.get(grantId);
    if (lot === undefined) throw new Error(`lot ${grantId} was never written`);
    return lot;
  }

  private grantIdsAt(places: readonly number[]): readonly number[] {
    const ids = this.lots.map(({ grantId }) => grantId).sort((first, second) => first - second);
    return places.flatMap((place) => ids[place] ?? []);
  }

  private rowOf(requestId: string): Posting | undefined {
    return this.open === undefined ? this.openBook().callerRow(requestId) : this.open.callerRow(requestId);
  }

  private openBook(): Book {
    const { rows, lots, charges, outcomes, limitedCharges } = this;
    const limits = { limitedCharges: [...limitedCharges], usages: [...this.usagesByKey.values()] };
    return new Book({ ...this.account, lots, rows: [...rows], charges, outcomes: [...outcomes], ...limits }, this.now);
  }

  private post<Result>(work: (book: Book) => Result): Result {
    const book = this.open ?? this.openBook();
    this.open = book;
    const result = work(book);
    if (!this.isBatching) this.write();
    return result;
  }
}
