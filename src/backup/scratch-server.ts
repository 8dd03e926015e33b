import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BackupError } from './backup.errors';
import { connectionOf, startProgram, type ProgramSettings } from './programs';
import { remove } from './target';

/** A MariaDB for a drill only: unprivileged, on a loopback port, its data in a directory that goes with it. */
export interface ScratchServer {
  /** Of an account that may do everything. */
  urlOf(database: string): string;
  /** For what else a drill writes; goes with the server. */
  readonly directory: string;
  /** Stops it and removes its data. */
  stop(): Promise<void>;
}

const USER = 'drill';
const START_MAX_MS = 60_000;
const LOOK_MS = 100;
/** Of what the making of a server says, the end is kept. */
const SAID_CHARACTERS_MAX = 4_000;

/** Never root if that can be avoided: the server refuses to run as root, and should. */
function unprivileged():
  { readonly prefix: readonly string[]; readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const [, uid, gid] = /^nobody:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8')) ?? [];
  if (uid === undefined || gid === undefined) throw new BackupError('there is no account nobody to run a server as');
  return { prefix: [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'], uid: Number(uid), gid: Number(gid) };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** The settings that data depends on are those of the service's own database; durability is not needed here. */
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
    '--local-infile=OFF',
    '--character-set-server=utf8mb4',
    '--collation-server=utf8mb4_bin',
    '--default-time-zone=+00:00',
    '--log-bin-trust-function-creators=ON',
    '--skip-log-bin',
    '--max-allowed-packet=1G',
    '--innodb-flush-log-at-trx-commit=0',
    '--innodb-doublewrite=OFF',
    '--innodb-buffer-pool-size=256M',
    '--performance-schema=OFF',
  ];
}

/** Starts one below a directory such as the system's for temporary files. */
export async function startScratchServer(programs: ProgramSettings, below: string): Promise<ScratchServer> {
  const home = await mkdtemp(join(below, 'billing-drill-'));
  try {
    return await startIn(programs, home);
  } catch (error) {
    await remove(home);
    throw error;
  }
}

async function startIn(programs: ProgramSettings, home: string): Promise<ScratchServer> {
  const account = unprivileged();
  const prefix = account?.prefix ?? [];
  const password = randomBytes(24).toString('hex');
  const statements = [
    `CREATE USER '${USER}'@'127.0.0.1' IDENTIFIED BY '${password}'`,
    `GRANT ALL ON *.* TO '${USER}'@'127.0.0.1' WITH GRANT OPTION`,
  ];
  await mkdir(join(home, 'data'));
  await writeFile(join(home, 'init.sql'), `${statements.join(';\n')};\n`, { mode: 0o600 });
  await chmod(home, 0o700);
  if (account !== undefined) {
    for (const path of [home, join(home, 'data'), join(home, 'init.sql')]) await chown(path, account.uid, account.gid);
  }
  const install = ['--no-defaults', `--datadir=${join(home, 'data')}`, '--auth-root-authentication-method=socket'];
  // Of its own: a server that starts removes every temporary table that it finds in its TMPDIR, another server's, too.
  const environment = { TMPDIR: home };
  const installing = startProgram(programs, 'install', [...install, '--skip-test-db'], { prefix, environment });
  installing.stdin.end();
  // The script says on standard output what went wrong, the server on standard error.
  let said = '';
  installing.stdout.on('data', (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(-SAID_CHARACTERS_MAX)));
  await installing.ended.catch((error: unknown) => {
    const why = `${error instanceof Error ? error.message : ''}\n${said}`.trim();
    throw new BackupError(`no server could be made in ${home}, which nobody must be able to reach: ${why}`, error);
  });

  const port = await freePort();
  const server = startProgram(programs, 'server', serverWords(home, port), { prefix });
  server.stdin.end();
  server.stdout.resume();
  let hasEnded = false;
  const ended = server.ended.catch(() => undefined).then(() => (hasEnded = true));
  const urlOf = (database: string): string => `mysql://${USER}:${password}@127.0.0.1:${port}/${database}`;
  const stop = async (): Promise<void> => {
    server.child.kill('SIGKILL');
    await ended;
    await remove(home);
  };
  for (let waitedMs = 0; !hasEnded && waitedMs < START_MAX_MS; waitedMs += LOOK_MS) {
    if (existsSync(join(home, 'm.sock')) && (await answers(programs, urlOf('mysql'))))
      return { urlOf, directory: home, stop };
    await delay(LOOK_MS);
  }
  server.child.kill('SIGKILL');
  await server.ended;
  throw new BackupError('the scratch server did not start');
}

async function answers(programs: ProgramSettings, url: string): Promise<boolean> {
  const { words, environment, database } = connectionOf(url);
  const asking = startProgram(programs, 'client', [...words, '--execute=SELECT 1', database], { environment });
  asking.stdin.end();
  asking.stdout.resume();
  return asking.ended.then(
    () => true,
    () => false,
  );
}
