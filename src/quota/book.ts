import assert from 'node:assert';
import { contentHash } from '../platform/request-content';
import { later } from '../platform/time';
import type {
  Account,
  Charge,
  FeatureUsage,
  GrantSource,
  LimitedCharge,
  LimitedUse,
  Lot,
  LotChange,
  NewLot,
  Posting,
  ReportedOutcome,
} from './account';
import { isExpired } from './burn-order';
import { chainHash, HASH_VERSION } from './log-chain';

/** What a posting says beside its place, balance and hash, which the book knows. */
export type Entry = Pick<Posting, 'origin' | 'requestId' | 'requestHash' | 'type' | 'lots' | 'actor'> &
  Partial<Pick<Posting, 'units' | 'consumeSequence' | 'taskId' | 'taskType' | 'description'>> & {
    /** How the posting changes what lots hold for holds: positive sets aside. */
    readonly held?: readonly LotChange[];
  };

/** What a grant says. */
export interface GrantEntry {
  readonly source: GrantSource;
  /** Unique per user and source: granting the same thing twice is refused by the database. */
  readonly sourceRef: string;
  readonly orderId: string | null;
  readonly units: number;
  /** Null: never expires. */
  readonly expireTime: Date | null;
  readonly actor: string;
  readonly description: string;
}

/** What a GRANT row says of the lot it makes, as the request_hash of the row. */
export function grantHash(lot: Pick<GrantEntry, 'source' | 'sourceRef' | 'units' | 'expireTime'>): Buffer {
  const { source, sourceRef, units, expireTime } = lot;
  const content = { source, source_ref: sourceRef, units, expire_time: expireTime?.toISOString() ?? '' };
  return contentHash('GRANT', content);
}

function usageKey({ feature, periodNo }: LimitedUse): string {
  return `${periodNo}\n${feature}`;
}

/**
 * One user's account while commands are decided on it: no I/O. Postings are made in order, each with its balance and
 * hash; `account-writer.ts` then writes what the book holds. The book's time is never before the user's last row. What one
 * command posts the next one sees, so commands of one transaction may follow on each other.
 */
export class Book {
  readonly userId: string;
  readonly now: Date;
  private balance: number;
  private head: { sequence: number; hash: Buffer };
  private readonly lotsById = new Map<number, Lot>();
  private readonly changedLotIds = new Set<number>();
  private readonly rowsBySequence = new Map<number, Posting>();
  private readonly rowsByRequestId = new Map<string, Posting>();
  private readonly chargesBySequence = new Map<number, Charge>();
  private readonly changedChargeIds = new Set<number>();
  private readonly outcomesByRequestId = new Map<string, ReportedOutcome>();
  private readonly newLots = new Map<number, NewLot>();
  private readonly newChargeIds = new Set<number>();
  /** Charges that count against a limit, by sequence. */
  private readonly limitedBySequence = new Map<number, LimitedUse>();
  /** What limits have seen, by feature and period. */
  private readonly usages = new Map<string, FeatureUsage>();
  private readonly changedUsageKeys = new Set<string>();
  readonly postings: Posting[] = [];
  readonly newOutcomes: ReportedOutcome[] = [];
  /** Charges of these postings that count against a limit. */
  readonly newLimitedCharges: LimitedCharge[] = [];
  /** The balance that a consume or hold let fall below the policy's limit, and the row that did, once for each time. */
  readonly lowBalances: Posting[] = [];

  constructor(
    readonly opened: Account,
    clockNow: Date,
  ) {
    this.userId = opened.userId;
    this.now = later(clockNow, opened.logTime);
    this.balance = opened.quotaRemaining;
    this.head = { sequence: opened.logSequence, hash: opened.logHash };
    for (const lot of opened.lots) this.lotsById.set(lot.grantId, lot);
    for (const row of opened.rows) this.remember(row);
    for (const charge of opened.charges) this.chargesBySequence.set(charge.sequence, charge);
    for (const outcome of opened.outcomes) this.outcomesByRequestId.set(outcome.requestId, outcome);
    for (const charge of opened.limitedCharges ?? []) this.limitedBySequence.set(charge.sequence, charge);
    for (const usage of opened.usages ?? []) this.usages.set(usageKey(usage), usage);
  }

  /** The lots as the postings so far left them. */
  get lots(): readonly Lot[] {
    return [...this.lotsById.values()];
  }

  /** Lots whose units moved, as they are now. A lot is born whole: what the same transaction then took of it is here. */
  get changedLots(): readonly Lot[] {
    return [...this.changedLotIds].map((id) => this.lot(id));
  }

  /** Lots that the postings made, as they were born. */
  get bornLots(): readonly NewLot[] {
    return [...this.newLots.values()];
  }

  /** Charges that were there before and changed. */
  get changedCharges(): readonly Charge[] {
    return [...this.changedChargeIds].filter((id) => !this.newChargeIds.has(id)).map((id) => this.chargeOf(id));
  }

  /** Charges that the postings made, as they are now. */
  get madeCharges(): readonly Charge[] {
    return [...this.newChargeIds].map((id) => this.chargeOf(id));
  }

  /** What limits have seen, where that changed, and what it was; undefined: nothing was known of it. */
  get changedUsages(): readonly (FeatureUsage & { readonly was: number | undefined })[] {
    const before = new Map((this.opened.usages ?? []).map((usage) => [usageKey(usage), usage.used]));
    return [...this.changedUsageKeys].flatMap((key) => {
      const usage = this.usages.get(key);
      return usage === undefined ? [] : [{ ...usage, was: before.get(key) }];
    });
  }

  /** Sum of all postings: expired units count until their EXPIRE row is booked. */
  get quotaRemaining(): number {
    return this.balance;
  }

  get logSequence(): number {
    return this.head.sequence;
  }

  get logHash(): Buffer {
    return this.head.hash;
  }

  /** Whether there is anything to write. */
  get isChanged(): boolean {
    const others = this.changedLotIds.size + this.changedChargeIds.size + this.newOutcomes.length;
    return this.postings.length + others > 0;
  }

  lot(grantId: number): Lot {
    const lot = this.lotsById.get(grantId);
    assert(lot !== undefined, `lot ${grantId} was not loaded`);
    return lot;
  }

  /** The row that a caller's request_id wrote. */
  callerRow(requestId: string): Posting | undefined {
    return this.rowsByRequestId.get(requestId);
  }

  /** A row that is known: one of the records the account was opened with, or posted since. */
  row(sequence: number): Posting | undefined {
    return this.rowsBySequence.get(sequence);
  }

  /** The known rows from one sequence to another, both included. */
  rowsBetween(first: number, last: number): readonly Posting[] {
    const rows: Posting[] = [];
    for (let sequence = first; sequence <= last; sequence += 1) {
      const row = this.rowsBySequence.get(sequence);
      assert(row !== undefined, `row ${sequence} was not loaded`);
      rows.push(row);
    }
    return rows;
  }

  /** What a request_id reported about a task. */
  outcome(requestId: string): ReportedOutcome | undefined {
    return this.outcomesByRequestId.get(requestId);
  }

  chargeOf(sequence: number): Charge {
    const charge = this.chargesBySequence.get(sequence);
    assert(charge !== undefined, `charge ${sequence} was not loaded`);
    return charge;
  }

  /** The charges of a task that are known, oldest first: all that were open when the account was read, and the first. */
  chargesOfTask(taskId: string): readonly Charge[] {
    const charges = [...this.chargesBySequence.values()].filter((charge) => charge.taskId === taskId);
    return charges.sort((first, second) => first.sequence - second.sequence);
  }

  /** Appends one row. Its amount is the sum of what it does to lots. */
  post(entry: Entry): Posting {
    let amount = 0;
    for (const [grantId, change] of entry.lots) {
      amount += change;
      this.changeLot(grantId, change, 0);
    }
    for (const [grantId, change] of entry.held ?? []) this.changeLot(grantId, 0, change);
    this.checkLots(entry);
    return this.append(entry, amount);
  }

  /** Makes a lot and the GRANT row it comes from. */
  grant(grant: GrantEntry): Posting {
    const grantId = this.head.sequence + 1;
    const { source, sourceRef, orderId, units, expireTime } = grant;
    const lot = { grantId, source, amount: units, remaining: units, held: 0, expireTime, revokeTime: null };
    this.lotsById.set(grantId, lot);
    this.newLots.set(grantId, { ...lot, sourceRef, orderId, createTime: this.now });
    const entry: Entry = {
      origin: 'system',
      requestId: `grant:${source}:${sourceRef}`,
      requestHash: grantHash(grant),
      type: 'GRANT',
      lots: [[grantId, units]],
      actor: grant.actor,
      description: grant.description,
    };
    return this.append(entry, units);
  }

  /** Books the end of what expired: every write does so first, so that an expired unit is never spent. */
  expireDue(actor: string): void {
    for (const lot of this.lotsById.values()) {
      if (lot.remaining === 0 || !isExpired(lot, this.now)) continue;
      this.end('EXPIRE', lot.grantId, lot.remaining, `expire:${lot.grantId}:${this.head.sequence + 1}`, actor);
    }
  }

  /** Books the end of some units of a lot that expired or was revoked, under a key of its own. */
  end(type: 'EXPIRE' | 'REVOKE', grantId: number, units: number, requestId: string, actor: string): Posting {
    const requestHash = contentHash(type, { grant_id: grantId, units });
    return this.post({ origin: 'system', requestId, requestHash, type, lots: [[grantId, -units]], actor });
  }

  /** From now on, units that come back to the lot end at once. */
  markRevoked(grantId: number): void {
    const lot = this.lot(grantId);
    if (lot.revokeTime !== null) return;
    this.lotsById.set(grantId, { ...lot, revokeTime: this.now });
    this.changedLotIds.add(grantId);
  }

  /** Records what a CONSUME or HOLD row took. */
  addCharge(charge: Charge): void {
    this.chargesBySequence.set(charge.sequence, charge);
    this.newChargeIds.add(charge.sequence);
  }

  /** Units that a limit has seen. */
  usedOf(use: LimitedUse): number {
    return this.usages.get(usageKey(use))?.used ?? 0;
  }

  /** Counts the units of a charge that was just added against a limit, for as long as they do not come back. */
  limitCharge({ sequence, units }: Charge, { feature, periodNo }: LimitedUse): void {
    const charge = { sequence, feature, periodNo };
    this.limitedBySequence.set(sequence, charge);
    this.newLimitedCharges.push(charge);
    this.countUse(charge, units);
  }

  private countUse({ feature, periodNo }: LimitedUse, units: number): void {
    const key = usageKey({ feature, periodNo });
    const used = (this.usages.get(key)?.used ?? 0) + units;
    assert(used >= 0, `more units of ${feature} would come back than period ${periodNo} has seen`);
    this.usages.set(key, { feature, periodNo, used });
    this.changedUsageKeys.add(key);
  }

  /** Records what became of a charge. What comes back of it frees its limit again. */
  changeCharge(sequence: number, change: Partial<Charge>): Charge {
    const before = this.chargeOf(sequence);
    const charge = { ...before, ...change };
    assert(charge.returned <= charge.units, `charge ${sequence} would return more than it took`);
    this.chargesBySequence.set(sequence, charge);
    this.changedChargeIds.add(sequence);
    const limited = this.limitedBySequence.get(sequence);
    if (limited !== undefined && charge.returned > before.returned) {
      this.countUse(limited, before.returned - charge.returned);
    }
    return charge;
  }

  /** Records what was reported about a task. */
  addOutcome(outcome: ReportedOutcome): void {
    this.outcomesByRequestId.set(outcome.requestId, outcome);
    this.newOutcomes.push(outcome);
  }

  private changeLot(grantId: number, remaining: number, held: number): void {
    const lot = this.lot(grantId);
    this.lotsById.set(grantId, {
      grantId,
      source: lot.source,
      amount: lot.amount,
      remaining: lot.remaining + remaining,
      held: lot.held + held,
      expireTime: lot.expireTime,
      revokeTime: lot.revokeTime,
    });
    this.changedLotIds.add(grantId);
  }

  /** What is moved between remaining and held passes through states that are none, so the lots are checked afterwards. */
  private checkLots(entry: Entry): void {
    for (const [grantId] of [...entry.lots, ...(entry.held ?? [])]) {
      const { remaining, held, amount } = this.lot(grantId);
      const isSound = remaining >= 0 && held >= 0 && remaining + held <= amount;
      assert(isSound, `lot ${grantId} would have ${remaining} left and ${held} held of ${amount}`);
    }
  }

  private append(entry: Entry, amount: number): Posting {
    this.balance += amount;
    assert(this.balance >= 0, 'a balance never goes below zero');
    const row = {
      userId: this.userId,
      sequence: this.head.sequence + 1,
      origin: entry.origin,
      requestId: entry.requestId,
      requestHash: entry.requestHash,
      type: entry.type,
      amount,
      units: entry.units ?? Math.abs(amount),
      quotaRemaining: this.balance,
      lots: entry.lots,
      consumeSequence: entry.consumeSequence ?? null,
      taskId: entry.taskId ?? '',
      taskType: entry.taskType ?? '',
      description: entry.description ?? '',
      actor: entry.actor,
      createTime: this.now,
      hashVersion: HASH_VERSION,
      hash: this.head.hash,
    };
    row.hash = chainHash(this.head.hash, row);
    const posting: Posting = row;
    this.head = { sequence: posting.sequence, hash: posting.hash };
    this.postings.push(posting);
    this.remember(posting);
    return posting;
  }

  private remember(row: Posting): void {
    this.rowsBySequence.set(row.sequence, row);
    if (row.origin === 'caller') this.rowsByRequestId.set(row.requestId, row);
  }
}
