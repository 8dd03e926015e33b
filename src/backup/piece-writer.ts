import { createReadStream, createWriteStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createGzip, gzip } from 'node:zlib';
import type { BackupKeys } from './backup-keys';
import { SourceAwayError } from './backup.errors';
import { coveredBy, mergeOf, pieceName, type Piece } from './pieces';
import { createSealer, sealBytes } from './sealed-stream';
import { readStreamedFile, type LogFilePlace } from './stream-files';
import { makeDirectory, makeDurably, pathIn, PLACES, remove, writeDurably, type Target } from './target';

/** Writes pieces of log files into a target, and merges them behind the stream's back. */

const pack = promisify(gzip);

export interface PieceWriterParts {
  readonly target: Target;
  readonly keys: BackupKeys;
}

/** Reads bytes [start, end) of a file. */
export async function readRange(path: string, { start, end }: Piece): Promise<Buffer> {
  const handle: FileHandle = await open(path, 'r');
  try {
    const bytes = Buffer.alloc(end - start);
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
    return bytes.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** Throws unless a local copy had all bytes of a piece: what has a piece's name is believed to hold them. */
function requireWhole({ start, end }: Piece, bytes: number, name: string): void {
  if (bytes === end - start) return;
  throw new SourceAwayError(`of ${name} there are ${bytes} bytes from ${start} on in the spool, not ${end - start}`);
}

/** Ships bytes of a log file: they are on the target's disk when this returns. */
export async function writePiece(
  { target, keys }: PieceWriterParts,
  log: LogFilePlace,
  piece: Piece,
  bytes: Buffer,
): Promise<void> {
  requireWhole(piece, bytes.length, log.name);
  const home = PLACES.logFile(log.stream, log.name);
  if (piece.start === 0) await makeDirectory(pathIn(target, home));
  const place = join(home, pieceName(piece));
  await writeDurably(pathIn(target, place), await sealBytes(keys, place, await pack(bytes)));
}

/** Writes one piece out of a local copy of the log file, then removes those that it makes superfluous. */
async function merge(
  { target, keys }: PieceWriterParts,
  log: LogFilePlace,
  merged: Piece,
  localPath: string,
): Promise<void> {
  const home = PLACES.logFile(log.stream, log.name);
  const place = join(home, pieceName(merged));
  await makeDurably(pathIn(target, place), async (draft) => {
    const local = createReadStream(localPath, { start: merged.start, end: merged.end - 1 });
    const file = createWriteStream(draft, { mode: 0o600 });
    await pipeline(local, createGzip({ level: 1 }), createSealer(keys, place), file);
    requireWhole(merged, local.bytesRead, log.name);
  });
  const { pieces } = await readStreamedFile(target, log.stream, log.name);
  for (const piece of coveredBy(merged, pieces)) await remove(pathIn(target, join(home, pieceName(piece))));
}

/** Merges pieces of a log file that is growing, when there are many. */
export async function mergeGrowing(parts: PieceWriterParts, log: LogFilePlace, localPath: string): Promise<void> {
  const { chain } = await readStreamedFile(parts.target, log.stream, log.name);
  const merged = mergeOf(chain);
  if (merged !== undefined) await merge(parts, log, merged, localPath);
}

/** Makes one piece of a log file that is complete; then the local copy is not needed any more. */
export async function mergeComplete(parts: PieceWriterParts, log: LogFilePlace, localPath: string): Promise<void> {
  const { chain, length } = await readStreamedFile(parts.target, log.stream, log.name);
  if (chain.length > 1) await merge(parts, log, { start: 0, end: length }, localPath);
  await remove(localPath);
}
