import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { BackupError } from './backup.errors';
import { comparePositions, logFileEndSchema, logFileNumber, type LogFileEnd, type StreamState } from './documents';
import { chainOf, lengthOf, pieceName, readPieces, type Piece } from './pieces';
import { createOpener } from './sealed-stream';
import { readSignedDocument } from './signed-document';
import { orFault, type SealedReader, type TargetReader } from './stream-store';
import { namesIn, pathIn, PLACES, readIfThere, type Target } from './target';

/** The log files of streams as they lie in a target. */

/** One log file of a stream. */
export interface StreamedFile {
  readonly name: string;
  readonly pieces: readonly Piece[];
  /** The pieces that follow each other from the first byte on. */
  readonly chain: readonly Piece[];
  /** How many bytes they hold. */
  readonly length: number;
}

/** How often what a merge has moved meanwhile is looked for. */
const LOOKS_MAX = 3;
const LOG_FILE = /^[\w.-]+\.\d{6,10}$/;

/** One log file of a stream; empty when it has none of that name. */
export async function readStreamedFile(target: Target, id: string, name: string): Promise<StreamedFile> {
  const pieces = readPieces(await namesIn(pathIn(target, PLACES.logFile(id, name))));
  const chain = chainOf(pieces);
  return { name, pieces, chain, length: lengthOf(chain) };
}

/** The names of a stream's log files that pruning has left, in the order of the log. */
async function logFileNames(target: Target, id: string): Promise<readonly string[]> {
  const names = (await namesIn(pathIn(target, PLACES.stream(id)))).filter((name) => LOG_FILE.test(name));
  return names.sort((one, other) => logFileNumber(one) - logFileNumber(other));
}

/** The log file that a stream goes on with; undefined when it has none. */
export async function readLastFile(target: Target, id: string): Promise<StreamedFile | undefined> {
  const name = (await logFileNames(target, id)).at(-1);
  return name === undefined ? undefined : readStreamedFile(target, id, name);
}

/** What there is of a stream's log. */
export interface FoundLog {
  /** In the order of the log, as far as nothing is missing; of the last one something may be. */
  readonly files: readonly StreamedFile[];
  /** Why that is not all that there was. */
  readonly fault: string | undefined;
}

/** Of which part of a log nothing may be missing. */
interface LogRange {
  /** The first file; undefined: from what pruning has left on. */
  readonly from?: string;
  /** How far the stream had come. Read before: a running stream goes on. */
  readonly state: StreamState | undefined;
}

/** Finds the log files of a stream, and whether they are all that was shipped: by the signed length of each, and to the state. */
export async function findLog(reader: TargetReader, id: string, { from, state }: LogRange): Promise<FoundLog> {
  const all = await logFileNames(reader.target, id);
  const names = all.filter((name) => from === undefined || logFileNumber(name) >= logFileNumber(from));
  const first = logFileNumber(from ?? names[0] ?? '');
  const files: StreamedFile[] = [];
  const found = (fault: string | undefined): FoundLog => ({ files, fault });
  for (const [index, name] of names.entries()) {
    if (logFileNumber(name) !== first + index) {
      return found(`the stream ${id} has a gap before ${name}: the log file before it is missing`);
    }
    const { document: end, fault } = await orFault(() => readLogFileEnd(reader, { stream: id, name }));
    const file = await readGrownFile(reader.target, { stream: id, name }, end?.bytes ?? positionIn(name, state));
    files.push(file);
    if (fault !== undefined) return found(fault);
    if (end === undefined && index < names.length - 1) {
      return found(`${PLACES.logFileEnd(id, name)} is missing: nothing says whether all of the file is there`);
    }
    if (end !== undefined && file.length !== end.bytes) {
      return found(`${name} of the stream ${id} had ${end.bytes} bytes, and ${file.length} are left of its beginning`);
    }
  }
  const last = files.at(-1);
  if (last === undefined) return found(`the stream ${id} has no log file ${from ?? ''}`.trimEnd());
  if (state === undefined || comparePositions({ file: last.name, position: last.length }, state) >= 0) {
    return found(undefined);
  }
  return found(`the stream ${id} ends at ${last.name} ${last.length}, but had come to ${state.file} ${state.position}`);
}

function positionIn(name: string, state: StreamState | undefined): number {
  return state?.file === name ? state.position : 0;
}

async function readLogFileEnd(
  { target, verifiers }: TargetReader,
  { stream, name }: LogFilePlace,
): Promise<LogFileEnd | undefined> {
  const place = PLACES.logFileEnd(stream, name);
  const text = await readIfThere(pathIn(target, place));
  if (text === undefined) return undefined;
  const end = readSignedDocument(text, logFileEndSchema, verifiers, place);
  if (end.stream === stream && end.file === name) return end;
  throw new BackupError(`${place} is that of ${end.file} of the stream ${end.stream}`);
}

/** A log file of at least so many bytes, if it has them: while pieces are merged a look at their names may miss some. */
async function readGrownFile(
  target: Target,
  { stream, name }: LogFilePlace,
  leastBytes: number,
): Promise<StreamedFile> {
  let file = await readStreamedFile(target, stream, name);
  for (let looks = 1; file.length < leastBytes && looks < LOOKS_MAX; looks += 1) {
    file = await readStreamedFile(target, stream, name);
  }
  return file;
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
