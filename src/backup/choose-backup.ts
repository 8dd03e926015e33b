import { BackupError } from './backup.errors';
import type { Manifest } from './documents';

/** Which full backup to begin from, and which ones to keep. Nothing here does I/O. */

/** A backup and what can be restored from it: everything acknowledged before `reachTime`, by the stream that continues it. */
export interface Reach {
  readonly manifest: Manifest;
  readonly reachTime: Date;
}

/**
 * The backup that a restoration to a moment, or to the latest, begins with: it had ended by then, it reaches furthest, and among
 * those that reach as far it is the newest, which leaves the least to replay.
 */
export function chooseBackup(backups: readonly Reach[], until: Date | undefined): Manifest {
  const untilMs = until?.getTime() ?? Number.POSITIVE_INFINITY;
  const reachMs = ({ reachTime }: Reach): number => Math.min(reachTime.getTime(), untilMs);
  const [chosen] = backups
    .filter(({ manifest }) => Date.parse(manifest.endTime) <= untilMs)
    .sort((one, other) => reachMs(other) - reachMs(one) || byStart(other.manifest, one.manifest));
  if (chosen !== undefined) return chosen.manifest;
  throw new BackupError(
    until === undefined ? 'there is no full backup' : `no full backup is from before ${until.toISOString()}`,
  );
}

function byStart(one: Manifest, other: Manifest): number {
  return Date.parse(one.startTime) - Date.parse(other.startTime);
}

/** The backup that was taken last. */
export function newestOf(manifests: readonly Manifest[]): Manifest | undefined {
  return [...manifests].sort(byStart).at(-1);
}

/** The backups to remove: those that are older than the limit, but never the newest. */
export function expiredBackups(good: readonly Manifest[], limit: Date): readonly Manifest[] {
  const newest = newestOf(good);
  return good.filter((manifest) => manifest !== newest && Date.parse(manifest.startTime) < limit.getTime());
}

/** From which log file on a stream is still needed; undefined when no kept backup is continued by it. */
export function firstNeeded(kept: readonly Manifest[], stream: string): string | undefined {
  const [first] = kept.filter((manifest) => manifest.stream === stream).sort(byStart);
  return first?.log.file;
}
