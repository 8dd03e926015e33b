import assert from 'node:assert';
import { contentHash } from '../platform/request-content';
import { later } from '../platform/time';
import type { Account, GrantSource, Lot, LotChange, Posting } from './account';
import { isExpired } from './burn-order';
import { chainHash, HASH_VERSION, type UnchainedPosting } from './log-chain';

/** What a posting says beside its place, balance and hash, which the book knows. */
export type Entry = Pick<Posting, 'origin' | 'requestId' | 'requestHash' | 'type' | 'lots' | 'actor'> &
  Partial<Pick<Posting, 'consumeSequence' | 'taskId' | 'taskType' | 'description'>>;

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

/**
 * One user's account while commands are decided on it: no I/O. Postings are made in order, each with its balance and
 * hash; `posting.ts` then writes what the book holds. The book's time is never before the user's last row.
 */
export class Book {
  readonly userId: string;
  readonly now: Date;
  private balance: number;
  private head: { sequence: number; hash: Buffer };
  private readonly lotsById: Map<number, Lot>;
  private readonly changedLotIds = new Set<number>();
  private readonly newLotIds = new Set<number>();
  readonly postings: Posting[] = [];

  constructor(
    readonly opened: Account,
    clockNow: Date,
  ) {
    this.userId = opened.userId;
    this.now = later(clockNow, opened.logTime);
    this.balance = opened.quotaRemaining;
    this.head = { sequence: opened.logSequence, hash: opened.logHash };
    this.lotsById = new Map(opened.lots.map((lot) => [lot.grantId, lot]));
  }

  /** The lots as the postings so far left them. */
  get lots(): readonly Lot[] {
    return [...this.lotsById.values()];
  }

  /** Lots that were there before and changed, by id. */
  get changedLots(): readonly Lot[] {
    return this.lots.filter((lot) => this.changedLotIds.has(lot.grantId) && !this.newLotIds.has(lot.grantId));
  }

  /** Lots that the postings made. */
  get newLots(): readonly Lot[] {
    return this.lots.filter((lot) => this.newLotIds.has(lot.grantId));
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

  lot(grantId: number): Lot {
    const lot = this.lotsById.get(grantId);
    assert(lot !== undefined, `lot ${grantId} was not loaded`);
    return lot;
  }

  /** Appends one row. Its amount is the sum of what it does to lots. */
  post(entry: Entry): Posting {
    const amount = entry.lots.reduce((sum, [, change]) => sum + change, 0);
    for (const [grantId, change] of entry.lots) this.changeRemaining(grantId, change);
    return this.append(entry, amount);
  }

  /** Makes a lot and the GRANT row it comes from. */
  grant(grant: GrantEntry): Posting {
    const grantId = this.head.sequence + 1;
    const { source, sourceRef, orderId, units, expireTime } = grant;
    this.lotsById.set(grantId, {
      grantId,
      source,
      sourceRef,
      orderId,
      amount: units,
      remaining: units,
      held: 0,
      expireTime,
      createTime: this.now,
    });
    this.newLotIds.add(grantId);
    const content = { source, source_ref: sourceRef, units, expire_time: expireTime?.toISOString() ?? '' };
    const entry: Entry = {
      origin: 'system',
      requestId: `grant:${source}:${sourceRef}`,
      requestHash: contentHash('GRANT', content),
      type: 'GRANT',
      lots: [[grantId, units]],
      actor: grant.actor,
      description: grant.description,
    };
    return this.append(entry, units);
  }

  /** Books the end of what expired: every write does so first, so that an expired unit is never spent. */
  expireDue(actor: string): void {
    for (const lot of this.lots) {
      if (lot.remaining === 0 || !isExpired(lot, this.now)) continue;
      this.expire(lot.grantId, lot.remaining, `expire:${lot.grantId}:${this.head.sequence + 1}`, actor);
    }
  }

  /** Books the end of some units of an expired lot, under a key of its own. */
  expire(grantId: number, units: number, requestId: string, actor: string): Posting {
    return this.post({
      origin: 'system',
      requestId,
      requestHash: contentHash('EXPIRE', { grant_id: grantId, units }),
      type: 'EXPIRE',
      lots: [[grantId, -units]],
      actor,
    });
  }

  private changeRemaining(grantId: number, change: number): void {
    const lot = this.lot(grantId);
    const remaining = lot.remaining + change;
    assert(remaining >= 0 && remaining + lot.held <= lot.amount, `lot ${grantId} would hold ${remaining}`);
    this.lotsById.set(grantId, { ...lot, remaining });
    this.changedLotIds.add(grantId);
  }

  private append(entry: Entry, amount: number): Posting {
    this.balance += amount;
    assert(this.balance >= 0, 'a balance never goes below zero');
    const row: UnchainedPosting = {
      consumeSequence: null,
      taskId: '',
      taskType: '',
      description: '',
      ...entry,
      userId: this.userId,
      sequence: this.head.sequence + 1,
      amount,
      units: Math.abs(amount),
      quotaRemaining: this.balance,
      createTime: this.now,
    };
    const posting: Posting = { ...row, hashVersion: HASH_VERSION, hash: chainHash(this.head.hash, row) };
    this.head = { sequence: posting.sequence, hash: posting.hash };
    this.postings.push(posting);
    return posting;
  }
}

/** Adds up what postings did to each lot. */
export function sumLotChanges(postings: readonly Posting[]): readonly LotChange[] {
  return postings.flatMap((posting) => posting.lots);
}
