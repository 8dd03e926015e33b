/** A private MariaDB: durable commits, binary log, UTC, utf8mb4, MySQL 8's sql_mode. It recovers by itself from kill -9. */
import { createHash } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { readIfThere, tailOf, writeAtomic } from '../files.mjs';
import { programPath } from '../prepare/programs.mjs';
import { findProcesses, run, startInBackground, stopProcesses, waitFor } from '../processes.mjs';
import { Failure, step } from '../terminal.mjs';
import { commandUnder, makeOwnedDirectory, writeOwnedFile } from './account.mjs';
import { accountStatements } from './database-accounts.mjs';
import { startOnFreePorts } from './ports.mjs';

/** Crash recovery of a large log may take a while. */
const START_TIMEOUT_MS = 120_000;
const HEALTH_TIMEOUT_MS = 5_000;
const STOP_GRACE_MS = 60_000;
/** Linux allows 107 bytes; mariadbd cuts a longer path silently. */
const SOCKET_PATH_BYTES_MAX = 100;

const MYSQL8_SQL_MODE = [
  'ONLY_FULL_GROUP_BY',
  'STRICT_TRANS_TABLES',
  'NO_ZERO_IN_DATE',
  'NO_ZERO_DATE',
  'ERROR_FOR_DIVISION_BY_ZERO',
  'NO_ENGINE_SUBSTITUTION',
].join(',');

function home(stack, ...names) {
  return stack.within('mariadb', ...names);
}

/** Also finds a half-done initialisation, which works below the same folder. */
function findMariadb(stack) {
  const mark = `--datadir=${home(stack)}/`;
  return findProcesses((argv) => argv.some((argument) => argument.startsWith(mark)));
}

/** Runs SQL as the database's root through its socket and returns the rows as tab-separated lines. */
export async function sql(stack, text, database) {
  const words = ['--no-defaults', `--socket=${stack.state.socket}`, '--user=root', '--batch', '--skip-column-names'];
  if (database !== undefined) words.push(database);
  const env = { PATH: process.env.PATH, MYSQL_PWD: stack.secrets.databaseRoot };
  return (await run(programPath('mariadb'), words, { env, input: text })).toString();
}

async function answers(stack) {
  try {
    return (await sql(stack, 'SELECT 1')).trim() === '1';
  } catch {
    return false;
  }
}

/** The data directory appears under its name only when it is complete. */
async function initialise(stack, account) {
  if (existsSync(home(stack, 'data'))) return;
  const draft = home(stack, 'data.new');
  rmSync(draft, { recursive: true, force: true });
  makeOwnedDirectory(account, draft);
  const { command, commandArguments } = commandUnder(account, programPath('mariadb-install-db'), [
    '--no-defaults',
    `--datadir=${draft}`,
    '--auth-root-authentication-method=socket',
    '--auth-root-socket-user=root',
    '--skip-test-db',
    ...account.mariadbArguments,
    // A directory has the page size that it was made with.
    ...(stack.mariadbArguments ?? []).filter((argument) => argument.startsWith('--innodb-page-size=')),
  ]);
  // Of its own: a server that starts removes every temporary table that it finds in its TMPDIR, another server's, too.
  const env = { ...process.env, TMPDIR: home(stack, 'tmp') };
  await step('Creating the database directory', () => run(command, commandArguments, { env, cwd: '/' }));
  renameSync(draft, home(stack, 'data'));
}

function settleSocket(stack, account) {
  const wanted = home(stack, 'run', 'mariadb.sock');
  if (Buffer.byteLength(wanted) <= SOCKET_PATH_BYTES_MAX) return stack.saveState({ socket: wanted });
  const folder = mkdtempSync(path.join(os.tmpdir(), 'billing-guard-'));
  chownSync(folder, account.uid, account.gid);
  chmodSync(folder, 0o700);
  stack.saveState({ socket: path.join(folder, 'mariadb.sock') });
}

/** A socket that had to live in the system's temporary directory goes with its server. */
function removeSocketFolder(stack) {
  const folder = stack.state.socket === undefined ? '' : path.dirname(stack.state.socket);
  if (path.basename(folder).startsWith('billing-guard-')) rmSync(folder, { recursive: true, force: true });
}

/**
 * What brings the accounts in line with our secrets, and nothing when an earlier start did: the grant tables are not
 * crash-safe as InnoDB is, so they are not written at every start.
 */
function prepareAccounts(stack, account) {
  const statements = `${accountStatements(stack.secrets).join(';\n')};\n`;
  const hash = createHash('sha256').update(statements).digest('hex');
  const stamp = home(stack, 'accounts.sha256');
  if (readIfThere(stamp) === hash) return { serverArguments: [], settle: () => {} };
  const file = home(stack, 'run', 'accounts.sql');
  writeOwnedFile(account, file, statements);
  const settle = () => {
    rmSync(file);
    writeAtomic(stamp, hash);
  };
  return { serverArguments: [`--init-file=${file}`], settle };
}

function serverArguments(stack, account) {
  return [
    '--no-defaults',
    `--datadir=${home(stack, 'data')}`,
    `--socket=${stack.state.socket}`,
    `--pid-file=${home(stack, 'run', 'mariadb.pid')}`,
    `--tmpdir=${home(stack, 'tmp')}`,
    `--port=${stack.state.ports.mariadb}`,
    '--bind-address=127.0.0.1',
    '--skip-name-resolve',
    '--local-infile=OFF',
    '--character-set-server=utf8mb4',
    '--collation-server=utf8mb4_bin',
    '--default-time-zone=+00:00',
    `--sql-mode=${MYSQL8_SQL_MODE}`,
    '--server-id=1',
    `--log-bin=${home(stack, 'data', 'binlog')}`,
    '--binlog-format=ROW',
    '--sync-binlog=1',
    '--expire-logs-days=7',
    '--log-bin-trust-function-creators=ON',
    '--innodb-flush-log-at-trx-commit=1',
    '--innodb-buffer-pool-size=256M',
    '--performance-schema=OFF',
    '--max-connections=300',
    ...account.mariadbArguments,
    // The last word on a setting counts: a benchmark asks for more memory than a developer's stack.
    ...(stack.mariadbArguments ?? []),
  ];
}

async function launch(stack, account) {
  settleSocket(stack, account);
  const accounts = prepareAccounts(stack, account);
  const logFile = stack.within('log', 'mariadb.log');
  const words = [...serverArguments(stack, account), ...accounts.serverArguments];
  const { command, commandArguments } = commandUnder(account, programPath('mariadbd'), words);
  const env = { PATH: process.env.PATH, TZ: 'UTC' };
  const server = startInBackground(command, commandArguments, { env, cwd: '/', logFile });
  const isReady = async () => server.hasExited || (existsSync(stack.state.socket) && (await answers(stack)));
  await waitFor(isReady, START_TIMEOUT_MS);
  if (!(await answers(stack))) {
    // Whatever the reason, the next start sets the accounts again.
    rmSync(home(stack, 'accounts.sha256'), { force: true });
    await stopProcesses(findMariadb(stack), STOP_GRACE_MS);
    throw new Failure(`MariaDB did not start. The end of ${logFile}:\n${tailOf(logFile)}`);
  }
  accounts.settle();
  return server.pid;
}

/** Makes sure MariaDB runs and knows our accounts. Returns its process id and whether it had to be started. */
export async function startMariadb(stack, account) {
  const running = findMariadb(stack);
  if (running.length === 1 && (await waitFor(() => answers(stack), HEALTH_TIMEOUT_MS, 250))) {
    return { pid: running[0].pid, wasStarted: false };
  }
  // A server that refuses our password was started with other secrets: its accounts are to be set again.
  if (running.length > 0) rmSync(home(stack, 'accounts.sha256'), { force: true });
  await stopMariadb(stack);
  for (const names of [[], ['run'], ['tmp']]) makeOwnedDirectory(account, home(stack, ...names));
  await initialise(stack, account);
  const pid = await startOnFreePorts(stack, ['mariadb'], () => step('Starting MariaDB', () => launch(stack, account)));
  return { pid, wasStarted: true };
}

/** Stops MariaDB; harmless when it does not run. */
export async function stopMariadb(stack) {
  await stopProcesses(findMariadb(stack), STOP_GRACE_MS);
  removeSocketFolder(stack);
}
