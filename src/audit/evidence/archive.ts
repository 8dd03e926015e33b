import { createHash } from 'node:crypto';
import { pipeline, Readable } from 'node:stream';
import { constants, crc32, createGzip, inflateRawSync } from 'node:zlib';
import { sha256 } from '../../platform/crypto/sha256';
import { MalformedArchive, readTar, tarParts, type ArchiveFile } from './tar';

/** The file that evidence is handed over in: tar.gz. The manifest names every other file with its hash, and is signed. No I/O. */

/** Contents beyond which there is no archive: it is made in memory. */
export const CONTENT_BYTES_MAX = 64 * 1_024 * 1_024;

/** Headers, the manifest and the texts beside the contents. */
const OVERHEAD_BYTES_MAX = 16 * 1_024 * 1_024;

export const MANIFEST = 'manifest.json';
export const SIGNATURE = 'manifest.sig';

/** gzip's mark, no time, no system, and one extra field (`BG`) of 32 bytes: what every archive begins with. */
const MARK = Buffer.from([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 4, 255, 36, 0, 0x42, 0x47, 32, 0]);
const HEADER_BYTES = MARK.length + 32;
/** What is packed and hashed at a time. */
const CHUNK_BYTES = 262_144;
/** The header that gzip itself writes. */
const PLAIN_HEADER_BYTES = 10;
/** What it ends with: the CRC-32 and the length of what is packed. */
const TRAILER_BYTES = 8;

/**
 * Packs files. The extra field of gzip's header, which tools read over, holds the SHA-256 of all that follows: different packed
 * bytes may unpack to the same files, and still a single one that was changed shows. The same files at the same time give the same
 * bytes (of one version of zlib). Packed and hashed piece by piece: the process serves others meanwhile.
 */
export async function pack(files: readonly ArchiveFile[], time: Date): Promise<Buffer> {
  const gzip = createGzip({ level: constants.Z_BEST_SPEED, chunkSize: CHUNK_BYTES });
  const hash = createHash('sha256');
  const chunks: Buffer[] = [];
  let skip = PLAIN_HEADER_BYTES;
  // A failure reaches the reader as an error of the last one.
  pipeline(Readable.from(tarParts(files, time)), gzip, () => undefined);
  for await (const chunk of gzip as AsyncIterable<Buffer>) {
    const rest = chunk.subarray(skip);
    skip -= chunk.length - rest.length;
    hash.update(rest);
    chunks.push(rest);
  }
  return Buffer.concat([MARK, hash.digest(), ...chunks]);
}

/** Takes the gzip off: one piece, from the first byte to the last. (gunzip reads over spare bytes, and over further pieces.) */
function gunzip(archive: Buffer): Buffer {
  const rest = archive.subarray(HEADER_BYTES);
  const header = Buffer.concat([MARK, sha256(rest)]);
  if (!header.equals(archive.subarray(0, HEADER_BYTES))) throw new MalformedArchive('it is not as it was packed');
  const body = rest.subarray(0, -TRAILER_BYTES);
  const trailer = rest.subarray(-TRAILER_BYTES);
  const options = { maxOutputLength: CONTENT_BYTES_MAX + OVERHEAD_BYTES_MAX, info: true };
  const { buffer: tar, engine } = inflateRawSync(body, options) as unknown as Inflated;
  const isWhole = engine.bytesWritten === body.length;
  if (!isWhole || trailer.readUInt32LE(0) !== crc32(tar) || trailer.readUInt32LE(4) !== tar.length) {
    throw new MalformedArchive('it holds more than was packed');
  }
  return tar;
}

/** What zlib returns when it is asked how much of its input it used. */
interface Inflated {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

/** What is in an archive. */
export interface Unpacked {
  readonly files: ReadonlyMap<string, Buffer>;
  /** The time that it was packed with, in whole seconds. */
  readonly time: Date;
}

/** Unpacks what `pack` made. Throws MalformedArchive. */
export function unpack(archive: Buffer): Unpacked {
  let tar: Buffer;
  try {
    tar = gunzip(archive);
  } catch (error) {
    if (error instanceof MalformedArchive) throw error;
    throw new MalformedArchive('it can not be unpacked');
  }
  const { files, time } = readTar(tar);
  return { files: new Map(files.map(({ path, content }) => [path, content])), time };
}
