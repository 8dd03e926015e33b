import type { LotChange, NewLot, Posting } from './account';
import { grantHash } from './book';
import { CHAIN_STATE_START, checkNextRow, type ChainState } from './log-chain';

/** The first thing that is wrong with a user's ledger. */
export interface LedgerFault {
  readonly userId: string;
  /** The row of the log; null when not a row but the account or a lot is wrong. */
  readonly sequence: number | null;
  readonly problem: string;
}

/** What the account of a user says about the log. */
export interface AccountHead {
  readonly quotaRemaining: number;
  readonly logSequence: number;
  readonly logHash: Buffer;
}

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
 * Recomputes one user's chain, balance and lots from the log alone. Feed it the rows in order, then ask whether what is
 * stored beside the log agrees. Remembers three numbers and a hash per lot, and the open holds, whatever the length of the log. Pure.
 */
export class AccountCheck {
  private state: ChainState = CHAIN_STATE_START;
  private readonly lots = new Map<number, LotTally>();
  /** What each open hold took, by the sequence of its row. */
  private readonly holds = new Map<number, readonly LotChange[]>();

  constructor(readonly userId: string) {}

  /** Checks the next row. */
  next(row: Posting): LedgerFault | undefined {
    const checked = checkNextRow(this.state, row);
    if ('problem' in checked) return this.fault(checked.sequence, checked.problem);
    this.state = checked;
    const moved = row.lots.reduce((sum, [, units]) => sum + units, 0);
    if (moved !== row.amount) return this.fault(row.sequence, `moves ${moved} units of lots, but ${row.amount} in all`);
    const problem = row.type === 'GRANT' ? this.addLot(row) : (this.moveLots(row) ?? this.moveHeld(row));
    return problem === undefined ? undefined : this.fault(row.sequence, problem);
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

  /** Compares what is stored beside the log with what the log says. */
  compare(account: AccountHead | undefined, lots: readonly StoredLot[]): LedgerFault | undefined {
    if (account === undefined) return this.fault(null, 'has a log but no account');
    return this.compareHead(account) ?? this.compareLots(lots);
  }

  private compareHead({ logSequence, logHash, quotaRemaining }: AccountHead): LedgerFault | undefined {
    const { sequence, hash, balance } = this.state;
    if (logSequence !== sequence) {
      return this.fault(null, `the account knows ${logSequence} rows, the log has ${sequence}`);
    }
    if (!logHash.equals(hash)) return this.fault(null, 'the account names another last hash than the log has');
    if (quotaRemaining !== balance) {
      return this.fault(null, `the account says ${quotaRemaining} units, the log sums to ${balance}`);
    }
    return undefined;
  }

  private compareLots(stored: readonly StoredLot[]): LedgerFault | undefined {
    const known = new Set(stored.map(({ grantId }) => grantId));
    for (const [grantId] of this.lots) {
      if (!known.has(grantId)) return this.fault(null, `lot ${grantId} of the log is not there`);
    }
    for (const one of stored) {
      const { grantId, amount, remaining, held } = one;
      const lot = this.lots.get(grantId);
      if (lot === undefined) return this.fault(null, `lot ${grantId} is not in the log`);
      if (amount !== lot.granted || remaining !== lot.left || held !== lot.held) {
        const said = `${remaining} of ${amount} units and ${held} held`;
        return this.fault(
          null,
          `lot ${grantId} says ${said}, the log ${lot.left} of ${lot.granted} and ${lot.held} held`,
        );
      }
      if (!grantHash({ ...one, units: amount }).equals(lot.hash)) {
        return this.fault(null, `lot ${grantId} has another source or expiry than its GRANT row says`);
      }
    }
    return undefined;
  }

  private fault(sequence: number | null, problem: string): LedgerFault {
    return { userId: this.userId, sequence, problem };
  }
}
