import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Clock } from '../platform/clock';
import type { Signer } from '../platform/crypto/signing';
import { readAccountGrants } from './account-grants';
import type { BackupKeys } from './backup-keys';
import { countObjects, requireBackupRights, type ObjectCounts } from './backup-rights';
import { BackupError } from './backup.errors';
import {
  comparePositions,
  logFileNumber,
  type LogPosition,
  type Manifest,
  type ServerIdentity,
  type StoredFile,
} from './documents';
import { connectionOf, startProgram, type ProgramSettings } from './programs';
import { createSealer, sealBytes } from './sealed-stream';
import { signDocument } from './signed-document';
import { openSource, type SourceDatabase } from './source-database';
import { listStreams, orFault, readStreamState, type TargetReader } from './stream-store';
import { draftOf, makeDirectory, nameAt, pathIn, PLACES, publish, remove, syncFile } from './target';

/** A full backup: a dump of one consistent moment, taken while the database is in use; MariaDB locks nothing for it. */

/** What a backup needs to know. */
export interface FullBackupParts extends TargetReader {
  readonly databaseUrl: string;
  readonly keys: BackupKeys;
  readonly signer: Signer;
  readonly programs: ProgramSettings;
  readonly clock: Clock;
  readonly madeBy: string;
  /** The name of the lock under which the schema is migrated: a dump must not see half of a migration. */
  readonly migrationLock: string;
}

export const DUMP_FILE = 'dump.sql.gz.sealed';
export const ACCOUNTS_FILE = 'accounts.json.sealed';

/** The first lines of a dump, where its position in the log stands. */
const HEAD_BYTES = 65_536;
const TAIL_BYTES = 4_096;
/** How long a backup waits until the stream has passed its moment. */
const STREAM_WAIT_MS = 15_000;
const STREAM_LOOK_MS = 100;
/** How old the proof of a stream may be that counts as running. */
const STREAM_AGE_MAX_MS = 10_000;

const POSITION = /(?:MASTER|SOURCE)_LOG_FILE='([^']+)', (?:MASTER|SOURCE)_LOG_POS=(\d+)/;
const COMPLETE = /-- Dump completed/;

/** Makes a backup and returns its manifest. Nothing of one that failed keeps its name. */
export async function createFullBackup(parts: FullBackupParts): Promise<Manifest> {
  const source = openSource(parts.databaseUrl);
  try {
    // Keeps migrations away: a table that appears while the dump runs would be in it and in the log that follows it.
    await source.lock(parts.migrationLock);
    return await backUp(parts, source);
  } finally {
    await source.close();
  }
}

async function backUp(parts: FullBackupParts, source: SourceDatabase): Promise<Manifest> {
  const { target, clock, keys } = parts;
  const startTime = clock.machineNow();
  const id = `${nameAt(startTime)}-${randomBytes(2).toString('hex')}`;
  const home = pathIn(target, PLACES.full(id));
  await makeDirectory(pathIn(target, PLACES.fulls));
  await makeDirectory(draftOf(home));
  try {
    const { database } = connectionOf(parts.databaseUrl);
    const facts = await readFacts(source, database);
    const accounts = Buffer.from(JSON.stringify(await readAccountGrants(source.knex, database)));
    const dump = await writeDump(parts, `${draftOf(home)}/${DUMP_FILE}`, `${PLACES.full(id)}/${DUMP_FILE}`);
    await source.requireLock(parts.migrationLock);
    const accountsFile = await sealBytes(keys, `${PLACES.full(id)}/${ACCOUNTS_FILE}`, accounts);
    await writeStored(`${draftOf(home)}/${ACCOUNTS_FILE}`, accountsFile);
    const server = await source.identity();
    const manifest: Manifest = {
      kind: 'billing-guard full backup 1',
      id,
      database,
      ...facts,
      server,
      startTime: startTime.toISOString(),
      endTime: clock.machineNow().toISOString(),
      log: dump.position,
      stream: await streamThatContinues(parts, server, dump.position),
      dumpBytes: dump.dumpBytes,
      files: [dump.file, { name: ACCOUNTS_FILE, bytes: accountsFile.length, sha256: sha256Hex(accountsFile) }],
      madeBy: parts.madeBy,
    };
    await writeStored(`${draftOf(home)}/${basename(PLACES.manifest(id))}`, signDocument(manifest, parts.signer));
    await publish(home);
    return manifest;
  } catch (error) {
    await remove(draftOf(home));
    throw error;
  }
}

function sha256Hex(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

async function writeStored(path: string, content: Buffer | string): Promise<void> {
  await writeFile(path, content, { mode: 0o600 });
  await syncFile(path);
}

async function readFacts(
  source: SourceDatabase,
  database: string,
): Promise<Pick<Manifest, 'charset' | 'collation' | keyof ObjectCounts>> {
  const sql =
    'SELECT default_character_set_name AS charset, default_collation_name AS collation ' +
    'FROM information_schema.schemata WHERE schema_name = ?';
  const [[facts]] = (await source.knex.raw(sql, [database])) as [readonly { charset: string; collation: string }[]];
  if (facts === undefined) throw new BackupError(`the server has no database ${database}`);
  await requireBackupRights(source.knex, database);
  return { ...facts, ...(await countObjects(source.knex, database)) };
}

/** Words for the dump; MySQL has another name for the position in the log. */
function dumpWords(database: string, isMariadb: boolean): readonly string[] {
  return [
    '--single-transaction',
    isMariadb ? '--master-data=2' : '--source-data=2',
    '--quick',
    '--hex-blob',
    '--triggers',
    '--routines',
    '--no-tablespaces',
    '--default-character-set=utf8mb4',
    ...(isMariadb ? [] : ['--set-gtid-purged=OFF']),
    database,
  ];
}

interface Dump {
  readonly file: StoredFile;
  readonly position: LogPosition;
  readonly dumpBytes: number;
}

async function isMariadbsOwn(programs: ProgramSettings): Promise<boolean> {
  const { ended, stdin, stdout } = startProgram(programs, 'dump', ['--version']);
  stdin.end();
  let text = '';
  for await (const chunk of stdout) text += String(chunk);
  await ended;
  return text.includes('MariaDB');
}

/** Dumps, packs and seals into a file. */
async function writeDump(parts: FullBackupParts, path: string, place: string): Promise<Dump> {
  const { words, environment, database } = connectionOf(parts.databaseUrl);
  const isMariadb = await isMariadbsOwn(parts.programs);
  const program = startProgram(parts.programs, 'dump', [...words, ...dumpWords(database, isMariadb)], { environment });
  program.stdin.end();
  const ends = observeEnds();
  const stored = observeStored();
  const file = createWriteStream(path, { mode: 0o600 });
  try {
    const sealer = createSealer(parts.keys, place);
    await pipeline(program.stdout, ends.stream, createGzip({ level: 1 }), sealer, stored.stream, file);
    await program.ended;
  } finally {
    program.child.kill('SIGKILL');
  }
  await syncFile(path);
  const [, logFile, position] = POSITION.exec(ends.head()) ?? [];
  if (logFile === undefined) throw new BackupError('the dump names no position in the binary log');
  if (!COMPLETE.test(ends.tail())) throw new BackupError('the dump ended before it was complete');
  return {
    file: { name: DUMP_FILE, ...stored.result() },
    position: { file: logFile, position: Number(position) },
    dumpBytes: ends.bytes(),
  };
}

/** Lets everything pass and remembers how it begins and ends. */
function observeEnds() {
  let head: Buffer = Buffer.alloc(0);
  let tail: Buffer = Buffer.alloc(0);
  let bytes = 0;
  const stream = new Transform({
    transform: (part: Buffer, _encoding, done) => {
      bytes += part.length;
      if (head.length < HEAD_BYTES) head = Buffer.concat([head, part.subarray(0, HEAD_BYTES - head.length)]);
      tail = Buffer.concat([tail, part.subarray(-TAIL_BYTES)]).subarray(-TAIL_BYTES);
      done(null, part);
    },
  });
  return { stream, head: () => head.toString(), tail: () => tail.toString(), bytes: () => bytes };
}

/** Lets everything pass, and hashes and counts it. */
function observeStored() {
  const hash = createHash('sha256');
  let bytes = 0;
  const stream = new Transform({
    transform: (part: Buffer, _encoding, done) => {
      bytes += part.length;
      hash.update(part);
      done(null, part);
    },
  });
  return { stream, result: () => ({ bytes, sha256: hash.digest('hex') }) };
}

/**
 * The stream that runs beside us and has passed the backup's moment, or null when none does: so a backup names a stream only if
 * that is known to continue it. A backup is taken whatever is broken of a stream.
 */
async function streamThatContinues(
  parts: FullBackupParts,
  server: ServerIdentity,
  position: LogPosition,
): Promise<string | null> {
  const stream = (await listStreams(parts)).at(-1)?.start;
  if (stream === undefined || !isSameServer(stream.server, server)) return null;
  if (logFileNumber(position.file) < logFileNumber(stream.firstFile)) return null;
  for (let waitedMs = 0; waitedMs < STREAM_WAIT_MS; waitedMs += STREAM_LOOK_MS) {
    const { document: state } = await orFault(() => readStreamState(parts, stream.id));
    if (state === undefined) return null;
    const ageMs = parts.clock.machineNow().getTime() - Date.parse(state.provenTime);
    if (comparePositions(state, position) >= 0 && ageMs < STREAM_AGE_MAX_MS) return stream.id;
    if (ageMs > STREAM_AGE_MAX_MS + STREAM_WAIT_MS) return null;
    await new Promise((resolve) => setTimeout(resolve, STREAM_LOOK_MS));
  }
  return null;
}

function isSameServer(first: ServerIdentity, second: ServerIdentity): boolean {
  // The version may change under a stream: an upgrade in place goes on with the log.
  return first.hostname === second.hostname && first.port === second.port && first.serverId === second.serverId;
}
