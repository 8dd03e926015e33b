import type { Knex } from 'knex';
import type { FieldCipher } from '../../platform/crypto/field-cipher';
import { signDocument } from '../../platform/crypto/document-signature';
import { createVerifier, type Signer } from '../../platform/crypto/signing';
import type { Database } from '../../platform/db/database';
import { readAtOnce } from '../../platform/db/read-at-once';
import { Problems } from '../anchor/problems';
import { readNewestTrusted, type Trust } from '../anchor/trusted-anchor';
import { AUDIT_CHAIN_START } from '../audit-chain';
import { MANIFEST, pack, SIGNATURE } from './archive';
import { Collector } from './collector';
import { findScope } from './find-scope';
import { manifestBytes, type Manifest } from './manifest';
import { NOTE } from './note';
import { readSegment, type ChainSegment } from './read-chain';
import { readEvents, type FoundEvents } from './read-events';
import { readTable, readWhere, type Row } from './read-rows';
import { withIds, type Scope } from './scope';
import { openRows } from './sealed-rows';
import { ROWS_TO_HEAD_MAX, segmentEnd } from './segment-end';
import type { EvidenceSubject } from './subject';
import { TABLE_RULES } from './table-rules';

/** What evidence is made with. */
export interface EvidenceParts {
  readonly db: Database;
  readonly cipher: FieldCipher;
  /** What signs evidence now. */
  readonly signer: () => Signer;
  /** Whose anchors are believed, in PEM. */
  readonly publicKeys: () => readonly string[];
  /** The version of the service, for the manifest. */
  readonly version: string;
}

/** Who asks for what, when. */
export interface EvidenceRequest {
  readonly subject: EvidenceSubject;
  readonly requestedBy: string;
  readonly now: Date;
  readonly signal?: AbortSignal;
}

/** How long the read of one archive may take: less than the longest deadline of a call. */
const TIMEOUT_MS = 28_000;

const TABLES = 'tables';
const AUDIT_PROOF = 'proof/audit_chain.jsonl';
const ANCHOR = 'proof/audit_anchors.jsonl';
const EVENTS = 'events.jsonl';

const pathOf = (table: string): string => `${TABLES}/${table}.jsonl`;

/** Where the user's log begins to matter: for a whole user at its first row. */
function firstSequence({ isWholeUser, ids }: Scope, head: number): number {
  if (isWholeUser) return 1;
  const sequences = ids.sequence.map(Number);
  // Without a row that matters nothing but the end of the log is told.
  return sequences.reduce((first, sequence) => Math.min(first, sequence), head + 1);
}

/** The places of audit rows in the chain, with the hash that each follows on. */
async function readPlaces(reader: Knex, auditIds: readonly Row[string][]): Promise<Row[]> {
  if (auditIds.length === 0) return [];
  const rule = { table: 'audit_chain', key: ['position'] };
  const marks = (values: readonly unknown[]): string => values.map(() => '?').join(', ');
  const places = await readWhere(reader, rule, {
    sql: `audit_id IN (${marks(auditIds)})`,
    values: auditIds as number[],
  });
  const wanted = places.map(({ position }) => Number(position) - 1).filter((position) => position > 0);
  const sql = `position IN (${marks(wanted)})`;
  const before = wanted.length === 0 ? [] : await readWhere(reader, rule, { sql, values: wanted });
  const hashes = new Map(before.map(({ position, hash }) => [Number(position), hash]));
  return places.map((place) => {
    return { ...place, previous_hash: hashes.get(Number(place['position']) - 1) ?? AUDIT_CHAIN_START };
  });
}

interface Found {
  readonly scope: Scope;
  readonly segment: ChainSegment;
  /** Where the segment ends, if the log goes on behind it. */
  readonly cutAt: number | undefined;
  readonly events: FoundEvents;
}

/** The newest anchor that is believed, as it was signed: whoever has the account of the service can insert others. */
async function readNewestAnchor(reader: Knex, trust: Trust): Promise<Row[]> {
  const newest = await readNewestTrusted(reader, trust, new Problems());
  if (newest === undefined) return [];
  const condition = { sql: 'number = ?', values: [newest.anchor.number] };
  return readWhere(reader, { table: 'audit_anchors', key: ['number'] }, condition);
}

/** Reads everything about a subject into files. */
async function collect(
  reader: Knex,
  parts: EvidenceParts,
  { subject, now }: EvidenceRequest,
  into: Collector,
  rowsToHeadMax: number,
): Promise<Found> {
  const scope = await findScope(reader, subject);
  const events = await readEvents(reader, scope.userId);
  into.rows(EVENTS, events.events as unknown as readonly Row[]);
  const known = withIds(scope, { event: events.events.map(({ id }) => id) });
  const tables = new Map<string, readonly Row[]>();
  for (const rule of TABLE_RULES) {
    const rows = await readTable(reader, rule, known);
    tables.set(rule.table, rows);
    into.rows(pathOf(rule.table), openRows(parts.cipher, rule, rows));
  }
  const head = Number(tables.get('users')?.[0]?.['log_sequence'] ?? 0);
  into.open(pathOf('quota_logs'));
  const onRow = (row: Row): void => into.rows(pathOf('quota_logs'), [row]);
  const fromSequence = firstSequence(scope, head);
  const toSequence = await segmentEnd(reader, scope, { from: fromSequence, head }, rowsToHeadMax);
  const segment = await readSegment(reader, scope.userId, { fromSequence, toSequence }, onRow);
  const auditIds = (tables.get('audit_logs') ?? []).map(({ id }) => id);
  into.rows(AUDIT_PROOF, await readPlaces(reader, auditIds));
  const verifiers = parts.publicKeys().map(createVerifier);
  into.rows(ANCHOR, await readNewestAnchor(reader, { verifiers, now }));
  into.text('README.md', NOTE);
  return { scope, segment, cutAt: toSequence < head ? toSequence : undefined, events };
}

/** The manifest of collected files. */
function describe(
  { subject, requestedBy, now }: EvidenceRequest,
  { signer, version }: { readonly signer: Signer; readonly version: string },
  { scope, segment, cutAt, events }: Found,
  files: Manifest['files'],
): Manifest {
  return {
    kind: 'billing-guard evidence',
    version: 1,
    subject: { type: subject.type, id: subject.id, user_id: scope.userId },
    time: now.toISOString(),
    requested_by: requestedBy,
    service_version: version,
    key_id: signer.keyId,
    quota_chain: {
      from_sequence: segment.fromSequence,
      previous_hash: segment.previousHash.toString('hex'),
      balance_before: segment.balanceBefore,
      ...(cutAt === undefined ? {} : { to_sequence: cutAt }),
    },
    events: { complete: events.isComplete, from_id: events.fromId },
    files,
  };
}

/**
 * Makes the archive of a subject: everything as it was at one moment, signed. Throws ORDER_NOT_FOUND, USER_NOT_FOUND,
 * CONSUME_NOT_FOUND or EVIDENCE_TOO_LARGE.
 */
export async function buildEvidence(
  parts: EvidenceParts,
  request: EvidenceRequest,
  rowsToHeadMax = ROWS_TO_HEAD_MAX,
): Promise<Buffer> {
  const options = { name: 'ExportEvidence', signal: request.signal, timeoutMs: TIMEOUT_MS };
  const { files, listed, found } = await readAtOnce(parts.db, options, async (reader) => {
    const collector = new Collector();
    const found = await collect(reader, parts, request, collector, rowsToHeadMax);
    return { found, ...collector.finish() };
  });
  const signer = parts.signer();
  const manifest = manifestBytes(describe(request, { signer, version: parts.version }, found, listed));
  const sealed = Buffer.from(`${JSON.stringify(signDocument(manifest, signer), null, 2)}\n`, 'utf8');
  return pack([{ path: MANIFEST, content: manifest }, { path: SIGNATURE, content: sealed }, ...files], request.now);
}
