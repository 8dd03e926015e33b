/** The shapes of one user's quota account: what the ledger decides on and what it writes. Meaning: README.md. */

/** Where units come from. Nothing else creates quota. */
export type GrantSource = 'registration' | 'membership' | 'compensation';

/** Kinds of rows in the log. HOLD, CAPTURE, RELEASE and REVOKE are reserved by the schema. */
export type PostingType = 'GRANT' | 'CONSUME' | 'REFUND' | 'EXPIRE';

/** A lot: units from one source with one expiry. */
export interface Lot {
  /** Sequence of the GRANT row that made it. */
  readonly grantId: number;
  readonly source: GrantSource;
  /** What it was granted for; unique per user and source. */
  readonly sourceRef: string;
  readonly orderId: string | null;
  readonly amount: number;
  readonly remaining: number;
  readonly held: number;
  /** From this instant on its units can not be used; null: never. */
  readonly expireTime: Date | null;
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
  /** For a REFUND: the CONSUME it returns units of. */
  readonly consumeSequence: number | null;
  readonly taskId: string;
  readonly taskType: string;
  readonly description: string;
  readonly actor: string;
  readonly createTime: Date;
  readonly hashVersion: number;
  readonly hash: Buffer;
}

/** A user's account as it stands under the user's row lock. */
export interface Account {
  readonly userId: string;
  readonly quotaRemaining: number;
  readonly logSequence: number;
  readonly logHash: Buffer;
  readonly logTime: Date;
  readonly lots: readonly Lot[];
}
