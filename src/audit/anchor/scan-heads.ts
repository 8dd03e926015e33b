import type { Snapshot } from '../../platform/db/snapshot';
import type { AnchorDocument } from './anchor-document';
import { compareRest, countAll, HeadComparison, isSame } from './compare-heads';
import { joinByUser } from './cursor';
import { GONE, leafOf, type Head } from './head';
import { readAuditHead, readHeads, type StoredHead } from './heads.queries';
import type { LeavesWriter, ProvedLeaves } from './leaves-file';
import { MerkleTree } from './merkle';
import type { Problems } from './problems';

/** The anchor before, with its leaves; without those its users can not be compared, all else can. */
export interface Before {
  readonly anchor: AnchorDocument;
  readonly leaves: ProvedLeaves | undefined;
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
  const comparison = new HeadComparison(snapshot, problems);
  for await (const { userId, found } of joinByUser<[StoredHead, Head]>(
    readHeads(snapshot),
    before?.leaves?.read() ?? nothing(),
  )) {
    const [now, old] = found;
    if (now !== undefined) {
      tree.add(leafOf(now));
      count += 1;
      rows += now.sequence;
    }
    if (out.kind === 'full' ? now !== undefined : !isSame(old, now)) {
      await out.writer.add(now ?? { userId, sequence: GONE, hash: Buffer.alloc(0) });
    }
    if (old !== undefined) await comparison.add(old, now);
  }
  await comparison.end();
  const audit = await readAuditHead(snapshot);
  const tables = await countAll(snapshot);
  if (before !== undefined) await compareRest(snapshot, before.anchor, tables, problems);
  return {
    users: { count, rows, root: tree.root().toString('hex') },
    audit: { position: audit.position, hash: audit.hash.toString('hex') },
    tables,
  };
}
