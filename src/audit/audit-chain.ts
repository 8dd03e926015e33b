import { sha256 } from '../platform/crypto/sha256';

/**
 * The hash chain of the audit log: hash = SHA-256(hash of the place before ‖ canonical form of the row). Rows are not
 * chained when they are written, which would line up all commands behind each other, but sealed shortly after their commit,
 * in any order (docs/adr/0012). The canonical form and a test vector are in docs/invariants.md. Pure.
 */
export const AUDIT_HASH_VERSION = 1;

/** What the first place's hash follows on: 32 zero bytes. */
export const AUDIT_CHAIN_START: Buffer = Buffer.alloc(32);

/** A row of the audit log, as far as its hash goes: all of it. */
export interface AuditContent {
  readonly id: number;
  readonly action: string;
  readonly actor: string;
  readonly role: string | null;
  readonly request: string | null;
  readonly subjectType: string;
  readonly subjectId: string;
  readonly userId: string | null;
  readonly cause: string;
  /** As it is stored: the text is hashed, not what it says. */
  readonly beforeState: string | null;
  readonly afterState: string;
  readonly createTime: Date;
}

/** Version 1: UTF-8 JSON of an array with fixed positions. What was never said is null, times are ISO 8601. */
export function auditCanonicalForm(position: number, row: AuditContent): string {
  return JSON.stringify([
    AUDIT_HASH_VERSION,
    position,
    row.id,
    row.action,
    row.actor,
    row.role,
    row.request,
    row.subjectType,
    row.subjectId,
    row.userId,
    row.cause,
    row.beforeState,
    row.afterState,
    row.createTime.toISOString(),
  ]);
}

/** The hash of a row at a place, after the place whose hash is `previous`. */
export function auditHash(previous: Buffer, position: number, row: AuditContent): Buffer {
  return sha256(Buffer.concat([previous, Buffer.from(auditCanonicalForm(position, row), 'utf8')]));
}

/** A place of the chain, before it is written or as it is stored. */
export interface AuditPlace {
  readonly position: number;
  readonly auditId: number;
  readonly hashVersion: number;
  readonly hash: Buffer;
}

/** Where a chain ends. */
export interface AuditChainEnd {
  readonly position: number;
  readonly hash: Buffer;
}

/** Where every chain begins. */
export const AUDIT_CHAIN_EMPTY: AuditChainEnd = { position: 0, hash: AUDIT_CHAIN_START };

/** The places that rows get after the end of a chain, in their order. */
export function sealRows(end: AuditChainEnd, rows: readonly AuditContent[]): readonly AuditPlace[] {
  const places: AuditPlace[] = [];
  let { position, hash } = end;
  for (const row of rows) {
    position += 1;
    hash = auditHash(hash, position, row);
    places.push({ position, auditId: row.id, hashVersion: AUDIT_HASH_VERSION, hash });
  }
  return places;
}

/**
 * What is wrong with a stored place and its row, after the place where the chain stood; undefined when nothing is. `row` is
 * undefined where there is none of that id.
 */
export function placeProblem(end: AuditChainEnd, place: AuditPlace, row: AuditContent | undefined): string | undefined {
  if (place.position !== end.position + 1) return `follows place ${end.position}: places are missing or doubled`;
  if (row === undefined) return 'is sealed, but the audit row is gone';
  if (place.hashVersion !== AUDIT_HASH_VERSION) return `has unknown hash version ${place.hashVersion}`;
  return auditHash(end.hash, place.position, row).equals(place.hash) ? undefined : 'does not match its hash';
}
