import type { Snapshot } from '../../platform/db/snapshot';
import type { AnchorDocument } from './anchor-document';
import { countedTables, countRows } from './counted-tables';
import { joinByUser } from './cursor';
import { GONE, leafOf, type Head } from './head';
import { readAuditHashAt, readAuditHead, readHashesAt, readHeads, type StoredHead } from './heads.queries';
import type { LeavesWriter, ProvedLeaves } from './leaves-file';
import { MerkleTree } from './merkle';
import type { Problems } from './problems';

/** Users who moved on since the anchor before, whose old row is looked at together. */
const LOOKED_AT_ONCE = 500;

/** The anchor before, with its leaves. */
export interface Before {
  readonly anchor: AnchorDocument;
  readonly leaves: ProvedLeaves;
}

type Scan = Pick<AnchorDocument, 'users' | 'audit' | 'tables'>;

/** What is written of each user. */
export type LeavesKind = AnchorDocument['leaves']['kind'];

async function* nothing(): AsyncGenerator<readonly Head[]> {
  // An anchor without one before, or whose leaves are lost, is compared with nothing.
}

/**
 * Reads where everything stands, in one snapshot, and writes the leaves. On the way it is compared with the anchor before: what
 * that has must still be there. This is what a row says, not what it must say: only `verify` recomputes.
 */
export async function scanHeads(
  snapshot: Snapshot,
  out: { readonly kind: LeavesKind; readonly writer: LeavesWriter },
  before: Before | undefined,
  problems: Problems,
): Promise<Scan> {
  const tree = new MerkleTree();
  let [count, rows] = [0, 0];
  let moved: Head[] = [];
  const lookAtMoved = async (): Promise<void> => {
    await compareMoved(snapshot, moved, problems);
    moved = [];
  };
  for await (const { userId, found } of joinByUser<[StoredHead, Head]>(
    readHeads(snapshot),
    before?.leaves.read() ?? nothing(),
  )) {
    const [now, old] = found;
    if (now !== undefined) {
      tree.add(leafOf(now));
      count += 1;
      rows += now.sequence;
    }
    const isSame = now !== undefined && old?.sequence === now.sequence && old.hash.equals(now.hash);
    if (out.kind === 'full' ? now !== undefined : !isSame) {
      await out.writer.add(now ?? { userId, sequence: GONE, hash: Buffer.alloc(0) });
    }
    if (old === undefined || isSame) continue;
    const problem = backwardsProblem(old, now);
    if (problem !== undefined) problems.add(userId, problem);
    else if (old.sequence > 0) moved.push(old);
    if (moved.length >= LOOKED_AT_ONCE) await lookAtMoved();
  }
  await lookAtMoved();
  const audit = await readAuditHead(snapshot);
  const tables = await countAll(snapshot);
  if (before !== undefined) await compareRest(snapshot, before.anchor, tables, problems);
  return {
    users: { count, rows, root: tree.root().toString('hex') },
    audit: { position: audit.position, hash: audit.hash.toString('hex') },
    tables,
  };
}

/** What no log of ours does: get lost, get shorter, or change its last row. */
function backwardsProblem(old: Head, now: Head | undefined): string | undefined {
  if (now === undefined) return `is gone, with ${old.sequence} rows of the log`;
  if (now.sequence < old.sequence) return `was shortened: ${now.sequence} of ${old.sequence} rows are there`;
  return now.sequence === old.sequence ? `was rewritten: row ${old.sequence} has another hash` : undefined;
}

/** Logs that went on: the row that was the last still has its hash. */
async function compareMoved(snapshot: Snapshot, moved: readonly Head[], problems: Problems): Promise<void> {
  const hashes = await readHashesAt(snapshot, moved);
  for (const { userId, sequence, hash } of moved) {
    if (hashes.get(userId)?.equals(hash) === true) continue;
    problems.add(userId, `was rewritten: row ${sequence} is gone or has another hash`);
  }
}

async function countAll(snapshot: Snapshot): Promise<Record<string, number>> {
  const counts = await countRows(snapshot, await countedTables(snapshot));
  return Object.fromEntries([...counts].map(([table, count]) => [table, count ?? 0]));
}

/** The audit log and the counts of the anchor before. */
async function compareRest(
  snapshot: Snapshot,
  { audit, tables: old }: AnchorDocument,
  tables: Readonly<Record<string, number>>,
  problems: Problems,
): Promise<void> {
  const hash = await readAuditHashAt(snapshot, audit.position);
  if (hash?.toString('hex') !== audit.hash) {
    problems.add('audit log', `was rewritten: place ${audit.position} is gone or has another hash`);
  }
  for (const [table, count] of Object.entries(old)) {
    const now = tables[table] ?? 0;
    if (now < count) problems.add(table, `lost rows: there were ${count}, ${now} are there`);
  }
}
