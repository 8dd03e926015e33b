import type { Posting } from './account';
import { CHAIN_STATE_START, checkNextRow, type ChainState } from './log-chain';
import { LotTallies, type StoredLot } from './lot-tallies';

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

/**
 * Recomputes one user's chain, balance and lots from the log alone. Feed it the rows in order, then ask whether what is
 * stored beside the log agrees. Remembers three numbers and a hash per lot, and the open holds, whatever the length of the log. Pure.
 */
export class AccountCheck {
  private state: ChainState = CHAIN_STATE_START;
  private readonly lots = new LotTallies();

  constructor(readonly userId: string) {}

  /** Checks the next row. */
  next(row: Posting): LedgerFault | undefined {
    const checked = checkNextRow(this.state, row);
    if ('problem' in checked) return this.fault(checked.sequence, checked.problem);
    this.state = checked;
    const problem = this.lots.next(row);
    return problem === undefined ? undefined : this.fault(row.sequence, problem);
  }

  /** Compares what is stored beside the log with what the log says. */
  compare(account: AccountHead | undefined, lots: readonly StoredLot[]): LedgerFault | undefined {
    if (account === undefined) return this.fault(null, 'has a log but no account');
    const problem = this.compareHead(account) ?? this.lots.compare(lots);
    return problem === undefined ? undefined : this.fault(null, problem);
  }

  private compareHead({ logSequence, logHash, quotaRemaining }: AccountHead): string | undefined {
    const { sequence, hash, balance } = this.state;
    if (logSequence !== sequence) {
      return `the account knows ${logSequence} rows, the log has ${sequence}`;
    }
    if (!logHash.equals(hash)) return 'the account names another last hash than the log has';
    if (quotaRemaining !== balance) {
      return `the account says ${quotaRemaining} units, the log sums to ${balance}`;
    }
    return undefined;
  }

  private fault(sequence: number | null, problem: string): LedgerFault {
    return { userId: this.userId, sequence, problem };
  }
}
