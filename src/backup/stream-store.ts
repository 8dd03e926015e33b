import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { Verifier } from '../platform/crypto/signing';
import type { BackupKeys } from './backup-keys';
import { BackupError } from './backup.errors';
import { logFileNumber, streamSchema, streamStateSchema, type StreamStart, type StreamState } from './documents';
import { chainOf, lengthOf, pieceName, readPieces, type Piece } from './pieces';
import { createOpener } from './sealed-stream';
import { readSignedDocument } from './signed-document';
import { namesIn, pathIn, PLACES, readIfThere, type Target } from './target';

/** Streams of the binary log as they lie in a target. */

/** What it takes to read a target's signed documents. */
export interface TargetReader {
  readonly target: Target;
  /** The keys that signatures are believed by. */
  readonly verifiers: readonly Verifier[];
}

/** What it takes to read what is sealed, too. */
export interface SealedReader extends TargetReader {
  readonly keys: BackupKeys;
}

/** One log file of a stream. */
export interface StreamedFile {
  readonly name: string;
  readonly pieces: readonly Piece[];
  /** The pieces that follow each other from the first byte on. */
  readonly chain: readonly Piece[];
  /** How many bytes they hold. */
  readonly length: number;
}

/** How often a piece that is gone is looked for. */
const LOOKS_MAX = 3;
const LOG_FILE = /^[\w.-]+\.\d{6,10}$/;

/** The streams of a target, oldest first. */
export async function listStreams(reader: TargetReader): Promise<readonly StreamStart[]> {
  const ids = await namesIn(pathIn(reader.target, PLACES.streams));
  const streams: StreamStart[] = [];
  for (const id of ids) {
    const text = await readIfThere(pathIn(reader.target, PLACES.streamStart(id)));
    // Its first process died before it wrote anything down.
    if (text === undefined) continue;
    const start = readSignedDocument(text, streamSchema, reader.verifiers, PLACES.streamStart(id));
    if (start.id !== id) throw new BackupError(`${PLACES.streamStart(id)} is that of the stream ${start.id}`);
    streams.push(start);
  }
  return streams;
}

/** The stream that was begun last. */
export async function newestStream(reader: TargetReader): Promise<StreamStart | undefined> {
  return (await listStreams(reader)).at(-1);
}

/** How far a stream has come, as it said itself; undefined before it has said anything. */
export async function readStreamState(reader: TargetReader, id: string): Promise<StreamState | undefined> {
  const text = await readIfThere(pathIn(reader.target, PLACES.streamState(id)));
  if (text === undefined) return undefined;
  const state = readSignedDocument(text, streamStateSchema, reader.verifiers, PLACES.streamState(id));
  if (state.stream !== id) throw new BackupError(`${PLACES.streamState(id)} is that of the stream ${state.stream}`);
  return state;
}

/** One log file of a stream; empty when it has none of that name. */
export async function readStreamedFile(target: Target, id: string, name: string): Promise<StreamedFile> {
  const pieces = readPieces(await namesIn(pathIn(target, PLACES.logFile(id, name))));
  const chain = chainOf(pieces);
  return { name, pieces, chain, length: lengthOf(chain) };
}

/**
 * The log files of a stream in the order of the log: from a file on, or all that pruning has left. Throws where one is missing.
 */
export async function listStreamedFiles(target: Target, id: string, from?: string): Promise<readonly StreamedFile[]> {
  const names = (await namesIn(pathIn(target, PLACES.stream(id))))
    .filter((name) => LOG_FILE.test(name) && (from === undefined || logFileNumber(name) >= logFileNumber(from)))
    .sort((one, other) => logFileNumber(one) - logFileNumber(other));
  const first = logFileNumber(from ?? names[0] ?? '');
  names.forEach((name, index) => {
    if (logFileNumber(name) !== first + index) {
      throw new BackupError(`the stream ${id} has a gap before ${name}: the log file before it is missing`);
    }
  });
  return Promise.all(names.map((name) => readStreamedFile(target, id, name)));
}

/** Where a log file of a stream is. */
export interface LogFilePlace {
  readonly stream: string;
  readonly name: string;
}

/**
 * The bytes [0, length) of a log file. A running stream may merge pieces meanwhile: a piece that is gone is looked for again in
 * the longer one that took its place.
 */
export async function* readLogFile(
  reader: SealedReader,
  { stream, name }: LogFilePlace,
  length: number,
): AsyncGenerator<Buffer> {
  let position = 0;
  let looks = 0;
  let { pieces } = await readStreamedFile(reader.target, stream, name);
  while (position < length) {
    const piece = longestAt(pieces, position);
    if (piece === undefined) throw new BackupError(`the stream ${stream} lacks ${name} from ${position} on`);
    try {
      yield* readPiece(reader, { stream, name }, piece, position);
      position = piece.end;
      looks = 0;
    } catch (error) {
      looks += 1;
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || looks > LOOKS_MAX) throw error;
      ({ pieces } = await readStreamedFile(reader.target, stream, name));
    }
  }
}

/** The piece that goes furthest among those that hold a byte. */
function longestAt(pieces: readonly Piece[], position: number): Piece | undefined {
  return pieces
    .filter(({ start, end }) => start <= position && position < end)
    .reduce<Piece | undefined>((best, piece) => (best === undefined || piece.end > best.end ? piece : best), undefined);
}

/** The bytes of one piece from a position on. All of it was altered by nobody once the generator has ended. */
async function* readPiece(
  { target, keys }: SealedReader,
  { stream, name }: LogFilePlace,
  piece: Piece,
  from: number,
): AsyncGenerator<Buffer> {
  const place = join(PLACES.logFile(stream, name), pieceName(piece));
  const file = createReadStream(pathIn(target, place));
  const plain = createGunzip();
  // A failure of any part reaches the reader as an error of the last one.
  pipeline(file, createOpener(keys, place), plain, () => undefined);
  let position = piece.start;
  for await (const part of plain as AsyncIterable<Buffer>) {
    const skipped = Math.min(part.length, Math.max(0, from - position));
    position += part.length;
    if (skipped < part.length) yield part.subarray(skipped);
  }
  if (position !== piece.end) throw new BackupError(`${place} does not hold what its name says`);
}
