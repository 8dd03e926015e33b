import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { BackupError } from './backup.errors';
import { firstNeeded } from './choose-backup';
import { accountsSchema, comparePositions, logFileNumber, type LogPosition, type Manifest } from './documents';
import { ACCOUNTS_FILE, DUMP_FILE } from './full-backup';
import { checkStoredFiles, listFulls } from './full-store';
import { walkLog } from './log-events';
import { createOpener, openBytes } from './sealed-stream';
import { findLog, readLogFile, type StreamedFile } from './stream-files';
import { listStreams, readStreamState, type SealedReader } from './stream-store';
import { pathIn, PLACES } from './target';

/** Reads a target to the last byte: everything opens, is whole, and is what its signed documents say. */

/** What was found of one full backup, or of one stream. */
export interface Verdict {
  readonly what: string;
  /** What it holds. */
  readonly holds: string;
  readonly fault: string | undefined;
}

/** Verifies everything in a target, or one backup and the stream that continues it. */
export async function verifyTarget(reader: SealedReader, only?: string): Promise<readonly Verdict[]> {
  const fulls = (await listFulls(reader)).filter(({ id }) => only === undefined || id === only);
  if (fulls.length === 0) throw new BackupError(`there is no full backup ${only ?? ''} in ${reader.target.directory}`);
  const verdicts: Verdict[] = [];
  for (const { id, manifest, fault } of fulls) {
    verdicts.push(
      manifest === undefined ? { what: id, holds: '', fault } : await judge(id, () => verifyFull(reader, manifest)),
    );
  }
  const manifests = fulls.map(({ manifest }) => manifest).filter((manifest) => manifest !== undefined);
  const needed = manifests.map(({ stream }) => stream).filter((id) => id !== null);
  const streams = new Map((await listStreams(reader)).map((stream) => [stream.id, stream]));
  for (const id of new Set([...(only === undefined ? streams.keys() : []), ...needed])) {
    const stream = streams.get(id);
    const fault = stream === undefined ? 'it is missing, and a full backup needs it' : stream.fault;
    verdicts.push(
      fault === undefined ? await judge(id, () => verifyStream(reader, id, manifests)) : { what: id, holds: '', fault },
    );
  }
  return verdicts;
}

async function judge(what: string, verify: () => Promise<string>): Promise<Verdict> {
  try {
    return { what, holds: await verify(), fault: undefined };
  } catch (error) {
    const isFileFault = (error as NodeJS.ErrnoException).code !== undefined;
    if (!(error instanceof BackupError) && !isFileFault) throw error;
    return { what, holds: '', fault: (error as Error).message };
  }
}

async function verifyFull(reader: SealedReader, manifest: Manifest): Promise<string> {
  await checkStoredFiles(reader, manifest);
  const place = join(PLACES.full(manifest.id), DUMP_FILE);
  let [bytes, tail] = [0, ''];
  const sink = new Writable({
    write: (part: Buffer, _encoding, done) => {
      bytes += part.length;
      tail = `${tail}${part.subarray(-TAIL_BYTES).toString('latin1')}`.slice(-TAIL_BYTES);
      done();
    },
  });
  const file = createReadStream(pathIn(reader.target, place));
  await pipeline(file, createOpener(reader.keys, place), createGunzip(), sink);
  if (bytes !== manifest.dumpBytes)
    throw new BackupError(`${place} has ${bytes} bytes of SQL, not ${manifest.dumpBytes}`);
  if (!tail.includes('-- Dump completed')) throw new BackupError(`${place} is not a complete dump`);
  const accountsPlace = join(PLACES.full(manifest.id), ACCOUNTS_FILE);
  const accounts = await openBytes(reader.keys, accountsPlace, await readFile(pathIn(reader.target, accountsPlace)));
  const { length } = accountsSchema.parse(JSON.parse(accounts.toString()));
  return `${manifest.tables} tables, ${manifest.triggers} triggers, ${bytes} bytes of SQL, ${length} accounts`;
}

const TAIL_BYTES = 200;

/**
 * Every byte of a stream from the first file that pruning has left on. One that a backup needs has said how far it is, and is
 * there from the moment of the oldest of these backups on.
 */
async function verifyStream(reader: SealedReader, id: string, manifests: readonly Manifest[]): Promise<string> {
  const state = await readStreamState(reader, id);
  const first = firstNeeded(manifests, id);
  if (state === undefined && first === undefined) return 'nothing that is proven yet';
  if (state === undefined) throw new BackupError(`${PLACES.streamState(id)} is missing`);
  const { files, fault } = await findLog(reader, id, { state });
  if (fault !== undefined) throw new BackupError(fault);
  const [beginning] = files;
  if (first !== undefined && (beginning === undefined || logFileNumber(beginning.name) > logFileNumber(first))) {
    throw new BackupError(`the stream ${id} lacks ${first}, with which it continues a full backup`);
  }
  requirePassed(id, files, manifests);
  let bytes = 0;
  for (const [index, file] of files.entries()) {
    const walk = walkLog(file.name);
    for await (const part of readLogFile(reader, { stream: id, name: file.name }, file.length)) walk.push(part);
    if (index < files.length - 1 && walk.wholeEnd !== file.length) {
      throw new BackupError(`${file.name} of the stream ${id} ends at ${file.length}, within an event`);
    }
    bytes += file.length;
  }
  return `${files.length} log files, ${bytes} bytes, proven until ${state.provenTime}`;
}

/** An older state that was put back would not tell that the log ends before a backup that it continues. */
function requirePassed(id: string, files: readonly StreamedFile[], manifests: readonly Manifest[]): void {
  const last = files.at(-1);
  const end: LogPosition | undefined = last === undefined ? undefined : { file: last.name, position: last.length };
  for (const { id: backup, stream, log } of manifests) {
    if (stream !== id || (end !== undefined && comparePositions(end, log) >= 0)) continue;
    throw new BackupError(
      `the stream ${id} ends before ${log.file} ${log.position}, where the backup ${backup} goes on`,
    );
  }
}
