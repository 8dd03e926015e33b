import { constants, gunzipSync, gzipSync } from 'node:zlib';
import { MalformedArchive, readTar, writeTar, type ArchiveFile } from './tar';

/** The file that evidence is handed over in: tar.gz. The manifest names every other file with its hash, and is signed. Pure. */

/** Contents beyond which there is no archive: it is made in memory. */
export const CONTENT_BYTES_MAX = 64 * 1_024 * 1_024;

/** Headers, the manifest and the texts beside the contents. */
const OVERHEAD_BYTES_MAX = 16 * 1_024 * 1_024;

export const MANIFEST = 'manifest.json';
export const SIGNATURE = 'manifest.sig';

/** Packs files. The same files at the same time give the same bytes (of one version of zlib). */
export function pack(files: readonly ArchiveFile[], time: Date): Buffer {
  return gzipSync(writeTar(files, time), { level: constants.Z_BEST_SPEED });
}

/** Unpacks what `pack` made. Throws MalformedArchive. */
export function unpack(archive: Buffer): ReadonlyMap<string, Buffer> {
  let tar: Buffer;
  try {
    tar = gunzipSync(archive, { maxOutputLength: CONTENT_BYTES_MAX + OVERHEAD_BYTES_MAX });
  } catch {
    throw new MalformedArchive('it can not be unpacked');
  }
  return new Map(readTar(tar).map(({ path, content }) => [path, content]));
}
