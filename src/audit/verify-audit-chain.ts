import type { Knex } from 'knex';
import { AUDIT_CHAIN_EMPTY, placeProblem, type AuditChainEnd, type AuditContent, type AuditPlace } from './audit-chain';
import { gapsOf, type Gap } from './audit-gaps';
import { AuditChainHeadRow, AuditLogRow } from './audit.model';

/** Something that is not as the chain demands. */
export interface AuditChainFault {
  /** The place, where it is one of the chain. */
  readonly position: number | undefined;
  /** The audit row, where one is meant. */
  readonly auditId: number | undefined;
  readonly problem: string;
}

/** What a check of the audit log came to. */
export interface AuditChainReport {
  /** Places that were checked. */
  readonly sealed: number;
  /** Rows that wait for their seal: nothing proves them yet. */
  readonly unsealed: number;
  /** Where the stored chain ends. */
  readonly end: AuditChainEnd;
  /** In the order they were found, at most FAULTS_MAX; the check goes on from the stored hash after each. */
  readonly faults: readonly AuditChainFault[];
}

/** More faults than this say no more. */
const FAULTS_MAX = 20;

/** Places read at a time: what bounds the memory. */
const PAGE_SIZE = 2_000;

/** A place with its row; the row's fields are null where it is gone. */
type SealedRow = AuditPlace & { readonly [Field in keyof AuditContent]: AuditContent[Field] | null };

/**
 * Recomputes the whole chain of the audit log from the rows alone and compares it with what is stored: no row was changed,
 * deleted, put in between or left out, as far as it was sealed. That nobody recomputed the whole chain only an anchor can
 * prove. `reader` must see one consistent snapshot. Memory is bounded by a page of rows.
 */
export async function verifyAuditChain(
  reader: Knex,
  onProgress: (sealed: number) => void = () => undefined,
): Promise<AuditChainReport> {
  const faults: AuditChainFault[] = [];
  let end = AUDIT_CHAIN_EMPTY;
  let sealed = 0;
  // Whoever may do everything can write places of any number.
  let after = Number.MIN_SAFE_INTEGER;
  for (;;) {
    const page = await readPlacesAfter(reader, after);
    for (const row of page) {
      if (faults.length === FAULTS_MAX) break;
      const problem = problemOf(end, row);
      if (problem !== undefined) faults.push({ position: row.position, auditId: row.auditId, problem });
      end = row;
      after = row.position;
      sealed += 1;
    }
    onProgress(sealed);
    if (page.length < PAGE_SIZE || faults.length === FAULTS_MAX) break;
  }
  const { faults: ofHead, unsealed, stored } = await checkHead(reader, end, faults.length === FAULTS_MAX);
  return { sealed, unsealed, end: stored, faults: [...faults, ...ofHead].slice(0, FAULTS_MAX) };
}

async function readPlacesAfter(reader: Knex, position: number): Promise<readonly SealedRow[]> {
  return reader('audit_chain as c')
    .select('c.position', 'c.auditId', 'c.hashVersion', 'c.hash', 'a.id', 'a.action', 'a.actor', 'a.role', 'a.request')
    .select('a.subjectType', 'a.subjectId', 'a.userId', 'a.cause', 'a.beforeState', 'a.afterState', 'a.createTime')
    .leftJoin('audit_logs as a', 'a.id', 'c.auditId')
    .where('c.position', '>', position)
    .orderBy('c.position')
    .limit(PAGE_SIZE);
}

function problemOf(end: AuditChainEnd, row: SealedRow): string | undefined {
  const content = row.id === null ? undefined : (row as unknown as AuditContent);
  try {
    return placeProblem(end, row, content);
  } catch {
    // What is no date can not be written out.
    return 'can not be read';
  }
}

/** Whether the head says what the chain says, and whether every row is sealed that nobody waits for. */
async function checkHead(
  reader: Knex,
  end: AuditChainEnd,
  wasCutShort: boolean,
): Promise<{
  readonly faults: readonly AuditChainFault[];
  readonly unsealed: number;
  readonly stored: AuditChainEnd;
}> {
  const head = await AuditChainHeadRow.query(reader).findById(1);
  if (head === undefined) {
    return { faults: [{ ...NOWHERE, problem: 'the head of the chain is gone' }], unsealed: 0, stored: end };
  }
  const stored = { position: head.position, hash: head.hash };
  const faults: AuditChainFault[] = [];
  if (!wasCutShort && (head.position !== end.position || !head.hash.equals(end.hash))) {
    const problem = `the head says place ${head.position}, the chain ends at place ${end.position} or with another hash`;
    faults.push({ ...NOWHERE, position: end.position, problem });
  }
  let gaps: readonly Gap[];
  try {
    gaps = gapsOf(head.gaps);
  } catch {
    return {
      faults: [...faults, { ...NOWHERE, problem: 'the gaps of the head can not be read' }],
      unsealed: 0,
      stored,
    };
  }
  for (const id of await findPassedOver(reader, head.reachedId, gaps)) {
    faults.push({ ...NOWHERE, auditId: id, problem: 'is not sealed, though the sealer has passed it for good' });
  }
  return { faults, unsealed: await countWaiting(reader, head.reachedId, gaps), stored };
}

const NOWHERE = { position: undefined, auditId: undefined };

function withoutPlace(reader: Knex) {
  return AuditLogRow.query(reader)
    .alias('a')
    .leftJoin('audit_chain as c', 'c.audit_id', 'a.id')
    .whereNull('c.audit_id');
}

/** Rows that will never be sealed: somebody put them there by a way around the service. */
async function findPassedOver(reader: Knex, reachedId: number, gaps: readonly Gap[]): Promise<readonly number[]> {
  const query = withoutPlace(reader).where('a.id', '<=', reachedId).orderBy('a.id').limit(FAULTS_MAX).select('a.id');
  for (const { from, to } of gaps) void query.whereNotBetween('a.id', [from, to]);
  return (await query).map(({ id }) => id);
}

/** Rows that will be sealed. */
async function countWaiting(reader: Knex, reachedId: number, gaps: readonly Gap[]): Promise<number> {
  return waitingRows(reader, reachedId, gaps).resultSize();
}

function waitingRows(reader: Knex, reachedId: number, gaps: readonly Gap[]) {
  return withoutPlace(reader).where((waiting) => {
    void waiting.where('a.id', '>', reachedId);
    for (const { from, to } of gaps) void waiting.orWhereBetween('a.id', [from, to]);
  });
}

/** Rows that were to be sealed long ago: how many were made before an instant, and the first of them. */
export async function findUnsealed(
  reader: Knex,
  before: Date,
): Promise<{ readonly count: number; readonly first: AuditLogRow | undefined }> {
  // What is wrong with the head, verifyAuditChain says.
  const head = await AuditChainHeadRow.query(reader).findById(1);
  const waiting = waitingRows(reader, head?.reachedId ?? 0, gapsOrNone(head?.gaps)).where('a.createTime', '<', before);
  const count = await waiting.clone().resultSize();
  return { count, first: await waiting.select('a.*').orderBy('a.id').first() };
}

function gapsOrNone(text: string | undefined): readonly Gap[] {
  try {
    return text === undefined ? [] : gapsOf(text);
  } catch {
    return [];
  }
}
