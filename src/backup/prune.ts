import { BackupError } from './backup.errors';
import { expiredBackups, firstNeeded, newestOf } from './choose-backup';
import { logFileNumber, type Manifest } from './documents';
import { checkStoredFiles, listFulls } from './full-store';
import { listStreams, type TargetReader } from './stream-store';
import { namesIn, pathIn, PLACES, remove, withdraw } from './target';

/** What was removed, or would be. */
export interface Pruned {
  readonly fulls: readonly string[];
  /** `stream/log file`, or a stream's id where all of it goes. */
  readonly logs: readonly string[];
}

const LOG_FILE = /^[\w.-]+\.\d{6,10}$/;

/**
 * Removes full backups from before the limit and the log that only they need. The newest backup whose files are whole stays
 * however old it is, and so does the stream that is being written. When none is whole, or one can not be read, nothing is removed:
 * nobody knows which log that one needs.
 */
export async function prune(reader: TargetReader, limit: Date, isDryRun: boolean): Promise<Pruned> {
  const fulls = await listFulls(reader);
  const unread = fulls.find(({ fault }) => fault !== undefined);
  if (unread !== undefined) {
    throw new BackupError(
      `${unread.fault}: nobody knows which log the backup ${unread.id} needs, and nothing was removed. Give the key that ` +
        'signed it in AUDIT_PUBLIC_KEY; where it is broken for good, remove its directory yourself',
    );
  }
  const manifests = fulls.map(({ manifest }) => manifest).filter((manifest) => manifest !== undefined);
  const newest = await newestWhole(reader, manifests);
  if (newest === undefined) throw new BackupError('no full backup is whole: nothing was removed. Take one, then prune');
  // What is newer than the newest whole one is broken, and left for people to look at.
  const known = manifests.filter(({ startTime }) => startTime <= newest.startTime);
  const expired = expiredBackups(known, limit);
  const kept = manifests.filter((manifest) => !expired.includes(manifest));
  const logs = await needlessLogs(reader, kept);
  if (!isDryRun) {
    // The log first: a backup without the log that continues it is worth more than the other way round.
    for (const place of logs) await remove(pathIn(reader.target, `${PLACES.streams}/${place}`));
    for (const { id } of expired) await withdraw(pathIn(reader.target, PLACES.full(id)));
  }
  return { fulls: expired.map(({ id }) => id), logs };
}

async function newestWhole(reader: TargetReader, manifests: readonly Manifest[]): Promise<Manifest | undefined> {
  const newest = newestOf(manifests);
  if (newest === undefined) return undefined;
  try {
    await checkStoredFiles(reader, newest);
    return newest;
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    return newestWhole(
      reader,
      manifests.filter((manifest) => manifest !== newest),
    );
  }
}

/** Streams, and files of streams, that continue no backup. The newest stream may be waiting for its first one. */
async function needlessLogs(reader: TargetReader, kept: readonly Manifest[]): Promise<readonly string[]> {
  const streams = await listStreams(reader);
  const needless: string[] = [];
  for (const { id } of streams) {
    const first = firstNeeded(kept, id);
    const isNewest = id === streams.at(-1)?.id;
    if (first === undefined && !isNewest) needless.push(id);
    if (first === undefined) continue;
    const names = await namesIn(pathIn(reader.target, PLACES.stream(id)));
    const older = names.filter((name) => LOG_FILE.test(name) && logFileNumber(name) < logFileNumber(first));
    needless.push(...older.map((name) => `${id}/${name}`));
  }
  return needless;
}
