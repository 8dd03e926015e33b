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

/**
 * Recomputes one user's chain, balance and lots from the log alone. Feed it the rows in order, then ask whether what is
 * stored beside the log agrees. Holds one number per lot, whatever the length of the log. Pure.
 */
export class AccountCheck {
  private state: ChainState = CHAIN_STATE_START;
  private readonly unitsByLot = new Map<number, number>();

  constructor(readonly userId: string) {}

  /** Checks the next row. */
  next(row: Posting): LedgerFault | undefined {
    const checked = checkNextRow(this.state, row);
    if ('problem' in checked) return this.fault(checked.sequence, checked.problem);
    this.state = checked;
    const moved = row.lots.reduce((sum, [, units]) => sum + units, 0);
    if (moved !== row.amount) return this.fault(row.sequence, `moves ${moved} units of lots, but ${row.amount} in all`);
    for (const [grantId, units] of row.lots) {
      const left = (this.unitsByLot.get(grantId) ?? 0) + units;
      if (left < 0) return this.fault(row.sequence, `takes more of lot ${grantId} than it had`);
      this.unitsByLot.set(grantId, left);
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
    if (logSequence !== sequence)
      return this.fault(null, `the account knows ${logSequence} rows, the log has ${sequence}`);
    if (!logHash.equals(hash)) return this.fault(null, 'the account names another last hash than the log has');
    if (quotaRemaining !== balance) {
      return this.fault(null, `the account says ${quotaRemaining} units, the log sums to ${balance}`);
    }
    return undefined;
  }

  private compareLots(lots: readonly StoredLot[]): LedgerFault | undefined {
    const stored = new Map(lots.map((lot) => [lot.grantId, lot]));
    for (const [grantId, units] of this.unitsByLot) {
      const lot = stored.get(grantId);
      if (lot === undefined) return this.fault(null, `lot ${grantId} of the log is not there`);
      if (lot.remaining !== units)
        return this.fault(null, `lot ${grantId} says ${lot.remaining} units, the log ${units}`);
      stored.delete(grantId);
    }
    const [unknown] = stored.keys();
    return unknown === undefined ? undefined : this.fault(null, `lot ${unknown} is not in the log`);
  }

  private fault(sequence: number | null, problem: string): LedgerFault {
    return { userId: this.userId, sequence, problem };
  }
}
