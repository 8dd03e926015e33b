import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createBackupKeys,
  createFullBackup,
  restore,
  shipLog,
  type Manifest,
  type Restored,
  type SealedReader,
  type ShipProgress,
} from '../../src/backup';
import { systemClock } from '../../src/platform/clock';
import { createSigner, createVerifier } from '../../src/platform/crypto/signing';
import { until } from './harness';
import { startPrivateMariadb, type PrivateMariadb } from './private-mariadb';

/** A stream that ships in this process. */
export interface RunningStream {
  /** Its last word. */
  readonly progress: ShipProgress | undefined;
  readonly told: readonly string[];
  /** Waits until everything that was acknowledged so far is in the target. */
  caughtUp(): Promise<void>;
  /** Ends it; rejects with what ended it before. */
  stop(): Promise<void>;
}

/** What else a restoration may be told. */
export interface RestoreMore {
  readonly directory?: string;
  readonly isAlone?: boolean;
  readonly tell?: (line: string) => void;
}

/** A database, a target, and the keys of both. */
export interface BackupStage {
  readonly source: PrivateMariadb;
  readonly reader: SealedReader;
  /** The environment of `billing backup`. */
  readonly environment: Readonly<Record<string, string>>;
  startStream(options?: { readonly isNew?: boolean; readonly databaseUrl?: string }): RunningStream;
  /** Waits for what ends a stream by itself. */
  streamFault(databaseUrl?: string): Promise<Error>;
  back(): Promise<Manifest>;
  /** Restores into another server; from another directory, if one is named. */
  restoreInto(server: PrivateMariadb, manifest: Manifest, until?: Date, more?: RestoreMore): Promise<Restored>;
  close(): Promise<void>;
}

/** Names of files below a directory, relative to it. */
export function filesBelow(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort();
}

/** What is in a target, byte for byte. */
export function contentOf(directory: string): Readonly<Record<string, string>> {
  return Object.fromEntries(filesBelow(directory).map((name) => [name, readFileSync(join(directory, name), 'base64')]));
}

const MIGRATION_LOCK = 'migrate:billing';

/** Sets the stage. */
export async function setBackupStage(): Promise<BackupStage> {
  const source = await startPrivateMariadb();
  const home = mkdtempSync(join(tmpdir(), 'billing-test-backup-'));
  // A drill's server runs as nobody, who must be able to pass through.
  chmodSync(home, 0o755);
  const [directory, spoolDirectory] = [join(home, 'target'), join(home, 'spool')];
  for (const path of [directory, spoolDirectory]) mkdirSync(path);
  const key = randomBytes(32);
  const signingKey = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  const signer = createSigner(signingKey);
  const reader = {
    target: { directory },
    verifiers: [createVerifier(signer.publicKeyPem)],
    keys: createBackupKeys([key]),
  };
  const programs = { path: process.env['PATH'] ?? '' };
  const making = {
    ...reader,
    databaseUrl: source.urlOf('backup'),
    signer,
    programs,
    clock: systemClock,
    spoolDirectory,
  };

  const startStream: BackupStage['startStream'] = ({ isNew = false, databaseUrl = making.databaseUrl } = {}) => {
    const stopping = new AbortController();
    const told: string[] = [];
    let progress: ShipProgress | undefined;
    const onShipped = (latest: ShipProgress): void => void (progress = latest);
    const tell = (line: string): void => void told.push(line);
    const settings = { intervalMs: 20, isNew, tell, onShipped };
    const ended = shipLog({ ...making, ...settings, databaseUrl }, stopping.signal);
    let fault: Error | undefined;
    ended.catch((error: unknown) => (fault = error as Error));
    return {
      told,
      get progress() {
        return progress;
      },
      caughtUp: async () => {
        const since = Date.now();
        await until('the stream has caught up', async () => {
          if (fault !== undefined) throw fault;
          return (progress?.provenTime.getTime() ?? 0) >= since;
        });
      },
      stop: async () => {
        stopping.abort();
        await ended;
      },
    };
  };
  return {
    source,
    reader,
    environment: {
      PATH: process.env['PATH'] ?? '',
      BACKUP_DIR: directory,
      BACKUP_KEY: key.toString('base64'),
      BACKUP_SPOOL_DIR: spoolDirectory,
      BACKUP_DATABASE_URL: source.urlOf('backup'),
      AUDIT_SIGNING_KEY: signingKey,
    },
    startStream,
    streamFault: async (databaseUrl) => {
      const parts = { ...making, ...(databaseUrl === undefined ? {} : { databaseUrl }) };
      const settings = { intervalMs: 20, isNew: false, tell: () => undefined };
      return shipLog({ ...parts, ...settings }, AbortSignal.timeout(20_000)).then(
        () => new Error('nothing ended the stream'),
        (error: unknown) => error as Error,
      );
    },
    back: () => createFullBackup({ ...making, madeBy: 'test', migrationLock: MIGRATION_LOCK }),
    restoreInto: (server, manifest, moment, more = {}) => {
      const { directory: from = directory, isAlone = false, tell = () => undefined } = more;
      const parts = { ...making, target: { directory: from }, databaseUrl: server.urlOf('root'), tell };
      return restore(parts, { manifest, until: moment, isAlone });
    },
    close: async () => {
      await source.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** Rows of the table that these tests fill, in order. */
export async function wordsIn(server: PrivateMariadb): Promise<readonly unknown[]> {
  return (await server.query('SELECT word FROM billing.words ORDER BY id')).map(({ word }) => word);
}

/** Makes that table, with a trigger and a procedure, and rights of another account on them. */
export async function makeWords(server: PrivateMariadb): Promise<void> {
  await server.query(
    'CREATE TABLE words (id INT AUTO_INCREMENT PRIMARY KEY, word VARCHAR(50), hash BINARY(4)) ENGINE=InnoDB',
  );
  await server.query(
    "CREATE DEFINER = 'billing_migrate'@'%' TRIGGER words_stay BEFORE UPDATE ON words FOR EACH ROW SIGNAL SQLSTATE '45000'",
  );
  await server.query("CREATE DEFINER = 'billing_migrate'@'%' PROCEDURE look() SQL SECURITY DEFINER SELECT 1");
  await server.query("GRANT SELECT, UPDATE (word) ON words TO 'billing_report'@'%'");
  await server.query("GRANT EXECUTE ON PROCEDURE look TO 'billing_report'@'%'");
}

/** Adds a row, acknowledged when this returns. */
export async function addWord(server: PrivateMariadb, word: string): Promise<void> {
  await server.query('INSERT INTO billing.words (word, hash) VALUES (?, ?)', [word, Buffer.from([0, 255, 39, 92])]);
}
