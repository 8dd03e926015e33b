import { BackupError } from './backup.errors';
import type { Manifest } from './documents';

/** Which full backup to begin from, and which ones to keep. Nothing here does I/O. */

/** The newest backup that is not later than a moment, or the newest of all. */
export function chooseBackup(manifests: readonly Manifest[], until: Date | undefined): Manifest {
  const fit = manifests.filter(({ endTime }) => until === undefined || Date.parse(endTime) <= until.getTime());
  const chosen = fit.reduce<Manifest | undefined>(
    (best, manifest) => (best === undefined || manifest.startTime > best.startTime ? manifest : best),
    undefined,
  );
  if (chosen !== undefined) return chosen;
  throw new BackupError(
    until === undefined ? 'there is no full backup' : `no full backup is from before ${until.toISOString()}`,
  );
}

/** The backups to remove: those that are older than the limit, but never the newest. */
export function expiredBackups(good: readonly Manifest[], limit: Date): readonly Manifest[] {
  if (good.length === 0) return [];
  const newest = chooseBackup(good, undefined);
  return good.filter((manifest) => manifest !== newest && Date.parse(manifest.startTime) < limit.getTime());
}

/** From which log file on a stream is still needed; undefined when no kept backup is continued by it. */
export function firstNeeded(kept: readonly Manifest[], stream: string): string | undefined {
  const continued = kept.filter((manifest) => manifest.stream === stream);
  const [first] = [...continued].sort((one, other) => (one.startTime < other.startTime ? -1 : 1));
  return first?.log.file;
}
