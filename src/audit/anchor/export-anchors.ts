import type { Clock } from '../../platform/clock';
import type { Database } from '../../platform/db/database';
import { withTx } from '../../platform/db/tx';
import type { SignedAnchor } from './anchor-document';
import { writeAnchorFile } from './anchor-files';
import { AnchorRow } from './anchor.model';
import { anchorOfRow, readUnexported } from './anchor.queries';
import type { AnchorWebhook } from './anchor-webhook';

/** Where anchors are handed out to. */
export interface ExportParts {
  readonly db: Database;
  readonly clock: Pick<Clock, 'now'>;
  readonly dir: string;
  readonly webhook: AnchorWebhook | undefined;
}

/**
 * Hands out, in their order, the anchors that were not: each is written to its file, then posted. Files do not wait for a
 * webhook that is away. Throws what the file system or the webhook says; what is not handed out then is the next time.
 */
export async function exportAnchors(parts: ExportParts, signal: AbortSignal): Promise<void> {
  const { db, dir, clock, webhook } = parts;
  for (;;) {
    const waiting: readonly SignedAnchor[] = (await readUnexported(db)).map(anchorOfRow);
    if (waiting.length === 0) return;
    for (const signed of waiting) await writeAnchorFile(dir, signed);
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
