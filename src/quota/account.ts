/** The shapes of one user's quota account: what the ledger decides on and what it writes. Meaning: README.md. */

/** Where units come from. Nothing else creates quota. */
export type GrantSource = 'registration' | 'membership' | 'gift' | 'compensation';

/** Kinds of rows in the log. */
export type PostingType = 'GRANT' | 'CONSUME' | 'REFUND' | 'HOLD' | 'CAPTURE' | 'RELEASE' | 'EXPIRE' | 'REVOKE';

/** A lot: units from one source with one expiry. */
export interface Lot {
  /** Sequence of the GRANT row that made it. */
  readonly grantId: number;
  readonly source: GrantSource;
  readonly amount: number;
  readonly remaining: number;
  /** Units set aside for holds. */
  readonly held: number;
  /** From this instant on its units can not be used; null: never. */
  readonly expireTime: Date | null;
  /** Since when units that come back to it end at once; null: it was not revoked. */
  readonly revokeTime: Date | null;
}

/** A lot as it is made. */
export interface NewLot extends Lot {
  /** What it was granted for; unique per user and source. */
  readonly sourceRef: string;
  readonly orderId: string | null;
  readonly createTime: Date;
}

/** How a posting changed one lot's remaining units: [grantId, signed units]. */
export type LotChange = readonly [grantId: number, units: number];

/** A row of the append-only log. */
export interface Posting {
  readonly userId: string;
  readonly sequence: number;
  /** Who chose request_id: a caller, or the service for side effects. */
  readonly origin: 'caller' | 'system';
  readonly requestId: string;
  readonly requestHash: Buffer;
  readonly type: PostingType;
  /** Signed change of the balance. */
  readonly amount: number;
  /** Units the row is about, positive. */
  readonly units: number;
  /** Balance after the row. */
  readonly quotaRemaining: number;
  readonly lots: readonly LotChange[];
  /** For a REFUND, CAPTURE or RELEASE: the CONSUME or HOLD it settles units of. */
  readonly consumeSequence: number | null;
  readonly taskId: string;
  readonly taskType: string;
  readonly description: string;
  readonly actor: string;
  readonly createTime: Date;
  readonly hashVersion: number;
  readonly hash: Buffer;
}

/** Until when units that came back to an expired lot can be used: fixed by their first return, kept for later ones. */
export type LateReturn = readonly [grantId: number, deadlineMs: number];

/**
 * What was taken or set aside by one CONSUME or HOLD row, and what became of it. Consumed are `units - returned`, once a
 * hold is settled; an open hold holds all its units.
 */
export interface Charge {
  /** The CONSUME or HOLD row. */
  readonly sequence: number;
  readonly taskId: string;
  readonly kind: 'consume' | 'hold';
  readonly units: number;
  readonly returned: number;
  /**
   * `open`: nobody has said yet how its task ended. `settled`: what did not come back is consumed. `released`: a hold of
   * which nothing was. A consume without a task is born settled.
   */
  readonly state: 'open' | 'settled' | 'released';
  /** When the sweeper first asks; null: never, because there is no task and nothing is held. */
  readonly settleDeadline: Date | null;
  /** From when on a case is opened if the outcome is still unknown. */
  readonly caseDeadline: Date | null;
  /** The grace of units that come back late, as it was the policy when they were taken. */
  readonly graceDays: number;
  /** When the sweeper looks next; null once settled. */
  readonly dueTime: Date | null;
  readonly lateReturns: readonly LateReturn[];
}

/** A limit that units count against: of a feature, in one of the user's membership periods. */
export interface LimitedUse {
  readonly feature: string;
  readonly periodNo: number;
}

/** A charge whose units count against a limit. */
export interface LimitedCharge extends LimitedUse {
  /** The CONSUME or HOLD row. */
  readonly sequence: number;
}

/** Units of a feature that were taken in a period and did not come back. */
export interface FeatureUsage extends LimitedUse {
  readonly used: number;
}

/** What was reported about a task, under its request_id. */
export interface ReportedOutcome {
  readonly requestId: string;
  readonly requestHash: Buffer;
  readonly taskId: string;
  readonly outcome: 'SUCCEEDED' | 'FAILED';
  readonly chargesSettled: number;
  /** The rows it wrote; null when it wrote none. */
  readonly firstSequence: number | null;
  readonly lastSequence: number | null;
  readonly quotaRemaining: number;
  readonly actor: string;
  readonly createTime: Date;
}

/** A user's account as it stands under the user's row lock, with the earlier records that a command is decided on. */
export interface Account {
  readonly userId: string;
  readonly quotaRemaining: number;
  readonly logSequence: number;
  readonly logHash: Buffer;
  readonly logTime: Date;
  /** Lots with units, and those that units may come back to. */
  readonly lots: readonly Lot[];
  /** Earlier rows: those under the ids in question, those they name, and what followed them. */
  readonly rows: readonly Posting[];
  readonly charges: readonly Charge[];
  readonly outcomes: readonly ReportedOutcome[];
  /** Those of the charges that count against a limit; none if left out. */
  readonly limitedCharges?: readonly LimitedCharge[];
  /** What these limits, and those of the features in question, have seen; what is not named has seen nothing. */
  readonly usages?: readonly FeatureUsage[];
}
