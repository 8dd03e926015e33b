import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { knex, type Knex } from 'knex';
import { addressOf } from '../platform/db/database';
import { fromEpochMs } from '../platform/time';
import { accountName } from './account-grants';
import { countObjects, type ObjectCounts } from './backup-rights';
import { BackupError } from './backup.errors';
import { accountsSchema, type AccountGrants, type LogPosition, type Manifest, type StreamState } from './documents';
import { ACCOUNTS_FILE, DUMP_FILE } from './full-backup';
import { checkStoredFiles } from './full-store';
import { walkLog, type LogWalk } from './log-events';
import { connectionOf, startProgram, type ProgramSettings } from './programs';
import { createOpener, openBytes } from './sealed-stream';
import { findLog, readLogFile, type FoundLog, type StreamedFile } from './stream-files';
import { findStreamState, type SealedReader } from './stream-store';
import { pathIn, PLACES, remove } from './target';

/** Restores a database from a target: a full backup, then what the stream has of the time after it. */

export interface RestoreParts extends SealedReader {
  /** An account of the new server that may do everything; its database, if the URL names one, does not count. */
  readonly databaseUrl: string;
  readonly programs: ProgramSettings;
  /** A directory for the log file that is being replayed, in clear. */
  readonly spoolDirectory: string;
  readonly tell: (line: string) => void;
}

/** What is wanted. */
export interface RestoreGoal {
  readonly manifest: Manifest;
  /** Every transaction that was committed before, to the second; undefined: all that was shipped. */
  readonly until?: Date | undefined;
  /** The backup's own moment: the stream that continues it is not looked at. */
  readonly isAlone?: boolean;
}

/** What became of it. */
export interface Restored {
  readonly database: string;
  readonly backup: string;
  /** Where the log was replayed to; undefined when none was. */
  readonly end: LogPosition | undefined;
  /** When the last transaction that was replayed was committed, to the second. */
  readonly lastTime: Date | undefined;
  /** Everything acknowledged before is there, unless an earlier moment was asked for; undefined: as at the backup. */
  readonly provenTime: Date | undefined;
  readonly accountsMade: readonly string[];
}

/** Restores into a server that has no database of that name, or an empty one. */
export async function restore(parts: RestoreParts, goal: RestoreGoal): Promise<Restored> {
  const { manifest, until } = goal;
  if (until !== undefined && until.getTime() < Date.parse(manifest.endTime)) {
    throw new BackupError(`the backup ${manifest.id} is later than ${until.toISOString()}: restore an earlier one`);
  }
  const admin = openAdmin(parts.databaseUrl);
  try {
    await requireEmpty(admin, manifest.database);
    const log = await lookAtLog(parts, goal);
    parts.tell(`checking the files of the backup ${manifest.id}`);
    await checkStoredFiles(parts, manifest);
    const accounts = await readAccounts(parts, manifest);
    await makeDatabase(admin, manifest);
    const accountsMade = await makeAccounts(admin, accounts);
    parts.tell(`loading ${manifest.dumpBytes} bytes of SQL into ${manifest.database}`);
    await load(parts, manifest);
    await requireComplete(admin, manifest);
    for (const grant of accounts.flatMap(({ grants }) => grants)) await admin.raw(grant);
    const replayed = log === undefined ? NOT_REPLAYED : await replayLog(parts, goal, log);
    return { database: manifest.database, backup: manifest.id, accountsMade, ...replayed };
  } finally {
    await admin.destroy();
  }
}

/** Without a database, and with its binary log off: what is restored here is no history of this server. */
function openAdmin(databaseUrl: string): Knex {
  const { host, port, user, password } = addressOf(databaseUrl);
  const afterCreate = (
    connection: { query(sql: string, done: (error: Error | null) => void): void },
    done: (error: Error | null, connection: unknown) => void,
  ): void => connection.query(LOG_OFF, (error) => done(error, connection));
  const pool = { min: 0, max: 1, afterCreate };
  return knex({ client: 'mysql2', connection: { host, port, user, password, charset: 'utf8mb4' }, pool });
}

const LOG_OFF = 'SET SESSION sql_log_bin = 0';

async function requireEmpty(admin: Knex, database: string): Promise<void> {
  const sql = 'SELECT COUNT(*) AS tables FROM information_schema.tables WHERE table_schema = ?';
  const [rows] = (await admin.raw(sql, [database])) as [readonly { tables: number }[]];
  if (Number(rows[0]?.tables) === 0) return;
  throw new BackupError(
    `${database} is not empty: nothing was changed. Restore into a server that has no such database`,
  );
}

async function readAccounts(parts: RestoreParts, { id }: Manifest): Promise<readonly AccountGrants[]> {
  const place = join(PLACES.full(id), ACCOUNTS_FILE);
  const content = await openBytes(parts.keys, place, await readFile(pathIn(parts.target, place)));
  return accountsSchema.parse(JSON.parse(content.toString()));
}

async function makeDatabase(admin: Knex, { database, charset, collation }: Manifest): Promise<void> {
  await admin.raw(`CREATE DATABASE IF NOT EXISTS \`${database}\` CHARACTER SET ${charset} COLLATE ${collation}`);
}

/** Makes the accounts that are missing, locked and with a password that nobody knows; returns their names. */
async function makeAccounts(admin: Knex, accounts: readonly AccountGrants[]): Promise<readonly string[]> {
  const made: string[] = [];
  for (const account of accounts) {
    const [rows] = (await admin.raw('SELECT 1 FROM mysql.user WHERE User = ? AND Host = ?', [
      account.user,
      account.host,
    ])) as [readonly unknown[]];
    if (rows.length > 0) continue;
    const name = accountName(account);
    await admin.raw(`CREATE USER ${name} IDENTIFIED BY '${randomBytes(24).toString('hex')}' ACCOUNT LOCK`);
    made.push(name);
  }
  return made;
}

/** The client that takes SQL on its standard input and stops at the first statement that fails. */
function startClient(parts: RestoreParts, database: string) {
  const { words, environment } = connectionOf(parts.databaseUrl);
  const options = ['--default-character-set=utf8mb4', '--binary-mode', '--skip-reconnect', '--batch'];
  const client = startProgram(
    parts.programs,
    'client',
    [...words, ...options, `--max-allowed-packet=1G`, `--init-command=${LOG_OFF}`, database],
    { environment },
  );
  client.stdout.resume();
  return client;
}

async function load(parts: RestoreParts, { id, database }: Manifest): Promise<void> {
  const client = startClient(parts, database);
  const place = join(PLACES.full(id), DUMP_FILE);
  const file = createReadStream(pathIn(parts.target, place));
  try {
    await pipeline(file, createOpener(parts.keys, place), createGunzip(), client.stdin);
  } catch (error) {
    client.child.kill('SIGKILL');
    // A client that has ended says why; a pipe that broke does not.
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') await client.ended;
    throw error;
  }
  await client.ended;
}

/** Compares what came back with what was there. */
async function requireComplete(admin: Knex, manifest: Manifest): Promise<void> {
  const counts = await countObjects(admin, manifest.database);
  for (const [kind, count] of Object.entries(counts) as [keyof ObjectCounts, number][]) {
    if (count === manifest[kind]) continue;
    throw new BackupError(
      `${manifest.database} has ${count} ${kind} after loading, not ${manifest[kind]}: do not use it`,
    );
  }
}

/** What is to be replayed, as far as it is there. */
interface KnownLog extends FoundLog {
  readonly stream: string;
  /** Undefined: nobody knows how far the stream had come. */
  readonly state: StreamState | undefined;
}

/** Looks for the stream that continues the backup. Throws before anything is loaded where all of it is wanted and is not there. */
async function lookAtLog(
  parts: RestoreParts,
  { manifest, until, isAlone }: RestoreGoal,
): Promise<KnownLog | undefined> {
  const { id, stream, log } = manifest;
  if (isAlone === true || (stream === null && until === undefined)) return undefined;
  if (stream === null) {
    throw new BackupError(`no stream continues the backup ${id}: it can be restored to its own moment only`);
  }
  // Read before the files are looked for: a stream that runs goes on.
  const state = await findStreamState(parts, stream);
  const { files, fault } = await findLog(parts, stream, { from: log.file, state });
  if (fault !== undefined && until === undefined) {
    throw new BackupError(
      `${fault}: not all that was shipped is there, and nothing was restored. --to-time brings back what was before, ` +
        '--to-backup the full backup alone',
    );
  }
  return { stream, state, files, fault };
}

type Replayed = Pick<Restored, 'end' | 'lastTime' | 'provenTime'>;

const NOT_REPLAYED: Replayed = { end: undefined, lastTime: undefined, provenTime: undefined };

/** Replays the log, file by file. */
async function replayLog(
  parts: RestoreParts,
  { manifest, until }: RestoreGoal,
  { stream, state, files, fault }: KnownLog,
): Promise<Replayed> {
  const { log } = manifest;
  const spool = await mkdtemp(join(parts.spoolDirectory, 'billing-restore-'));
  let [end, lastTime]: [LogPosition, Date | undefined] = [log, undefined];
  let hasReached = false;
  try {
    for (const file of files) {
      const from = file.name === log.file ? log.position : 0;
      const walk = await fetchLog(parts, { stream, file, from, until, path: join(spool, file.name) });
      const usable = walk.unwantedStart ?? walk.wholeEnd;
      if (walk.lastSeconds !== undefined) lastTime = fromEpochMs(walk.lastSeconds * 1_000);
      parts.tell(`replaying ${file.name} from ${from} to ${usable}`);
      if (usable > from) await replay(parts, { manifest, path: join(spool, file.name), from });
      await remove(join(spool, file.name));
      end = { file: file.name, position: usable };
      hasReached = walk.unwantedStart !== undefined;
      if (hasReached) break;
    }
  } finally {
    await remove(spool);
  }
  if (!hasReached && fault !== undefined) {
    throw new BackupError(
      `${fault}, before the moment that was asked for: do not use ${manifest.database}. What is there reaches to a ` +
        `transaction of ${(lastTime ?? fromEpochMs(Date.parse(manifest.endTime))).toISOString()}: drop it, and restore to that at most`,
    );
  }
  tellReach(parts, manifest, { end, until: hasReached ? undefined : until, proven: state?.provenTime });
  return { end, lastTime, provenTime: state === undefined ? undefined : fromEpochMs(Date.parse(state.provenTime)) };
}

/** Says so when the stream ends before the moment that was asked for: what was restored may lack something. */
function tellReach(
  { tell }: RestoreParts,
  { id }: Manifest,
  { end, until, proven }: { end: LogPosition; until: Date | undefined; proven: string | undefined },
): void {
  if (until === undefined || (proven !== undefined && Date.parse(proven) >= until.getTime())) return;
  tell(
    `the stream of ${id} is proven until ${proven ?? 'nothing'} only; what it has, to ${end.file} ${end.position}, was restored`,
  );
}

interface Fetch {
  readonly stream: string;
  readonly file: StreamedFile;
  readonly from: number;
  readonly until: Date | undefined;
  readonly path: string;
}

/** Brings a log file together in the spool, cut off where the wanted whole transactions end. */
async function fetchLog(parts: RestoreParts, { stream, file, from, until, path }: Fetch): Promise<LogWalk> {
  const untilSeconds = until === undefined ? undefined : Math.floor(until.getTime() / 1_000);
  const walk = walkLog(file.name, from, untilSeconds);
  const content = async function* (): AsyncGenerator<Buffer> {
    for await (const part of readLogFile(parts, { stream, name: file.name }, file.length)) {
      walk.push(part);
      yield part;
    }
  };
  await pipeline(Readable.from(content()), createWriteStream(path, { mode: 0o600 }));
  if (!walk.hasStart) {
    throw new BackupError(`the stream ${stream} does not continue the backup: ${file.name} has no event at ${from}`);
  }
  await truncate(path, walk.unwantedStart ?? walk.wholeEnd);
  return walk;
}

/** Replays what is in a log file from a position on. A transaction whose end is missing is rolled back as its client leaves. */
async function replay(
  parts: RestoreParts,
  { manifest, path, from }: { manifest: Manifest; path: string; from: number },
): Promise<void> {
  const start = from === 0 ? [] : [`--start-position=${from}`];
  const words = ['--no-defaults', `--database=${manifest.database}`, ...start, path];
  const log = startProgram(parts.programs, 'log', words);
  log.stdin.end();
  const client = startClient(parts, manifest.database);
  try {
    await pipeline(log.stdout, client.stdin).catch(async (error: unknown) => {
      log.child.kill('SIGKILL');
      await client.ended;
      throw error;
    });
    await Promise.all([log.ended, client.ended]);
  } finally {
    log.child.kill('SIGKILL');
    client.child.kill('SIGKILL');
  }
}
