import { InvalidArgumentError, type Command } from 'commander';
import {
  createFullBackup,
  listFulls,
  listStreams,
  orFault,
  prune,
  readStreamState,
  restore,
  shipLog,
  verifyTarget,
  type Manifest,
} from '../backup';
import { addMs, fromEpochMs, MS_PER_DAY } from '../platform/time';
import { addDrill } from './backup-drill';
import { findBackup, openBackupParts, openWritingParts, type BackupCommandParts } from './backup-parts';
import { parseInstantMs } from './dev-clock';

/** The commands that keep a copy of the database, and bring it back (docs/backup.md). */

/** Adds `backup create`, `list`, `verify`, `stream`, `restore`, `drill` and `prune`. */
export function addBackupCommands(program: Command, parts: BackupCommandParts): void {
  const backup = program
    .command('backup')
    .description('encrypted copies of the database, up to the second (BACKUP_DIR, BACKUP_KEY …; docs/backup.md)');
  addCreate(backup, parts);
  addStream(backup);
  addList(backup, parts);
  addVerify(backup, parts);
  addRestore(backup, parts);
  addDrill(backup, parts);
  addPrune(backup, parts);
}

function addCreate(backup: Command, { output }: BackupCommandParts): void {
  backup
    .command('create')
    .description('take a full backup, while the database is in use (BACKUP_DATABASE_URL, AUDIT_SIGNING_KEY)')
    .action(async () => {
      const parts = openWritingParts();
      const manifest = await createFullBackup(parts);
      if (manifest.stream === null) {
        parts.tell(
          'no running stream continues this backup: it can be restored to its own moment only. Start `billing backup stream`, then take another',
        );
      }
      output().record({
        backup: manifest.id,
        database: manifest.database,
        tables: manifest.tables,
        sql_bytes: manifest.dumpBytes,
        stored_bytes: storedBytes(manifest),
        log: `${manifest.log.file} ${manifest.log.position}`,
        stream: manifest.stream ?? undefined,
        seconds: (Date.parse(manifest.endTime) - Date.parse(manifest.startTime)) / 1_000,
      });
    });
}

function storedBytes({ files }: Manifest): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

function addStream(backup: Command): void {
  backup
    .command('stream')
    .description('ship the binary log as it is written, until stopped (BACKUP_DATABASE_URL, AUDIT_SIGNING_KEY)')
    .option('--new', 'begin a new stream: after a restoration, or when the old one can not go on')
    .action(async ({ new: isNew = false }: { readonly new?: boolean }) => {
      const parts = openWritingParts();
      const { BACKUP_STREAM_INTERVAL_MS: intervalMs, BACKUP_METRICS_PATH: metricsFile } = parts.config;
      const stopping = new AbortController();
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
      await shipLog({ ...parts, intervalMs, metricsFile, isNew }, stopping.signal);
    });
}

function addList(backup: Command, { output }: BackupCommandParts): void {
  backup
    .command('list')
    .description('what is in the target: full backups, and how far their streams are')
    .action(async () => {
      const parts = openBackupParts();
      const fulls = await listFulls(parts);
      const streams = await listStreams(parts);
      const states = await Promise.all(streams.map(({ id }) => orFault(() => readStreamState(parts, id))));
      const nowMs = parts.clock.machineNow().getTime();
      output().recordWithTables({ directory: parts.target.directory }, [
        {
          name: 'fulls',
          headings: ['backup', 'time', 'database', 'stored bytes', 'stream', 'fault'],
          rows: fulls.map(({ id, manifest, fault }) =>
            manifest === undefined
              ? [id, undefined, undefined, undefined, undefined, fault]
              : [id, manifest.startTime, manifest.database, storedBytes(manifest), manifest.stream ?? '', undefined],
          ),
        },
        {
          name: 'streams',
          headings: ['stream', 'since', 'to', 'proven until', 'lag seconds', 'full backups', 'fault'],
          rows: streams.map((stream, index) => {
            const { document: state, fault } = states[index] ?? {};
            const since = stream.start?.startTime;
            const faults = stream.fault ?? fault;
            // Of a stream that continues none nothing can be restored, however small its lag.
            const continued = fulls.filter(({ manifest }) => manifest?.stream === stream.id).length;
            if (state === undefined) return [stream.id, since, undefined, undefined, undefined, continued, faults];
            const lagMs = nowMs - Date.parse(state.provenTime);
            const end = `${state.file} ${state.position}`;
            return [stream.id, since, end, state.provenTime, lagMs / 1_000, continued, faults];
          }),
        },
      ]);
    });
}

function addVerify(backup: Command, { output }: BackupCommandParts): void {
  backup
    .command('verify')
    .description(
      'read the target to the last byte: signatures, hashes, encryption, completeness; exit code 1 for a fault',
    )
    .option('--backup <id>', 'only this full backup, and the stream that continues it')
    .action(async ({ backup: id }: { readonly backup?: string }) => {
      const verdicts = await verifyTarget(openBackupParts(), id);
      output().rows(
        ['what', 'verdict', 'holds', 'fault'],
        verdicts.map(({ what, holds, fault }) => [what, fault === undefined ? 'ok' : 'FAULT', holds, fault]),
      );
      if (verdicts.some(({ fault }) => fault !== undefined)) process.exitCode = 1;
    });
}

interface RestoreOptions {
  readonly backup?: string;
  readonly toTime?: number;
  readonly toLatest?: true;
  readonly toBackup?: true;
}

function addRestore(backup: Command, { output }: BackupCommandParts): void {
  backup
    .command('restore')
    .description('restore into an empty server (RESTORE_DATABASE_URL, an account that may do everything)')
    .option('--backup <id>', 'this full backup. Default: the one that brings back most')
    .option('--to-latest', 'everything that was shipped; refused where some of it is missing')
    .option(
      '--to-time <instant>',
      'what was committed before, to the second; 2026-03-01T00:00:00+08:00',
      parseInstantMs,
    )
    .option('--to-backup', "the full backup alone: the stream's log is left out")
    .action(async ({ backup: id, toTime, toLatest, toBackup }: RestoreOptions) => {
      if ([toTime, toLatest, toBackup].filter((goal) => goal !== undefined).length !== 1) {
        throw new InvalidArgumentError('say how far: --to-latest, --to-time or --to-backup, one of them');
      }
      const parts = openBackupParts();
      const databaseUrl = parts.config.RESTORE_DATABASE_URL;
      if (databaseUrl === undefined) throw new Error('RESTORE_DATABASE_URL is not set: where to restore into');
      const until = toTime === undefined ? undefined : fromEpochMs(toTime);
      if (toLatest !== true) {
        parts.tell(
          'who was erased after the moment that is restored comes back: erase them again (docs/backup.md, step 7)',
        );
      }
      const startMs = parts.clock.machineNow().getTime();
      const restored = await restore(
        { ...parts, databaseUrl },
        { manifest: await findBackup(parts, id, until), until, isAlone: toBackup === true },
      );
      output().record({
        database: restored.database,
        backup: restored.backup,
        log: restored.end === undefined ? undefined : `${restored.end.file} ${restored.end.position}`,
        last_transaction: restored.lastTime,
        proven_until: restored.provenTime,
        accounts_made_locked: restored.accountsMade.join(' '),
        seconds: (parts.clock.machineNow().getTime() - startMs) / 1_000,
      });
    });
}

function parseDays(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('Write a number of days from 1 to 9999.');
  return Number(text);
}

function addPrune(backup: Command, { output }: BackupCommandParts): void {
  backup
    .command('prune')
    .description('remove backups that are too old, and the log that only they need; never the last good one')
    .requiredOption('--keep-days <days>', 'keep what is younger', parseDays)
    .option('--dry-run', 'only say what would be removed')
    .action(async ({ keepDays, dryRun = false }: { readonly keepDays: number; readonly dryRun?: boolean }) => {
      const parts = openBackupParts();
      const limit = addMs(parts.clock.machineNow(), -keepDays * MS_PER_DAY);
      const { fulls, logs } = await prune(parts, limit, dryRun);
      const verb = dryRun ? 'would be removed' : 'removed';
      output().rows(
        ['what', 'kind', 'outcome'],
        [...fulls.map((id) => [id, 'full backup', verb]), ...logs.map((place) => [place, 'log', verb])],
      );
    });
}
