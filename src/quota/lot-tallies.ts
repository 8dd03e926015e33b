import type { LotChange, NewLot, Posting } from './account';
import { grantHash } from './book';

/** A lot as it is stored. */
export type StoredLot = Pick<
  NewLot,
  'grantId' | 'amount' | 'remaining' | 'held' | 'source' | 'sourceRef' | 'expireTime'
>;

/** What the log says of a lot. */
interface LotTally {
  readonly granted: number;
  readonly left: number;
  readonly held: number;
  /** Its source and expiry, as the GRANT row keeps them. */
  readonly hash: Buffer;
}

/**
 * Recomputes one user's lots from the log alone: feed it the rows in order, then ask whether the lots that are stored are
 * those. What is wrong is told as a sentence whose subject is the row or the account. Remembers three numbers and a hash per lot,
 * and the open holds, whatever the length of the log. Pure.
 */
export class LotTallies {
  private readonly lots = new Map<number, LotTally>();
  /** What each open hold took, by the sequence of its row. */
  private readonly holds = new Map<number, readonly LotChange[]>();

  /** Books the next row. */
  next(row: Posting): string | undefined {
    const moved = row.lots.reduce((sum, [, units]) => sum + units, 0);
    if (moved !== row.amount) return `moves ${moved} units of lots, but ${row.amount} in all`;
    return row.type === 'GRANT' ? this.addLot(row) : (this.moveLots(row) ?? this.moveHeld(row));
  }

  /** A GRANT makes exactly the lot that has its sequence. */
  private addLot({ sequence, lots, units, requestHash: hash }: Posting): string | undefined {
    const [only, ...more] = lots;
    if (only === undefined || only[0] !== sequence || more.length > 0) return 'does not make the lot of its own number';
    this.lots.set(sequence, { granted: units, left: units, held: 0, hash });
    return undefined;
  }

  /** Every other row moves units of lots that are there, between none and all that was granted. */
  private moveLots({ lots }: Posting): string | undefined {
    for (const [grantId, units] of lots) {
      const lot = this.lots.get(grantId);
      if (lot === undefined) return `moves units of lot ${grantId}, which was never granted`;
      const left = lot.left + units;
      if (left < 0) return `takes more of lot ${grantId} than it had`;
      if (left > lot.granted) return `puts more into lot ${grantId} than it was granted`;
      this.lots.set(grantId, { ...lot, left });
    }
    return undefined;
  }

  /** A HOLD sets aside what it takes; a CAPTURE or RELEASE settles all that one open hold set aside. */
  private moveHeld({ type, sequence, lots, units, amount, consumeSequence }: Posting): string | undefined {
    if (type === 'HOLD') {
      this.holds.set(sequence, lots);
      return this.changeHeld(lots, -1);
    }
    if (type !== 'CAPTURE' && type !== 'RELEASE') return undefined;
    const held = this.holds.get(consumeSequence ?? 0);
    if (held === undefined) return `settles hold ${consumeSequence}, which is not open`;
    this.holds.delete(consumeSequence ?? 0);
    const heldUnits = -held.reduce((sum, [, change]) => sum + change, 0);
    const settled = type === 'CAPTURE' ? units + amount : amount;
    if (settled !== heldUnits) return `settles ${settled} units of a hold of ${heldUnits}`;
    return this.changeHeld(held, 1);
  }

  private changeHeld(lots: readonly LotChange[], sign: 1 | -1): string | undefined {
    for (const [grantId, change] of lots) {
      const lot = this.lots.get(grantId);
      if (lot === undefined) return `holds units of lot ${grantId}, which was never granted`;
      const held = lot.held + sign * change;
      if (held < 0 || lot.left + held > lot.granted) return `leaves lot ${grantId} with ${held} units held`;
      this.lots.set(grantId, { ...lot, held });
    }
    return undefined;
  }

  /** Compares the lots that are stored with what the log says of them. */
  compare(stored: readonly StoredLot[]): string | undefined {
    const known = new Set(stored.map(({ grantId }) => grantId));
    for (const [grantId] of this.lots) {
      if (!known.has(grantId)) return `lot ${grantId} of the log is not there`;
    }
    for (const one of stored) {
      const { grantId, amount, remaining, held } = one;
      const lot = this.lots.get(grantId);
      if (lot === undefined) return `lot ${grantId} is not in the log`;
      if (amount !== lot.granted || remaining !== lot.left || held !== lot.held) {
        const said = `${remaining} of ${amount} units and ${held} held`;
        return `lot ${grantId} says ${said}, the log ${lot.left} of ${lot.granted} and ${lot.held} held`;
      }
      if (!grantHash({ ...one, units: amount }).equals(lot.hash)) {
        return `lot ${grantId} has another source or expiry than its GRANT row says`;
      }
    }
    return undefined;
  }
}
