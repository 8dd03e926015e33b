import type { Lot, Posting } from './account';
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
export type StoredLot = Pick<Lot, 'grantId' | 'amount' | 'remaining' | 'held'>;

/** What the log says of a lot. */
interface LotTally {
  readonly granted: number;
  readonly left: number;
}

/**
 * Recomputes one user's chain, balance and lots from the log alone. Feed it the rows in order, then ask whether what is
 * stored beside the log agrees. Holds two numbers per lot, whatever the length of the log. Pure.
 */
export class AccountCheck {
  private state: ChainState = CHAIN_STATE_START;
  private readonly lots = new Map<number, LotTally>();

  constructor(readonly userId: string) {}

  /** Checks the next row. */
  next(row: Posting): LedgerFault | undefined {
    const checked = checkNextRow(this.state, row);
    if ('problem' in checked) return this.fault(checked.sequence, checked.problem);
    this.state = checked;
    const moved = row.lots.reduce((sum, [, units]) => sum + units, 0);
    if (moved !== row.amount) return this.fault(row.sequence, `moves ${moved} units of lots, but ${row.amount} in all`);
    const problem = row.type === 'GRANT' ? this.addLot(row) : this.moveLots(row);
    return problem === undefined ? undefined : this.fault(row.sequence, problem);
  }

  /** A GRANT makes exactly the lot that has its sequence. */
  private addLot({ sequence, lots, units }: Posting): string | undefined {
    const [only, ...more] = lots;
    if (only === undefined || only[0] !== sequence || more.length > 0) return 'does not make the lot of its own number';
    this.lots.set(sequence, { granted: units, left: units });
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
    for (const { grantId, amount, remaining, held } of stored) {
      const lot = this.lots.get(grantId);
      if (lot === undefined) return this.fault(null, `lot ${grantId} is not in the log`);
      // No row holds units yet, so none may be held.
      if (amount !== lot.granted || remaining !== lot.left || held !== 0) {
        const said = `${remaining} of ${amount} units and ${held} held`;
        return this.fault(null, `lot ${grantId} says ${said}, the log ${lot.left} of ${lot.granted}`);
      }
    }
    return undefined;
  }

  private fault(sequence: number | null, problem: string): LedgerFault {
    return { userId: this.userId, sequence, problem };
  }
}
