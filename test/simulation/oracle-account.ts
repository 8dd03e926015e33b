import { DAY } from './civil';

/**
 * A user's units as the oracle keeps them: lots, and what was taken of which. No rows, no hashes, no sequence: only what is left
 * where. An expired lot gives nothing, whenever anybody writes that down.
 */

/** Units of one source with one expiry. */
export interface OracleLot {
  readonly id: number;
  readonly source: 'registration' | 'membership' | 'gift' | 'compensation';
  /** What it was given for: `gift:<campaign>`, `<order>:<interval>`, `<who gave the units back>><lot>`. */
  readonly ref: string;
  readonly order: string | null;
  readonly units: number;
  readonly expire: number;
  /** The lot whose late units it replaces. */
  readonly replaces: OracleLot | null;
  left: number;
  held: number;
  isRevoked: boolean;
}

/** Units that were taken or set aside: from which lots, and how many came back. */
interface Taken {
  readonly from: { readonly lot: OracleLot; readonly units: number }[];
  returned: number;
  /** Until when units that come back too late live, by lot: fixed by the first. */
  readonly late: Map<number, number>;
}

const GRACE_DAYS = 7;

export class OracleAccount {
  readonly lots: OracleLot[] = [];
  private readonly consumed = new Map<string, Taken>();
  private readonly frozen = new Map<string, Taken>();

  give(lot: Pick<OracleLot, 'source' | 'ref' | 'order' | 'units' | 'expire'> & { replaces?: OracleLot }): OracleLot {
    const given = { replaces: null, ...lot, id: this.lots.length, left: lot.units, held: 0, isRevoked: false };
    this.lots.push(given);
    return given;
  }

  /** What can be used now, of all lots or of some. */
  usable(now: number, lots: readonly OracleLot[] = this.lots): number {
    return lots.reduce((sum, lot) => sum + this.leftOf(lot, now), 0);
  }

  /** The lots an order gave, oldest first, and behind them those that replace what of it came back too late. */
  lotsOf(order: string): readonly OracleLot[] {
    const own = this.lots.filter((lot) => lot.order === order);
    return [...own, ...this.lots.filter(({ replaces }) => replaces !== null && own.includes(replaces))];
  }

  /** Takes units; false, and nothing taken, where there are not enough. */
  consume(key: string, units: number, now: number): boolean {
    if (this.usable(now) < units) return false;
    const order = this.lots.filter((lot) => this.leftOf(lot, now) > 0).sort(burnsBefore);
    this.consumed.set(key, this.take(order, units, now));
    return true;
  }

  /** How many units of a consumption can still come back. */
  returnable(key: string): number {
    const taken = this.consumed.get(key);
    return taken === undefined ? 0 : sumOf(taken.from) - taken.returned;
  }

  giveBack(cause: string, key: string, units: number, now: number): void {
    this.bringBack(cause, this.takenBy(this.consumed, key), units, now);
  }

  /** Sets units of an order's lots aside, in the order of the lots. */
  freeze(refund: string, lots: readonly OracleLot[], units: number, now: number): void {
    const taken = this.take(lots, Math.min(units, this.usable(now, lots)), now);
    for (const { lot, units: part } of taken.from) lot.held += part;
    this.frozen.set(refund, taken);
  }

  /** What was set aside comes back. */
  thaw(refund: string, now: number): void {
    const taken = this.letGo(refund);
    this.bringBack(refund, { ...taken, from: [...taken.from].reverse() }, sumOf(taken.from), now);
  }

  /** What was set aside ends. */
  letGo(refund: string): Taken {
    const taken = this.takenBy(this.frozen, refund);
    for (const { lot, units } of taken.from) lot.held -= units;
    return taken;
  }

  /** Ends so many units of lots, in their order; how many there were to end. */
  end(lots: readonly OracleLot[], units: number, now: number): number {
    return sumOf(this.take(lots, Math.min(units, this.usable(now, lots)), now).from);
  }

  /** Ends what is left of lots, and what comes back to them later. */
  revoke(lots: readonly OracleLot[]): void {
    for (const lot of lots) {
      lot.left = 0;
      lot.isRevoked = true;
    }
  }

  private leftOf(lot: OracleLot, now: number): number {
    return lot.expire > now ? lot.left : 0;
  }

  private takenBy(book: Map<string, Taken>, key: string): Taken {
    const taken = book.get(key);
    if (taken === undefined) throw new Error(`nothing was taken by ${key}`);
    return taken;
  }

  private take(lots: readonly OracleLot[], units: number, now: number): Taken {
    const from: { lot: OracleLot; units: number }[] = [];
    let wanted = units;
    for (const lot of lots) {
      const part = Math.min(wanted, this.leftOf(lot, now));
      if (part === 0) continue;
      lot.left -= part;
      wanted -= part;
      from.push({ lot, units: part });
    }
    return { from, returned: 0, late: new Map() };
  }

  /** The lot that was taken from last gets its units back first. */
  private bringBack(cause: string, taken: Taken, units: number, now: number): void {
    let skip = taken.returned;
    let wanted = units;
    taken.returned += units;
    for (const { lot, units: all } of [...taken.from].reverse()) {
      const back = Math.min(all, skip);
      skip -= back;
      const part = Math.min(all - back, wanted);
      wanted -= part;
      if (part > 0) this.put(cause, taken, lot, part, now);
    }
  }

  /** Units come back to a lot: into it, or too late. */
  private put(cause: string, taken: Taken, lot: OracleLot, units: number, now: number): void {
    if (lot.isRevoked) return;
    if (lot.expire > now) {
      lot.left += units;
      return;
    }
    if (lot.source === 'compensation') return;
    const expire = taken.late.get(lot.id) ?? now + GRACE_DAYS * DAY;
    taken.late.set(lot.id, expire);
    if (expire <= now) return;
    this.give({
      source: 'compensation',
      ref: `${cause}>${lot.source}/${lot.ref}`,
      order: null,
      units,
      expire,
      replaces: lot,
    });
  }
}

function sumOf(parts: readonly { readonly units: number }[]): number {
  return parts.reduce((sum, { units }) => sum + units, 0);
}

/** Soonest expiry first, then what was free, then what is older. */
function burnsBefore(first: OracleLot, second: OracleLot): number {
  if (first.expire !== second.expire) return first.expire - second.expire;
  const isPaid = (lot: OracleLot): number => (lot.source === 'membership' ? 1 : 0);
  return isPaid(first) - isPaid(second) || first.id - second.id;
}
