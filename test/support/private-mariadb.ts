import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { freePorts } from '../../bench/runner/free-ports';
import { runModule } from './command';
import type { Row } from './database';

/**
 * A MariaDB of one test's own, which it may kill and whose data it may destroy: durable and with its binary log, as production
 * has it, with the very accounts that the launcher makes.
 */
export interface PrivateMariadb {
  readonly port: number;
  /** Below it are data and log files, and what the test puts there. */
  readonly directory: string;
  /** The URL of an account's view of the database `billing`. */
  urlOf(account: keyof typeof USERS): string;
  /** Runs SQL as root, who may do everything, and returns the rows. */
  query(sql: string, values?: readonly unknown[]): Promise<Row[]>;
  /** `kill -9`; resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again on what is there. */
  start(): Promise<void>;
  /** Removes the whole data directory. */
  destroyData(): void;
  /** Ends it and removes everything. */
  close(): Promise<void>;
}

const USERS = {
  migrate: 'billing_migrate',
  app: 'billing_app',
  report: 'billing_report',
  backup: 'billing_backup',
  root: 'root',
} as const;
const PASSWORD = 'of-this-test';

/** Servers live in sbin, which an ordinary user's PATH leaves out. */
const PATH = [process.env['PATH'] ?? '', '/usr/local/sbin', '/usr/sbin', '/sbin'].join(':');

/** The launcher's own statements: what the accounts may do here is what they may do there. */
function accountStatements(): readonly string[] {
  const names = ['databaseRoot', 'databaseMigrate', 'databaseApp', 'databaseReport', 'databaseBackup'];
  const secrets = JSON.stringify(Object.fromEntries(names.map((name) => [name, PASSWORD])));
  const { code, stdout, stderr } = runModule(
    `import { accountStatements } from './scripts/lib/stack/database-accounts.mjs';
     process.stdout.write(JSON.stringify(accountStatements(${secrets})));`,
  );
  if (code !== 0) throw new Error(stderr);
  const rootFromAnywhere = [
    `CREATE OR REPLACE USER 'root'@'127.0.0.1' IDENTIFIED BY '${PASSWORD}'`,
    "GRANT ALL ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION",
  ];
  return [...(JSON.parse(stdout) as string[]), ...rootFromAnywhere];
}

/** Root runs it as nobody, as the launcher does. */
function unprivileged(): { readonly words: readonly string[]; readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const [, uid = '', gid = ''] = /^nobody:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8')) ?? [];
  const words = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
  return { words, uid: Number(uid), gid: Number(gid) };
}

function serverWords(home: string, port: number): readonly string[] {
  return [
    '--no-defaults',
    `--datadir=${join(home, 'data')}`,
    `--socket=${join(home, 'm.sock')}`,
    `--pid-file=${join(home, 'pid')}`,
    `--tmpdir=${home}`,
    `--init-file=${join(home, 'init.sql')}`,
    `--port=${port}`,
    '--bind-address=127.0.0.1',
    '--skip-name-resolve',
    '--character-set-server=utf8mb4',
    '--collation-server=utf8mb4_bin',
    '--default-time-zone=+00:00',
    '--server-id=1',
    `--log-bin=${join(home, 'data', 'binlog')}`,
    '--binlog-format=ROW',
    '--sync-binlog=1',
    '--log-bin-trust-function-creators=ON',
    '--innodb-flush-log-at-trx-commit=1',
    '--innodb-buffer-pool-size=128M',
    '--performance-schema=OFF',
  ];
}

/** Makes and starts one. */
export async function startPrivateMariadb(): Promise<PrivateMariadb> {
  const home = mkdtempSync(join(tmpdir(), 'billing-test-mariadb-'));
  const account = unprivileged();
  const before = account?.words ?? [];
  const [port = 0] = await freePorts(1);
  chmodSync(home, 0o755);
  mkdirSync(join(home, 'data'));
  writeFileSync(join(home, 'init.sql'), `${accountStatements().join(';\n')};\n`, { mode: 0o644 });
  if (account !== undefined) for (const path of [home, join(home, 'data')]) chownSync(path, account.uid, account.gid);
  const install = ['mariadb-install-db', '--no-defaults', `--datadir=${join(home, 'data')}`, '--skip-test-db'];
  const [command = '', ...words] = [...before, ...install, '--auth-root-authentication-method=normal'];
  // Of its own: a server that starts removes every temporary table that it finds in its TMPDIR, another server's, too.
  const installed = spawnSync(command, words, { env: { PATH, TMPDIR: home }, cwd: '/', encoding: 'utf8' });
  if (installed.status !== 0) throw new Error(`no server could be made: ${installed.stderr}${installed.stdout}`);

  let server: ChildProcess | undefined;
  let connection: Promise<Connection> | undefined;
  const connect = (): Promise<Connection> =>
    createConnection({
      ...{ host: '127.0.0.1', port, user: 'root', password: PASSWORD, database: 'billing' },
      ...{ timezone: 'Z', charset: 'utf8mb4' },
    });
  const answers = async (): Promise<boolean> => {
    try {
      await (await connect()).end();
      return true;
    } catch {
      return false;
    }
  };
  const kill = async (): Promise<void> => {
    (await connection?.catch(() => undefined))?.destroy();
    connection = undefined;
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, 'exit');
    server.kill('SIGKILL');
    await ended;
  };
  const start = async (): Promise<void> => {
    const [program = '', ...rest] = [...before, 'mariadbd', ...serverWords(home, port)];
    rmSync(join(home, 'm.sock'), { force: true });
    const started = spawn(program, rest, { env: { PATH, TZ: 'UTC' }, cwd: '/', stdio: 'ignore' });
    server = started;
    while (!existsSync(join(home, 'm.sock')) || !(await answers())) {
      if (started.exitCode !== null) throw new Error(`mariadbd ended with ${started.exitCode}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  await start();
  return {
    port,
    directory: home,
    urlOf: (name) => `mysql://${USERS[name]}:${PASSWORD}@127.0.0.1:${port}/billing`,
    query: async (sql, values = []) => {
      connection ??= connect();
      const [rows] = await (await connection).query<RowDataPacket[]>(sql, [...values]);
      return Array.isArray(rows) ? rows : [];
    },
    kill,
    start,
    destroyData: () => rmSync(join(home, 'data'), { recursive: true, force: true }),
    close: async () => {
      await kill();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
