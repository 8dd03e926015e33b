import type { Clock } from '../../platform/clock';
import type { Verifier } from '../../platform/crypto/signing';
import type { Database } from '../../platform/db/database';
import { withTx } from '../../platform/db/tx';
import type { SignedAnchor } from './anchor-document';
import { writeAnchorFile } from './anchor-files';
import { AnchorRow } from './anchor.model';
import { readUnexported } from './anchor.queries';
import type { AnchorWebhook } from './anchor-webhook';
import { judgeRow } from './trusted-anchor';

/** Where anchors are handed out to. */
export interface ExportParts {
  readonly db: Database;
  readonly clock: Pick<Clock, 'now'>;
  readonly dir: string;
  readonly webhook: AnchorWebhook | undefined;
  /** Whose signatures are believed: what somebody else wrote into the database is never handed out as ours. */
  readonly verifiers: readonly Verifier[];
}

/** Anchors of ours that were not handed out, in their order, a page at a time. */
async function* readWaiting({ db, verifiers }: ExportParts): AsyncGenerator<readonly SignedAnchor[]> {
  for (let after = 0; ;) {
    const rows = await readUnexported(db, after);
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows.map((row) => judgeRow(row, verifiers)).filter((judged) => typeof judged !== 'string');
    after = last.number;
  }
}

/** Writes the files of those that wait. */
export async function writeAnchorFiles(parts: ExportParts): Promise<void> {
  for await (const waiting of readWaiting(parts)) {
    for (const signed of waiting) await writeAnchorFile(parts.dir, signed);
  }
}

/**
 * Hands out, in their order, the anchors that were not: each is written to its file, then posted. Files do not wait for a
 * webhook that is away. Throws what the file system or the webhook says; what is not handed out then is the next time.
 */
export async function exportAnchors(parts: ExportParts, signal: AbortSignal): Promise<void> {
  const { db, clock, webhook } = parts;
  await writeAnchorFiles(parts);
  for await (const waiting of readWaiting(parts)) {
    for (const signed of waiting) {
      signal.throwIfAborted();
      await webhook?.deliver(signed, signal);
      await withTx(db, { name: 'ExportAnchor', signal }, async (tx) => {
        await AnchorRow.query(tx)
          .where('number', signed.anchor.number)
          .whereNull('exportTime')
          .patch({ exportTime: clock.now() });
      });
    }
  }
}
