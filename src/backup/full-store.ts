import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { fromEpochMs } from '../platform/time';
import { BackupError } from './backup.errors';
import type { Reach } from './choose-backup';
import { manifestSchema, type Manifest, type StoredFile } from './documents';
import { readSignedDocument } from './signed-document';
import { findStreamState, type TargetReader } from './stream-store';
import { namesIn, pathIn, PLACES, readIfThere, sizeOf } from './target';

/** Full backups as they lie in a target. */

/** One full backup, or why it is none. */
export interface FoundFull {
  readonly id: string;
  readonly manifest: Manifest | undefined;
  readonly fault: string | undefined;
}

/** Reads one manifest. */
export async function readManifest({ target, verifiers }: TargetReader, id: string): Promise<Manifest> {
  const place = PLACES.manifest(id);
  const text = await readIfThere(pathIn(target, place));
  if (text === undefined) throw new BackupError(`there is no full backup ${id} in ${target.directory}`);
  const manifest = readSignedDocument(text, manifestSchema, verifiers, place);
  if (manifest.id !== id) throw new BackupError(`${place} is that of the backup ${manifest.id}`);
  return manifest;
}

/** Everything that lies where full backups lie, oldest first. */
export async function listFulls(reader: TargetReader): Promise<readonly FoundFull[]> {
  const found: FoundFull[] = [];
  for (const id of await namesIn(pathIn(reader.target, PLACES.fulls))) {
    try {
      found.push({ id, manifest: await readManifest(reader, id), fault: undefined });
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      found.push({ id, manifest: undefined, fault: error.message });
    }
  }
  return found;
}

/** The backups that can be restored from, and how far each reaches: to its own moment where its stream can not say. */
export async function readReaches(
  reader: TargetReader & { readonly tell: (line: string) => void },
): Promise<readonly Reach[]> {
  const manifests = (await listFulls(reader)).map(({ manifest }) => manifest).filter((found) => found !== undefined);
  return Promise.all(
    manifests.map(async (manifest) => {
      const { stream, endTime } = manifest;
      const state = stream === null ? undefined : await findStreamState(reader, stream);
      return { manifest, reachTime: fromEpochMs(Date.parse(state?.provenTime ?? endTime)) };
    }),
  );
}

/** Compares the files of a backup with what its manifest says of them. Throws at the first difference. */
export async function checkStoredFiles({ target }: TargetReader, { id, files }: Manifest): Promise<void> {
  for (const file of files) await checkStoredFile(pathIn(target, join(PLACES.full(id), file.name)), file);
}

async function checkStoredFile(path: string, file: StoredFile): Promise<void> {
  const size = await sizeOf(path);
  if (size === undefined) throw new BackupError(`${path} is missing`);
  if (size !== file.bytes) throw new BackupError(`${path} has ${size} bytes, not ${file.bytes}`);
  const hash = createHash('sha256');
  for await (const part of createReadStream(path)) hash.update(part as Buffer);
  if (hash.digest('hex') !== file.sha256) throw new BackupError(`${path} was altered: its SHA-256 is another`);
}
