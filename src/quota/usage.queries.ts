import type { Knex } from 'knex';
import type { Database } from '../platform/db/database';
import { readOnly } from '../platform/db/tx';
import type { GrantSource, LotChange, Posting } from './account';
import { QuotaGrantRow } from './quota-grant.model';
import { QuotaLogRow, toPosting } from './quota-log.model';
import { firstSequenceFrom, readUser } from './quota.queries';
import { UsageTally, type UsageGroup } from './usage';

/** Which usage is asked for. */
export interface UsageFilter {
  readonly userId: string;
  /** Inclusive. */
  readonly startTime: Date;
  /** Exclusive. */
  readonly endTime: Date;
  readonly group: UsageGroup;
}

/** Rows of the log that are added up at a time. */
const PAGE_SIZE = 2_000;

/**
 * What a user's quota was used for in a time: read page by page, so that it takes no more memory for a longer log, and ends
 * with its caller. Throws USER_NOT_FOUND.
 */
export async function readUsage(
  db: Database,
  { userId, startTime, endTime, group }: UsageFilter,
  signal: AbortSignal,
): Promise<ReturnType<UsageTally['result']>> {
  const { logSequence } = await readUser(db, userId);
  const first = await firstSequenceFrom(db, userId, startTime, logSequence);
  const end = await firstSequenceFrom(db, userId, endTime, logSequence);
  const tally = new UsageTally(group);
  const sources = new Map<number, GrantSource>();
  for (let from = first; from < end;) {
    signal.throwIfAborted();
    const rows = await readOnly(db, (reader) => readPage(reader, userId, from, end));
    const none: ReadonlyMap<number, readonly LotChange[]> = new Map();
    const holds = group === 'SOURCE' ? await readOnly(db, (reader) => readHolds(reader, userId, rows)) : none;
    if (group === 'SOURCE') await readOnly(db, (reader) => learnSources(reader, userId, rows, holds, sources));
    for (const row of rows) tally.add(row, (id) => sourceIn(sources, id), holds.get(row.consumeSequence ?? 0));
    from = rows.length < PAGE_SIZE ? end : (rows.at(-1)?.sequence ?? end) + 1;
  }
  return tally.result();
}

async function readPage(reader: Knex, userId: string, from: number, end: number): Promise<readonly Posting[]> {
  const rows = await QuotaLogRow.query(reader)
    .where({ userId })
    .where('sequence', '>=', from)
    .where('sequence', '<', end)
    .whereIn('type', ['CONSUME', 'CAPTURE', 'REFUND'])
    .orderBy('sequence')
    .limit(PAGE_SIZE);
  return rows.map(toPosting);
}

/** What the holds set aside that these rows captured, by sequence. */
async function readHolds(
  reader: Knex,
  userId: string,
  rows: readonly Posting[],
): Promise<ReadonlyMap<number, readonly LotChange[]>> {
  const sequences = rows.flatMap((row) => (row.type === 'CAPTURE' ? (row.consumeSequence ?? []) : []));
  if (sequences.length === 0) return new Map();
  const holds = await QuotaLogRow.query(reader).where({ userId }).whereIn('sequence', sequences);
  return new Map(holds.map((hold) => [hold.sequence, toPosting(hold).lots]));
}

/** Learns the sources of the lots in rows, of those that are not known yet. */
async function learnSources(
  reader: Knex,
  userId: string,
  rows: readonly Posting[],
  holds: ReadonlyMap<number, readonly LotChange[]>,
  sources: Map<number, GrantSource>,
): Promise<void> {
  const lots = [...rows.map((row) => row.lots), ...holds.values()].flat();
  const unknown = [...new Set(lots.map(([grantId]) => grantId))].filter((grantId) => !sources.has(grantId));
  if (unknown.length === 0) return;
  const grants = await QuotaGrantRow.query(reader)
    .where({ userId })
    .whereIn('grantId', unknown)
    .select('grantId', 'source');
  for (const { grantId, source } of grants) sources.set(grantId, source);
}

function sourceIn(sources: ReadonlyMap<number, GrantSource>, grantId: number): GrantSource {
  const source = sources.get(grantId);
  if (source === undefined) throw new Error(`lot ${grantId} of the log is not there`);
  return source;
}
