import type { FieldCipher } from '../../platform/crypto/field-cipher';
import type { Snapshot } from '../../platform/db/snapshot';
import type { Posting, StoredLot } from '../../quota';
import type { Bilingual } from './bilingual';
import type { ItemId, SectionId } from './sections';

/**
 * What the financial review is made of. A check asks one question of the database and gives a finding for each thing that is
 * wrong; nothing found means that the question was answered well. A check that throws is a severe finding, never a pass.
 */

/** Severe findings fail the review; medium ones should, and minor ones may be mended. */
export type Severity = 'severe' | 'medium' | 'minor';

/** What names one thing that is wrong: keys and the figures that disagree. No secrets and no personal data but ids. */
export type Evidence = Readonly<Record<string, string | number | null>>;

export interface Finding {
  readonly evidence: Evidence;
}

/**
 * Reads the database under review: one connection, one REPEATABLE READ snapshot; nothing is ever written. The names of columns are those
 * of the statement. BIGINT comes as a number (NaN where it does not fit), DATETIME as a Date, a sum (DECIMAL) as text. `rows` is for
 * answers that are short whatever is wrong; what finds faults streams, and no other statement runs until a stream has ended.
 */
export type ReviewReader = Pick<Snapshot, 'knex' | 'rows' | 'stream' | 'arrays'>;

/** What the review knows of the service beside its database. */
export interface ReviewFacts {
  /** The version and the git commit of the build that runs; the commit is empty where nobody said. */
  readonly build: { readonly version: string; readonly commit: string };
  /** The signed result of the 100-claims test (`npm run claims:proof`), as it was read; undefined where there is none. */
  readonly claimsProof: string | undefined;
  /** The public keys of who signs anchors, in PEM. */
  readonly publicKeys: readonly string[];
  /** Those of who may sign the claims test beside them: CI's, in whose hands no anchor is. */
  readonly proofKeys: readonly string[];
  /** What the backup target says of itself; undefined where the review does not know of a target. */
  readonly backup: BackupFacts | undefined;
  /** Why what the target says of itself is not believed: somebody altered it, or it can not be read. */
  readonly backupFault?: string;
  /** What signed originals are read and opened with; left out where the review has no data keys. */
  readonly originals?: OriginalsFacts | undefined;
  /** Where anchors are kept outside of the database; left out where the review does not know. */
  readonly anchors?: AnchorFacts | undefined;
  /** The names of the database accounts by what they are for. */
  readonly accounts: ReviewedAccounts;
}

export interface ReviewedAccounts {
  readonly app: string;
  readonly report: string;
  /** Owns the schema. */
  readonly migrate: string;
  /** Takes backups. */
  readonly backup: string;
}

/** How what is sealed is read: accounts that only read are not shown it. */
export interface OriginalsFacts {
  readonly databaseUrl: string;
  readonly cipher: FieldCipher;
}

/** The directory of anchors. */
export interface AnchorFacts {
  readonly dir: string;
  /** The names of those that were there before the review took its snapshot, in their order. */
  readonly files: readonly string[];
}

/** The last backup and the last drill, as the backup target has them; undefined where there was none. */
export interface BackupFacts {
  readonly lastFullTime: Date | undefined;
  /** Until when everything acknowledged can be restored, by a full backup and the binary log that continues it. */
  readonly lastLogTime: Date | undefined;
  /** The newest stream of the binary log where it continues no full backup. */
  readonly looseStream?: string | undefined;
  readonly lastDrill: { readonly time: Date; readonly isClean: boolean } | undefined;
}

export interface CheckContext {
  readonly db: ReviewReader;
  /** The time of the review. */
  readonly now: Date;
  readonly facts: ReviewFacts;
  /** Says how far the check is, in whatever it counts. */
  progress(done: number): void;
}

export interface CheckTerms {
  /** Unique among all checks, in kebab-case: names the problem in every report. */
  readonly id: string;
  readonly section: SectionId;
  /** The line of the section's checklist that the check backs. */
  readonly item: ItemId;
  readonly severity: Severity;
  /**
   * What it is about: what is stored, or what is around it (accounts, backups, the build), which a copy that was restored
   * somewhere for a drill does not have. Left out: what is stored.
   */
  readonly about?: 'data' | 'deployment';
  /** What the review may not have; the check is left out then, and the report says so. */
  readonly needs?: 'data-keys';
  /** The invariant of docs/invariants.md whose SELECT this is, such as `INV-9`. */
  readonly invariant?: string;
  /** What is wrong, said of what was found: 「优惠券被使用两次」. */
  readonly title: Bilingual;
  /** What to do about it. */
  readonly fix: Bilingual;
}

/** A check with statements of its own. */
export interface QueryCheck extends CheckTerms {
  run(context: CheckContext): AsyncIterable<Finding> | Promise<readonly Finding[]>;
}

/**
 * A check that reads all of quota_logs. All of them are fed from one pass (`log-pass.ts`), which reads the rows once, in
 * order of user and sequence.
 */
export interface LogCheck extends CheckTerms {
  /** Makes what takes part in one pass. */
  start(context: CheckContext): LogListener;
}

export type Check = QueryCheck | LogCheck;

export function isLogCheck(check: Check): check is LogCheck {
  return 'start' in check;
}

/** What the row of a user says of the log. */
export interface StoredHead {
  readonly quotaRemaining: number;
  readonly logSequence: number;
  readonly logHash: Buffer;
  readonly logTime: Date | null;
}

/** What is stored beside a user's log. */
export interface StoredAccount {
  readonly userId: string;
  /** undefined where the log belongs to nobody. */
  readonly account: StoredHead | undefined;
  /** In order of their numbers. */
  readonly lots: readonly StoredLotRow[];
}

/** A row of quota_grants. */
export type StoredLotRow = StoredLot & {
  readonly userId: string;
  readonly orderId: string | null;
  readonly createTime: Date;
  readonly revokeTime: Date | null;
};

/** A row of the log whose columns can not even be read as one: its lots are no JSON, or a number is none. */
export interface UnreadableRow {
  readonly userId: string;
  readonly sequence: number;
}

/**
 * Takes the log row by row. Every method gives the findings that it came to, or nothing. Forget what you remember of a user in
 * `endUser`; what grows with his log, and not with his lots, must be bounded beside (`checks/long-logs.ts`).
 */
export interface LogListener {
  /** The next row: all rows of a user follow one another, in order of their sequence as it is stored. */
  row(row: Posting): readonly Finding[] | undefined;
  /** A row that `row` is not told of. The check of the chain names it; most others need nothing. */
  unreadable?(row: UnreadableRow): readonly Finding[] | undefined;
  /** The user's rows are all told; what is stored beside them is here. */
  endUser?(stored: StoredAccount): readonly Finding[] | undefined;
  /** Between two pages, for what must be asked of the database: the users that ended since the last call, a few thousand. */
  endUsers?(userIds: readonly string[]): AsyncIterable<Finding> | Promise<readonly Finding[]>;
  /** After the last row. */
  end?(): Promise<readonly Finding[]>;
}
