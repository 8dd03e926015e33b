import { randomBytes } from 'node:crypto';
import { lstat, mkdir, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../platform/clock';
import type { Signer } from '../platform/crypto/signing';
import type { BackupKeys } from './backup-keys';
import { BackupError, SourceAwayError } from './backup.errors';
import { comparePositions, logFileNumber, type LogFileEnd, type LogPosition, type StreamStart } from './documents';
import { followLog, type LogFollower } from './log-follower';
import { mergeComplete, mergeGrowing, readRange, writePiece } from './piece-writer';
import type { ProgramSettings } from './programs';
import { signDocument } from './signed-document';
import { openSource, type SourceDatabase } from './source-database';
import { readLastFile, readLogFile, type LogFilePlace, type StreamedFile } from './stream-files';
import { createStreamMetrics, type ShipProgress, type StreamMetrics } from './stream-metrics';
import { newestStream, type TargetReader } from './stream-store';
import { makeDirectory, nameAt, namesIn, pathIn, PLACES, remove, writeDurably } from './target';

/**
 * Ships the binary log to the target while it is written. Between two looks at the end of the log everything that has arrived is
 * sealed and brought to the target's disk; a signed state says how far the stream is and since when that is proven.
 */

/** What a stream needs to know. */
export interface ShipParts extends TargetReader {
  readonly databaseUrl: string;
  readonly keys: BackupKeys;
  readonly signer: Signer;
  readonly programs: ProgramSettings;
  readonly clock: Clock;
  /** Between two looks. */
  readonly intervalMs: number;
  /** A directory for copies of log files that are not merged yet, in clear. */
  readonly spoolDirectory: string;
  /** Begins a stream of its own instead of going on with the newest. */
  readonly isNew: boolean;
  /** Where the lag is written in Prometheus' text format, for the node exporter's textfile collector. */
  readonly metricsFile?: string | undefined;
  /** What happens, for a person. */
  readonly tell: (line: string) => void;
  /** Called after every look; the drill stops by it. */
  readonly onShipped?: (progress: ShipProgress) => void;
}

/** Longest piece that is held in memory: what a stream is behind by is shipped in several. */
const PIECE_BYTES_MAX = 8_388_608;
/** So many pieces after each other are written before those of a growing file are looked through for merging. */
const MERGE_LOOK_SIZE = 64;
/** Between two looks whether the server has sent again what was shipped before. */
const ARRIVAL_LOOK_MS = 50;
/** Before the database that has gone is asked again. */
const RECONNECT_MS = 1_000;

/**
 * Ships until the signal aborts. A database that is away is waited for. Throws what waiting does not mend: a server whose log is
 * not the one that was shipped so far, a target that can not be written.
 */
export async function shipLog(parts: ShipParts, signal: AbortSignal): Promise<void> {
  const metrics = createStreamMetrics(parts);
  let { isNew } = parts;
  while (!signal.aborted) {
    try {
      await withSession({ ...parts, metrics, isNew }, signal, () => (isNew = false));
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof SourceAwayError)) throw error;
      parts.tell(`${error.message}; trying again`);
      metrics.away();
      await delay(RECONNECT_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

interface SessionParts extends ShipParts {
  readonly metrics: StreamMetrics;
}

/** One connection to the server, until it is lost or the signal aborts. */
async function withSession(parts: SessionParts, signal: AbortSignal, hasBegun: () => void): Promise<void> {
  const source = openSource(parts.databaseUrl);
  let spool: string | undefined;
  let follower: LogFollower | undefined;
  let merging: Merging | undefined;
  try {
    const start = (parts.isNew ? undefined : await newestStream(parts)) ?? (await beginStream(parts, source));
    hasBegun();
    await source.lock(lockOf(start));
    spool = await makeSpool(parts, start);
    const last = await readLastFile(parts.target, start.id);
    const from: LogPosition = { file: last?.name ?? start.firstFile, position: last?.length ?? 0 };
    if (!(await source.logFiles()).includes(from.file)) {
      throw lostContinuity(start, `the server has no ${from.file} any more`);
    }
    if (comparePositions(await source.position(), from) < 0) {
      throw lostContinuity(start, `${from.file} ends on the server before ${from.position}, where the stream is`);
    }
    const { databaseUrl, programs } = parts;
    follower = followLog({ databaseUrl, programs, directory: spool, firstFile: from.file });
    merging = createMerging(parts);
    const session: Session = { start, source, follower, merging, signal, from };
    if (last !== undefined) await compareShipped(parts, session, last);
    parts.tell(`shipping ${from.file} from ${from.position} on, in the stream ${start.id}`);
    await ship(parts, session);
  } finally {
    follower?.stop();
    await merging?.settle();
    await source.close();
    if (spool !== undefined) await remove(spool);
  }
}

/** The lock of whoever ships a stream. */
function lockOf({ id }: StreamStart): string {
  return `billing-backup:${id}`;
}

/**
 * A directory of this session's own: its name can not be foreseen, so nobody else has made it, and no process that ships without
 * knowing yet that it has lost the lock shares it. What a process of ours left that was killed goes.
 */
async function makeSpool({ spoolDirectory }: ShipParts, { id }: StreamStart): Promise<string> {
  const prefix = `billing-backup-${id}`;
  await mkdir(spoolDirectory, { recursive: true, mode: 0o700 });
  for (const name of await namesIn(spoolDirectory)) {
    if (!name.startsWith(prefix)) continue;
    const left = await lstat(join(spoolDirectory, name)).catch(() => undefined);
    if (left?.uid === process.getuid?.()) await remove(join(spoolDirectory, name));
  }
  return mkdtemp(join(spoolDirectory, `${prefix}-`));
}

function lostContinuity(start: StreamStart, why: string): BackupError {
  return new BackupError(
    `the stream ${start.id} can not go on: ${why}. Begin another with \`billing backup stream --new\`, and take a full ` +
      'backup at once: until then nothing that happens now can be restored',
  );
}

/** Begins a stream with the file that the server writes now. */
async function beginStream(parts: ShipParts, source: SourceDatabase): Promise<StreamStart> {
  const { file } = await source.position();
  const server = await source.identity();
  const startTime = parts.clock.machineNow();
  const id = `${nameAt(startTime)}-${randomBytes(2).toString('hex')}`;
  const start: StreamStart = {
    kind: 'billing-guard log stream 1',
    id,
    server,
    startTime: startTime.toISOString(),
    firstFile: file,
  };
  await makeDirectory(pathIn(parts.target, PLACES.streams));
  await makeDirectory(pathIn(parts.target, PLACES.stream(id)));
  await writeDurably(pathIn(parts.target, PLACES.streamStart(id)), signDocument(start, parts.signer));
  return start;
}

/**
 * Compares what was shipped of the last file with what the server has now. Another server, or one whose log lost its end in a
 * crash, would otherwise be spliced onto a history that is not its own.
 */
async function compareShipped(
  parts: ShipParts,
  { start, follower, signal }: Session,
  last: StreamedFile,
): Promise<void> {
  const { path } = await untilArrived(follower, last, signal);
  let position = 0;
  for await (const shipped of readLogFile(parts, { stream: start.id, name: last.name }, last.length)) {
    const end = position + shipped.length;
    const theirs = await readRange(path, { start: position, end });
    if (!theirs.equals(shipped)) throw lostContinuity(start, `the server has another ${last.name} from ${position} on`);
    position = end;
  }
}

/** Waits until the server has sent again what was shipped of a file, or all that it has of it. */
async function untilArrived(
  follower: LogFollower,
  last: StreamedFile,
  signal: AbortSignal,
): Promise<{ readonly path: string }> {
  for (;;) {
    follower.check();
    const [first, ...later] = await follower.files();
    if (first !== undefined && (first.size >= last.length || later.length > 0)) return first;
    signal.throwIfAborted();
    await delay(ARRIVAL_LOOK_MS);
  }
}

interface Session {
  readonly start: StreamStart;
  readonly source: SourceDatabase;
  readonly follower: LogFollower;
  readonly merging: Merging;
  readonly signal: AbortSignal;
  readonly from: LogPosition;
}

/** Looks at the end of the log, ships what has arrived, says how far it is: again and again. */
async function ship(parts: SessionParts, session: Session): Promise<void> {
  const { source, follower, signal } = session;
  const samples: { readonly at: Date; readonly end: LogPosition }[] = [];
  let shipped = session.from;
  let provenTime: Date | undefined;
  while (!signal.aborted) {
    // The time is read first: what was acknowledged before it was in the log when the server answered.
    const at = parts.clock.machineNow();
    samples.push({ at, end: await source.position() });
    shipped = await shipArrived(parts, session, shipped);
    // Pieces are the same whoever writes them; how far the stream is only its one shipper says.
    await source.requireLock(lockOf(session.start));
    while (samples[0] !== undefined && comparePositions(samples[0].end, shipped) <= 0) provenTime = samples.shift()?.at;
    if (provenTime !== undefined) await writeState(parts, session.start, shipped, provenTime);
    follower.check();
    const spentMs = parts.clock.machineNow().getTime() - at.getTime();
    await delay(Math.max(1, parts.intervalMs - spentMs), undefined, { signal }).catch(() => undefined);
  }
}

/** Ships what has arrived beyond a position, and returns the new one. */
async function shipArrived(parts: ShipParts, session: Session, from: LogPosition): Promise<LogPosition> {
  const { start, follower, merging } = session;
  let shipped = from;
  const files = await follower.files();
  for (const [index, { name, path, size }] of files.entries()) {
    if (logFileNumber(name) < logFileNumber(shipped.file)) continue;
    if (name !== shipped.file) shipped = { file: name, position: 0 };
    const log = { stream: start.id, name };
    while (shipped.position < size) {
      const end = Math.min(size, shipped.position + PIECE_BYTES_MAX);
      const piece = { start: shipped.position, end };
      await writePiece(parts, log, piece, await readRange(path, piece));
      merging.noteWritten(log, path);
      shipped = { file: name, position: end };
    }
    if (index === files.length - 1) continue;
    await writeFileEnd(parts, log, shipped.position);
    merging.noteComplete(log, path);
  }
  return shipped;
}

/** Says how long a file is that the server has finished. */
async function writeFileEnd(
  { target, signer }: ShipParts,
  { stream, name }: LogFilePlace,
  bytes: number,
): Promise<void> {
  const end: LogFileEnd = { kind: 'billing-guard log file end 1', stream, file: name, bytes };
  await writeDurably(pathIn(target, PLACES.logFileEnd(stream, name)), signDocument(end, signer));
}

async function writeState(
  parts: SessionParts,
  start: StreamStart,
  shipped: LogPosition,
  provenTime: Date,
): Promise<void> {
  const writeTime = parts.clock.machineNow();
  const state = {
    kind: 'billing-guard log stream state 1',
    stream: start.id,
    ...shipped,
    provenTime: provenTime.toISOString(),
    writeTime: writeTime.toISOString(),
  } as const;
  await writeDurably(pathIn(parts.target, PLACES.streamState(start.id)), signDocument(state, parts.signer));
  const lagMs = parts.clock.machineNow().getTime() - provenTime.getTime();
  const progress: ShipProgress = { ...shipped, stream: start.id, provenTime, lagMs };
  parts.metrics.shipped(progress);
  parts.onShipped?.(progress);
}

/** Merges pieces one after another beside the stream, which never waits for it. */
interface Merging {
  noteWritten(log: LogFilePlace, localPath: string): void;
  /** Called once for each file. */
  noteComplete(log: LogFilePlace, localPath: string): void;
  /** Resolves when nothing is under way any more. */
  settle(): Promise<void>;
}

function createMerging(parts: ShipParts): Merging {
  let written = 0;
  let queue: Promise<void> = Promise.resolve();
  const enqueue = (work: () => Promise<void>): void => {
    // Small pieces that were not merged are as good as merged ones: a failure is told, and no reason to stop shipping.
    queue = queue.then(work).catch((error: unknown) => parts.tell(`merging pieces failed: ${String(error)}`));
  };
  return {
    noteWritten: (log, localPath) => {
      written += 1;
      if (written % MERGE_LOOK_SIZE === 0) enqueue(() => mergeGrowing(parts, log, localPath));
    },
    noteComplete: (log, localPath) => enqueue(() => mergeComplete(parts, log, localPath)),
    settle: () => queue,
  };
}
