import type { Snapshot } from '../../platform/db/snapshot';
import type { AnchorDocument, SignedAnchor } from './anchor-document';
import { compareAges } from './backdated';
import { countedTables, countRows } from './counted-tables';
import { joinByUser } from './cursor';
import type { Head } from './head';
import { readAuditHashAt, readHashesAt, readHeads, type StoredHead } from './heads.queries';
import type { ProvedLeaves } from './leaves-file';
import type { Problems } from './problems';

/**
 * What a database says otherwise than an anchor, by what is stored: what the anchor has must still be there. Rows are looked
 * up, not recomputed: whoever relies on it recomputes the chains besides, or asks `verify`.
 */

/** Users who moved on since the anchor, whose old row is looked at together. */
const LOOKED_AT_ONCE = 500;

/** Compares users one after another. */
export class HeadComparison {
  private moved: Head[] = [];

  constructor(
    private readonly snapshot: Pick<Snapshot, 'arrays'>,
    private readonly problems: Problems,
  ) {}

  /** The next user: where the log stood at the anchor, and stands now; undefined for one who is gone. */
  async add(old: Head, now: StoredHead | undefined): Promise<void> {
    if (isSame(old, now)) return;
    const problem = backwardsProblem(old, now);
    if (problem !== undefined) this.problems.add(old.userId, problem);
    else if (old.sequence > 0) this.moved.push(old);
    if (this.moved.length >= LOOKED_AT_ONCE) await this.end();
  }

  /** After the last: logs that went on. The row that was the last still has its hash. */
  async end(): Promise<void> {
    const { moved } = this;
    this.moved = [];
    const hashes = await readHashesAt(this.snapshot, moved);
    for (const { userId, sequence, hash } of moved) {
      if (hashes.get(userId)?.equals(hash) === true) continue;
      this.problems.add(userId, `was rewritten: row ${sequence} is gone or has another hash`);
    }
  }
}

/** Whether a log stands where it stood. */
export function isSame(old: Head | undefined, now: Head | undefined): boolean {
  return now !== undefined && old?.sequence === now.sequence && old.hash.equals(now.hash);
}

/** What no log of ours does: get lost, get shorter, or change its last row. */
function backwardsProblem(old: Head, now: Head | undefined): string | undefined {
  if (now === undefined) return `is gone, with ${old.sequence} rows of the log`;
  if (now.sequence < old.sequence) return `was shortened: ${now.sequence} of ${old.sequence} rows are there`;
  return now.sequence === old.sequence ? `was rewritten: row ${old.sequence} has another hash` : undefined;
}

/** Rows of every table that only grows. */
export async function countAll(snapshot: Pick<Snapshot, 'rows'>): Promise<Record<string, number>> {
  const counts = await countRows(snapshot, await countedTables(snapshot));
  return Object.fromEntries([...counts].map(([table, count]) => [table, count ?? 0]));
}

/** The audit log and the counts of an anchor. */
export async function compareRest(
  snapshot: Pick<Snapshot, 'rows' | 'knex'>,
  anchor: AnchorDocument,
  tables: Readonly<Record<string, number>>,
  problems: Problems,
): Promise<void> {
  const { audit, tables: old } = anchor;
  const hash = await readAuditHashAt(snapshot, audit.position);
  if (hash?.toString('hex') === audit.hash) await compareAges(snapshot, anchor, problems);
  else problems.add('audit log', `was rewritten: place ${audit.position} is gone or has another hash`);
  for (const [table, count] of Object.entries(old)) {
    const now = tables[table] ?? 0;
    if (now < count) problems.add(table, `lost rows: there were ${count}, ${now} are there`);
  }
}

/** Compares a whole database with an anchor; where its leaves are not at hand, all but the users. */
export async function compareStored(
  snapshot: Pick<Snapshot, 'rows' | 'arrays' | 'knex'>,
  { anchor, leaves }: { readonly anchor: AnchorDocument; readonly leaves: ProvedLeaves | undefined },
  problems: Problems,
): Promise<void> {
  if (leaves !== undefined) {
    const comparison = new HeadComparison(snapshot, problems);
    for await (const { found } of joinByUser<[Head, StoredHead]>(leaves.read(), readHeads(snapshot))) {
      const [old, now] = found;
      if (old !== undefined) await comparison.add(old, now);
    }
    await comparison.end();
  }
  await compareRest(snapshot, anchor, await countAll(snapshot), problems);
}

/** The database keeps a copy of each anchor: one that differs was forged, one that is gone was taken away. */
export async function compareOwnCopy(
  snapshot: Pick<Snapshot, 'rows'>,
  { anchor, hash }: SignedAnchor,
  problems: Problems,
): Promise<void> {
  const [row] = await snapshot.rows<{ hash: Buffer }>('SELECT hash FROM audit_anchors WHERE number = ?', [
    anchor.number,
  ]);
  if (row === undefined) problems.add(`anchor ${anchor.number}`, 'is not among the anchors of the database');
  else if (!row.hash.equals(hash)) problems.add(`anchor ${anchor.number}`, 'is another one in the database');
}
