import type { Knex } from 'knex';
import type { Database } from '../platform/db/database';
import { literal } from '../platform/db/sql-text';
import { insertOf, writeTogether } from '../platform/db/statements';
import { withTx, type Tx } from '../platform/db/tx';
import { sealRows, type AuditChainEnd, type AuditPlace } from './audit-chain';
import { gapsAfter, gapsBetween, gapsOf, gapsText, type Gap } from './audit-gaps';
import { AuditChainHeadRow, AuditLogRow } from './audit.model';

/** Most rows that one run seals. */
export const SEALED_MAX = 1_000;

/**
 * Gives every committed audit row that has none its place in the chain: first those that were committed late, then the new
 * ones. Returns how many. The one row of the head is locked, so two sealers take turns and the chain never forks; commands
 * never wait for it. Running it twice seals nothing twice.
 */
export function sealAuditLog(db: Database, most = SEALED_MAX): Promise<number> {
  return withTx(db, { name: 'SealAuditLog' }, async (tx) => {
    const head = await lockHead(tx);
    const gaps = gapsOf(head.gaps);
    const late = await readLate(tx, gaps, most);
    const fresh = await readFresh(tx, head.reachedId, most - late.length);
    const nowMs = await databaseMs(tx);
    const left = gapsAfter({
      gaps,
      found: late.map(({ id }) => id),
      opened: gapsBetween(
        head.reachedId,
        fresh.map(({ id }) => id),
        nowMs,
      ),
      bornId: head.bornId,
      nowMs,
    });
    const reachedId = fresh.at(-1)?.id ?? head.reachedId;
    const places = sealRows(head, [...late, ...fresh]);
    if (places.length > 0) await write(tx, places, { reachedId, gaps: gapsText(left) });
    else if (gapsText(left) !== head.gaps) await writeTogether(tx, [headWrite({ gaps: gapsText(left) })]);
    return places.length;
  });
}

async function lockHead(tx: Tx): Promise<AuditChainHeadRow> {
  return AuditChainHeadRow.query(tx).findById(1).forUpdate().throwIfNotFound();
}

/** The database's own clock: ids are drawn there, and ours may be set. */
async function databaseMs(tx: Tx): Promise<number> {
  const [[row]] = (await tx.raw('SELECT UTC_TIMESTAMP(3) AS now')) as [{ now: Date }[]];
  if (row === undefined) throw new Error('the database did not tell its time');
  return row.now.getTime();
}

/** Rows that were committed after the sealer had passed their ids, by id. */
async function readLate(tx: Tx, gaps: readonly Gap[], most: number): Promise<readonly AuditLogRow[]> {
  if (gaps.length === 0) return [];
  return unsealedRows(tx)
    .where((inGaps) => {
      for (const { from, to } of gaps) void inGaps.orWhereBetween('a.id', [from, to]);
    })
    .limit(most);
}

/** Rows above what was reached, by id. */
async function readFresh(tx: Tx, reachedId: number, most: number): Promise<readonly AuditLogRow[]> {
  if (most <= 0) return [];
  return AuditLogRow.query(tx).where('id', '>', reachedId).orderBy('id').limit(most);
}

/** Rows without a place, by id. */
function unsealedRows(reader: Knex) {
  return AuditLogRow.query(reader)
    .alias('a')
    .select('a.*')
    .leftJoin('audit_chain as c', 'c.audit_id', 'a.id')
    .whereNull('c.audit_id')
    .orderBy('a.id');
}

const PLACE_COLUMNS = ['position', 'audit_id', 'hash_version', 'hash'];

async function write(
  tx: Tx,
  places: readonly AuditPlace[],
  moved: { readonly reachedId: number; readonly gaps: string },
): Promise<void> {
  const rows = places.map(
    ({ position, auditId, hashVersion, hash }) => [position, auditId, hashVersion, hash] as const,
  );
  const end: AuditChainEnd | undefined = places.at(-1);
  await writeTogether(tx, [insertOf('audit_chain', PLACE_COLUMNS, rows), headWrite({ ...end, ...moved })]);
}

/** The head's one row, moved on. */
function headWrite(fields: Partial<AuditChainEnd> & { readonly reachedId?: number; readonly gaps: string }) {
  const { position, hash, reachedId, gaps } = fields;
  const changes = [
    ...(position === undefined ? [] : [`position = ${literal(position)}`]),
    ...(hash === undefined ? [] : [`hash = ${literal(hash)}`]),
    ...(reachedId === undefined ? [] : [`reached_id = ${literal(reachedId)}`]),
    `gaps = ${literal(gaps)}`,
  ];
  return { sql: `UPDATE audit_chain_head SET ${changes.join(', ')} WHERE id = 1`, rows: 1, what: 'audit_chain_head' };
}
