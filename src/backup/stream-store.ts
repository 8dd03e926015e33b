import type { Verifier } from '../platform/crypto/signing';
import type { BackupKeys } from './backup-keys';
import { BackupError } from './backup.errors';
import { streamSchema, streamStateSchema, type StreamStart, type StreamState } from './documents';
import { readSignedDocument } from './signed-document';
import { namesIn, pathIn, PLACES, readIfThere, type Target } from './target';

/** What a target's streams say of themselves. Their log files: stream-files.ts. */

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

/** One stream, or why nobody knows how it began. */
export interface FoundStream {
  readonly id: string;
  readonly start: StreamStart | undefined;
  readonly fault: string | undefined;
}

/** The streams of a target, oldest first. */
export async function listStreams(reader: TargetReader): Promise<readonly FoundStream[]> {
  const found: FoundStream[] = [];
  for (const id of await namesIn(pathIn(reader.target, PLACES.streams))) {
    const { document: start, fault } = await orFault(() => readStreamStart(reader, id));
    // Its first process died before it wrote anything down.
    if (start === undefined && fault === undefined) continue;
    found.push({ id, start, fault });
  }
  return found;
}

async function readStreamStart(reader: TargetReader, id: string): Promise<StreamStart | undefined> {
  const place = PLACES.streamStart(id);
  const text = await readIfThere(pathIn(reader.target, place));
  if (text === undefined) return undefined;
  const start = readSignedDocument(text, streamSchema, reader.verifiers, place);
  if (start.id !== id) throw new BackupError(`${place} is that of the stream ${start.id}`);
  return start;
}

/** What a document says, or what is wrong with it: for whom one that was altered is no reason to stop. */
export async function orFault<Document>(
  read: () => Promise<Document | undefined>,
): Promise<{ readonly document: Document | undefined; readonly fault: string | undefined }> {
  try {
    return { document: await read(), fault: undefined };
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    return { document: undefined, fault: error.message };
  }
}

/** The stream that was begun last. */
export async function newestStream(reader: TargetReader): Promise<StreamStart | undefined> {
  const newest = (await listStreams(reader)).at(-1);
  if (newest?.fault !== undefined) throw new BackupError(newest.fault);
  return newest?.start;
}

/** How far a stream has come, as it said itself; undefined before it has said anything. */
export async function readStreamState(reader: TargetReader, id: string): Promise<StreamState | undefined> {
  const text = await readIfThere(pathIn(reader.target, PLACES.streamState(id)));
  if (text === undefined) return undefined;
  const state = readSignedDocument(text, streamStateSchema, reader.verifiers, PLACES.streamState(id));
  if (state.stream !== id) throw new BackupError(`${PLACES.streamState(id)} is that of the stream ${state.stream}`);
  return state;
}

/** The same for a stream that continues a backup, which has said so: without it nobody knows how far the stream had come. */
export async function findStreamState(
  reader: TargetReader & { readonly tell: (line: string) => void },
  id: string,
): Promise<StreamState | undefined> {
  const { document: state, fault } = await orFault(() => readStreamState(reader, id));
  if (state === undefined) {
    reader.tell(`nothing says how far the stream ${id} had come: ${fault ?? `${PLACES.streamState(id)} is missing`}`);
  }
  return state;
}
