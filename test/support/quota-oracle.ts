import type { GrantSource } from '../../src/quota/account';

/** One unit of quota, followed by itself for its whole life. */
interface Unit {
  readonly grantId: number;
  readonly source: GrantSource;
  readonly expireMs: number;
  state: 'usable' | 'consumed' | 'expired';
  consumeId: string;
}

/** What a command came to: the units it moved, or the reason it was refused. */
export type Verdict = { readonly moved: number } | { readonly replayed: true } | { readonly refused: string };

/**
 * The rules of quota written as naively as they can be: every unit is an object and every question is a search. Slow,
 * without lots, plans or books: what the ledger decides is compared with it.
 */
export class QuotaOracle {
  private readonly units: Unit[] = [];
  private readonly seen = new Map<string, string>();
  private readonly grace = new Map<string, number>();
  private readonly consumedOrder = new Map<string, Unit[]>();
  private rowsCount = 0;
  nowMs: number;

  constructor(
    startMs: number,
    private readonly graceMs: number,
  ) {
    this.nowMs = startMs;
  }

  /** Units in a state. */
  count(state: Unit['state']): number {
    return this.units.filter((unit) => unit.state === state).length;
  }

  get granted(): number {
    return this.units.length;
  }

  /** Units usable now. */
  usable(): number {
    return this.units.filter((unit) => unit.state === 'usable' && unit.expireMs > this.nowMs).length;
  }

  grant(source: GrantSource, amount: number, expireMs: number): void {
    this.bookExpiry();
    this.addUnits(source, amount, expireMs);
  }

  consume(requestId: string, amount: number): Verdict {
    const repeat = this.recognise(requestId, `consume ${amount}`);
    if (repeat !== undefined) return repeat;
    if (this.usable() < amount) return { refused: 'QUOTA_INSUFFICIENT' };
    this.bookExpiry();
    const taken = this.units
      .filter((unit) => unit.state === 'usable')
      .sort((a, b) => a.expireMs - b.expireMs || paid(a) - paid(b) || a.grantId - b.grantId)
      .slice(0, amount);
    for (const unit of taken) Object.assign(unit, { state: 'consumed', consumeId: requestId });
    this.consumedOrder.set(requestId, taken);
    this.rowsCount += 1;
    this.seen.set(requestId, `consume ${amount}`);
    return { moved: amount };
  }

  refund(requestId: string, consumeId: string, amount: number): Verdict {
    const content = `refund ${consumeId} ${amount}`;
    const repeat = this.recognise(requestId, content);
    if (repeat !== undefined) return repeat;
    const taken = this.consumedOrder.get(consumeId);
    if (taken === undefined) return { refused: 'CONSUME_NOT_FOUND' };
    const out = taken.filter((unit) => unit.state === 'consumed' && unit.consumeId === consumeId).reverse();
    const wanted = amount === 0 ? out.length : amount;
    if (wanted === 0 || wanted > out.length) return { refused: 'REFUND_EXCEEDS_CONSUMED' };
    this.bookExpiry();
    this.rowsCount += 1;
    this.giveBack(consumeId, out.slice(0, wanted));
    this.seen.set(requestId, content);
    return { moved: wanted };
  }

  private giveBack(consumeId: string, units: readonly Unit[]): void {
    for (const unit of units) unit.state = 'usable';
    for (const grantId of new Set(units.map((unit) => unit.grantId))) {
      const back = units.filter((unit) => unit.grantId === grantId);
      const [first] = back;
      if (first === undefined || first.expireMs > this.nowMs) continue;
      for (const unit of back) unit.state = 'expired';
      this.rowsCount += 1;
      if (first.source === 'compensation') continue;
      const returned = `${consumeId} ${grantId}`;
      const deadlineMs = this.grace.get(returned) ?? this.nowMs + this.graceMs;
      this.grace.set(returned, deadlineMs);
      if (deadlineMs > this.nowMs) this.addUnits('compensation', back.length, deadlineMs);
    }
  }

  private addUnits(source: GrantSource, amount: number, expireMs: number): void {
    this.rowsCount += 1;
    const grantId = this.rowsCount;
    for (let i = 0; i < amount; i += 1) {
      this.units.push({ grantId, source, expireMs, state: 'usable', consumeId: '' });
    }
  }

  private bookExpiry(): void {
    const ended = this.units.filter((unit) => unit.state === 'usable' && unit.expireMs <= this.nowMs);
    for (const unit of ended) unit.state = 'expired';
    this.rowsCount += new Set(ended.map((unit) => unit.grantId)).size;
  }

  private recognise(requestId: string, content: string): Verdict | undefined {
    const before = this.seen.get(requestId);
    if (before === undefined) return undefined;
    return before === content ? { replayed: true } : { refused: 'REQUEST_ID_REUSED' };
  }
}

function paid(unit: Unit): number {
  return unit.source === 'membership' ? 1 : 0;
}
