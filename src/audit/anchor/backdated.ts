import type { Snapshot } from '../../platform/db/snapshot';
import { addMs, fromEpochMs } from '../../platform/time';
import { GAP_OPEN_MS } from '../audit-gaps';
import { findUnsealed } from '../verify-audit-chain';
import type { AnchorDocument } from './anchor-document';
import type { Problems } from './problems';

/**
 * Whether somebody made up what was done long ago: the sealer gives any row its place, and the next anchor signs it. Behind the anchored
 * place only rows may be old that waited for their seal when the anchor was made, because the sealer stood still; how many those
 * were, its count of the table says. For how long a row may be on its way to be committed, the sealer waits for it.
 */
export async function compareAges(
  snapshot: Pick<Snapshot, 'rows' | 'knex'>,
  { time, audit, tables }: AnchorDocument,
  problems: Problems,
): Promise<void> {
  const bornAfter = addMs(fromEpochMs(Date.parse(time)), -GAP_OPEN_MS);
  // In order of place: how many there are does not matter then, only how many are new.
  const [sealed] = await snapshot.rows<{ n: number; first: number | null }>(
    `SELECT COUNT(*) AS n, MIN(a.id) AS first
    FROM audit_chain c STRAIGHT_JOIN audit_logs a ON a.id = c.audit_id
    WHERE c.position > ? AND a.create_time < ?`,
    [audit.position, bornAfter],
  );
  const waiting = await findUnsealed(snapshot.knex, bornAfter);
  const old = (sealed?.n ?? 0) + waiting.count;
  const known = Math.max(0, (tables['audit_logs'] ?? 0) - audit.position);
  if (old <= known) return;
  const first = sealed?.first ?? waiting.first?.id ?? 0;
  const problem = `${old} rows say that they are older than the anchor, in which ${known} waited for their seal; the first is row ${first}`;
  problems.add('audit log', problem);
}
