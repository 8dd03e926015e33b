import { spawn, type ChildProcess, type ChildProcessByStdio } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { addressOf } from '../platform/db/database';
import { BackupError } from './backup.errors';

/** The database's own programs. They get nothing of our environment but PATH, so no secret of ours is in theirs. */

/** What programs are told to find each other and the database. */
export interface ProgramSettings {
  /** PATH of whoever runs us. */
  readonly path: string;
}

/** Each program under the names that MariaDB and MySQL give it. */
const NAMES = {
  dump: ['mariadb-dump', 'mysqldump'],
  log: ['mariadb-binlog', 'mysqlbinlog'],
  client: ['mariadb', 'mysql'],
  server: ['mariadbd'],
  install: ['mariadb-install-db'],
  setpriv: ['setpriv'],
} as const;
type ProgramName = keyof typeof NAMES;

/** Servers live in sbin, which an ordinary user's PATH leaves out. */
const FURTHER_DIRECTORIES = ['/usr/local/sbin', '/usr/sbin', '/sbin'];
/** Of what a program says, the end is kept: it says why it failed. */
const TAIL_CHARACTERS = 4_000;

function locate(settings: ProgramSettings, name: ProgramName): string | undefined {
  const directories = [...settings.path.split(delimiter), ...FURTHER_DIRECTORIES].filter((entry) => entry !== '');
  for (const path of NAMES[name].flatMap((file) => directories.map((directory) => join(directory, file)))) {
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not there: the next directory may have it.
    }
  }
  return undefined;
}

/** Absolute path of a program. */
function programPath(settings: ProgramSettings, name: ProgramName): string {
  const path = locate(settings, name);
  if (path !== undefined) return path;
  throw new BackupError(`none of ${NAMES[name].join(', ')} is on PATH: install the database's programs`);
}

/** A program that runs. */
export interface Running {
  readonly child: ChildProcess;
  /** Resolves when it ended well. Rejects with the end of what it said on standard error. */
  readonly ended: Promise<void>;
}

/** How programs are started. */
export interface StartOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** Words that stand before the command line. */
  readonly prefix?: readonly string[];
}

/**
 * Starts a program. Where the system can (setpriv, Linux), it dies with us however we end: an orphan of a killed stream would
 * write on for ever.
 */
export function startProgram(
  settings: ProgramSettings,
  name: ProgramName,
  words: readonly string[],
  { environment = {}, prefix }: StartOptions = {},
): Running & { readonly stdin: Writable; readonly stdout: Readable } {
  const setpriv = locate(settings, 'setpriv');
  const before = setpriv === undefined ? [] : [setpriv, ...(prefix ?? []), '--pdeathsig=KILL'];
  const [command = '', ...rest] = [...before, programPath(settings, name), ...words];
  const env = { PATH: settings.path, TZ: 'UTC', LC_ALL: 'C.UTF-8', ...environment };
  const child = spawn(command, rest, { env, cwd: '/', stdio: ['pipe', 'pipe', 'pipe'] }) as ChildProcessByStdio<
    Writable,
    Readable,
    Readable
  >;
  let tail = '';
  child.stderr.on('data', (chunk: Buffer) => (tail = `${tail}${chunk.toString()}`.slice(-TAIL_CHARACTERS)));
  // A program that ends without reading its input says why by its exit code.
  child.stdin.on('error', () => undefined);
  const ended = new Promise<void>((resolve, reject) => {
    child.on('error', (error) => reject(new BackupError(`${NAMES[name][0]} could not be started`, error)));
    child.on('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(new BackupError(`${NAMES[name][0]} ended with ${code ?? signal}: ${tail.trim()}`));
    });
  });
  // Whoever started it may look later; until then a failure is no failure of ours.
  ended.catch(() => undefined);
  return { child, ended, stdin: child.stdin, stdout: child.stdout };
}

/** How a client program reaches a database: words of its command line, and its environment. */
export function connectionOf(
  databaseUrl: string,
): { readonly words: readonly string[]; readonly database: string } & Required<Pick<StartOptions, 'environment'>> {
  const { host, port, user, password, database } = addressOf(databaseUrl);
  return {
    words: ['--no-defaults', `--host=${host}`, `--port=${port}`, '--protocol=tcp', `--user=${user}`],
    database,
    // Not on the command line, where every process of the machine could read it.
    environment: { MYSQL_PWD: password },
  };
}
