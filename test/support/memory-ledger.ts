import type { Account, GrantSource, Lot, Posting } from '../../src/quota/account';
import { Book } from '../../src/quota/book';
import { decideConsume, decideRefund, type QuotaOutcome } from '../../src/quota/ledger';
import { DomainError } from '../../src/platform/errors';
import { SYSTEM_ACTOR } from '../../src/platform/calls';
import { closeBook, consumeCommand, emptyAccount, refundCommand } from './quota-account';
import type { Verdict } from './quota-oracle';

/** The ledger with arrays for tables: opens, decides and keeps books as posting.ts does, without a database. */
export class MemoryLedger {
  private account: Account;
  private readonly lotsById = new Map<number, Lot>();
  readonly rows: Posting[] = [];
  now: Date;

  constructor(
    start: Date,
    private readonly graceDays: number,
  ) {
    this.account = emptyAccount('u-1', start);
    this.now = start;
  }

  get lots(): readonly Lot[] {
    return [...this.lotsById.values()];
  }

  get balance(): number {
    return this.account.quotaRemaining;
  }

  get head(): Buffer {
    return this.account.logHash;
  }

  grant(source: GrantSource, sourceRef: string, units: number, expireTime: Date | null): void {
    const book = this.open();
    book.expireDue(SYSTEM_ACTOR);
    const orderId = source === 'membership' ? sourceRef : null;
    book.grant({ source, sourceRef, orderId, units, expireTime, actor: SYSTEM_ACTOR, description: '' });
    this.close(book);
  }

  consume(requestId: string, amount: number): Verdict {
    return this.decide(this.open(), (book) => {
      return decideConsume(book, consumeCommand({ requestId, amount }), this.find(requestId));
    });
  }

  refund(requestId: string, consumeRequestId: string, amount: number): Verdict {
    const named = this.find(consumeRequestId);
    const consume = named?.type === 'CONSUME' ? named : undefined;
    const refunds = this.rows.filter((row) => consume !== undefined && row.consumeSequence === consume.sequence);
    const book = this.open(consume?.lots.map(([grantId]) => grantId));
    const policy = { compensationGraceDays: this.graceDays };
    const command = refundCommand({ requestId, consumeRequestId, amount });
    return this.decide(book, () => decideRefund(book, command, this.find(requestId), { consume, refunds }, policy));
  }

  private find(requestId: string): Posting | undefined {
    return this.rows.find((row) => row.origin === 'caller' && row.requestId === requestId);
  }

  private open(alsoLots: readonly number[] = []): Book {
    const lots = this.lots.filter((lot) => lot.remaining > 0 || lot.held > 0 || alsoLots.includes(lot.grantId));
    return new Book({ ...this.account, lots }, this.now);
  }

  private decide(book: Book, decision: (book: Book) => QuotaOutcome): Verdict {
    try {
      const outcome = decision(book);
      this.close(book);
      return outcome.replayed ? { replayed: true } : { moved: outcome.log.units };
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      if (book.postings.length > 0) throw new Error('a refusal posted something', { cause: error });
      return { refused: error.reason };
    }
  }

  private close(book: Book): void {
    this.rows.push(...book.postings);
    for (const lot of [...book.newLots, ...book.changedLots]) this.lotsById.set(lot.grantId, lot);
    this.account = closeBook(book);
  }
}
