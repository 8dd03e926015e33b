import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import {
  BackupError,
  createFullBackup,
  newestStream,
  readStreamState,
  recordDrill,
  restore,
  shipLog,
  startScratchServer,
  type Drill,
  type Manifest,
} from '../backup';
import { monotonicMs } from '../platform/clock';
import {
  findBackup,
  openBackupParts,
  openWritingParts,
  signerOf,
  type BackupCommandParts,
  type BackupParts,
  type WritingParts,
} from './backup-parts';
import type { Output } from './output';

/** The restore drill: a backup that nobody has restored is a hope. Nothing of the service or of its database is touched. */

/** How long the stream may take to pass a backup that a drill has taken itself. */
const FRESH_WAIT_MS = 60_000;
const LOOK_MS = 100;
/** Of what a check says, so much is shown. */
const SAID_CHARACTERS_MAX = 2_000;

/**
 * What the restored database is asked, each by the command that an operator would use; its URL is in the environment, which only
 * we see. `directory` is for what a command writes.
 */
interface DrillCheck {
  readonly name: string;
  readonly words: (directory: string) => readonly string[];
}
const CHECKS: readonly DrillCheck[] = [
  { name: 'ledger verify', words: () => ['ledger', 'verify'] },
  { name: 'audit verify', words: () => ['audit', 'verify'] },
  { name: 'promotion check', words: () => ['promotion', 'check'] },
  {
    name: 'audit review',
    // A scratch server has none of the accounts, and no backups of its own.
    words: (directory) => ['audit', 'review', '--database', '--data-only', '--format', 'json', '--out', directory],
  },
];

interface DrillOptions {
  readonly backup?: string;
  readonly fresh?: true;
}

/** Adds `backup drill`. */
export function addDrill(backup: Command, { output }: BackupCommandParts): void {
  backup
    .command('drill')
    .description(
      'restore into a scratch server, check what came back, tell how long it took; all of it is removed again',
    )
    .option('--backup <id>', 'this full backup. Default: the one that brings back most')
    .option('--fresh', 'take a full backup first, and ship the log until that is passed')
    .action(async ({ backup: id, fresh }: DrillOptions) => {
      const parts = openBackupParts();
      const signer = signerOf(parts.config);
      const manifest = fresh === true ? await takeFresh() : await findBackup(parts, id);
      const { drill, failure } = await runDrill(parts, manifest);
      // Recorded before all: a restoration that failed is what a review must hear of, and not the last one that did not.
      await recordDrill(parts.target, signer, drill);
      showDrill(drill, output());
      if (failure !== undefined) throw failure;
      if (!drill.isClean) process.exitCode = 1;
    });
}

/** Takes a full backup beside a stream of our own; where another process ships already, ours waits and that one counts. */
async function takeFresh(): Promise<Manifest> {
  const parts = openWritingParts();
  const stopping = new AbortController();
  const { BACKUP_STREAM_INTERVAL_MS: intervalMs } = parts.config;
  const shipping = shipLog({ ...parts, intervalMs, isNew: false }, stopping.signal);
  try {
    return await Promise.race([backUpBesideStream(parts), shipping.then(stopped)]);
  } finally {
    stopping.abort();
    await shipping.catch(() => undefined);
  }
}

function stopped(): never {
  throw new BackupError('the stream ended before the backup was done');
}

async function backUpBesideStream(parts: WritingParts): Promise<Manifest> {
  await untilProven(parts, parts.clock.machineNow().toISOString());
  const manifest = await createFullBackup(parts);
  await untilProven(parts, manifest.endTime);
  if (manifest.stream === null) throw new BackupError('the stream did not continue the backup: look at what it said');
  return manifest;
}

/** Waits until the newest stream is proven beyond an instant, whoever ships it. */
async function untilProven(parts: WritingParts, instant: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < FRESH_WAIT_MS; waitedMs += LOOK_MS) {
    const stream = await newestStream(parts);
    const state = stream === undefined ? undefined : await readStreamState(parts, stream.id);
    if (state !== undefined && state.provenTime >= instant) return;
    await delay(LOOK_MS);
  }
  throw new BackupError(`nothing ships the log: the stream is not proven until ${instant}`);
}

/** How far a drill has come. */
interface DrillProgress {
  /** What is being done: where it fails, that failed. */
  step: string;
  provenTime: string | undefined;
  restoreMs: number | undefined;
  readonly checks: Drill['checks'];
}

/** What a drill found, and what ended it before it was through. */
interface DrillOutcome {
  readonly drill: Drill;
  readonly failure: unknown;
}

async function runDrill(parts: BackupParts, manifest: Manifest): Promise<DrillOutcome> {
  const startTime = parts.clock.machineNow();
  const startMs = monotonicMs();
  const progress: DrillProgress = { step: 'stream', provenTime: undefined, restoreMs: undefined, checks: [] };
  let failure: unknown;
  try {
    await tryRestoration(parts, manifest, progress);
  } catch (error) {
    failure = error;
    progress.checks.push({ name: progress.step, isClean: false, milliseconds: sinceMs(startMs) });
  }
  const { provenTime, restoreMs, checks } = progress;
  const drill: Drill = {
    kind: 'billing-guard restore drill 1',
    backup: manifest.id,
    startTime: startTime.toISOString(),
    rpoMs: provenTime === undefined ? null : Math.max(0, startTime.getTime() - Date.parse(provenTime)),
    restoreMs: restoreMs ?? sinceMs(startMs),
    rtoMs: sinceMs(startMs),
    checks,
    isClean: checks.every(({ isClean }) => isClean),
  };
  return { drill, failure };
}

/** Restores beside and checks what came back. Throws where it comes to nothing. */
async function tryRestoration(parts: BackupParts, manifest: Manifest, progress: DrillProgress): Promise<void> {
  const startMs = monotonicMs();
  const state = manifest.stream === null ? undefined : await readStreamState(parts, manifest.stream);
  if (manifest.stream !== null && state === undefined) {
    throw new BackupError(`the stream ${manifest.stream} does not say how far it is: nothing it brings back is proven`);
  }
  progress.provenTime = state?.provenTime ?? manifest.startTime;
  progress.step = 'scratch server';
  parts.tell('starting a scratch server');
  const server = await startScratchServer(parts.programs, parts.spoolDirectory);
  const stop = (): void => void server.stop().finally(() => process.exit(1));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
  try {
    progress.step = 'restore';
    const { database } = await restore({ ...parts, databaseUrl: server.urlOf('mysql') }, { manifest });
    progress.restoreMs = sinceMs(startMs);
    for (const check of CHECKS) {
      progress.step = check.name;
      progress.checks.push(await runCheck(parts, check, server.urlOf(database), server.directory));
    }
    progress.step = 'scratch server';
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.removeListener(signal, stop);
    await server.stop();
  }
}

const sinceMs = (startMs: number): number => Math.round(monotonicMs() - startMs);

/** Runs one check as a process of its own, so that none sees what another left behind. */
async function runCheck(
  { tell, programs }: BackupParts,
  { name, words }: DrillCheck,
  databaseUrl: string,
  directory: string,
): Promise<Drill['checks'][number]> {
  tell(`running ${name}`);
  const startMs = monotonicMs();
  const env = { PATH: programs.path, DATABASE_URL: databaseUrl };
  const command = [join(__dirname, 'main.js'), '--json', ...words(directory)];
  const said = await new Promise<string | undefined>((resolve) => {
    execFile(process.execPath, command, { env }, (error, stdout, stderr) => {
      resolve(error === null ? undefined : `${stdout}${stderr}`.trim().slice(0, SAID_CHARACTERS_MAX));
    });
  });
  if (said !== undefined) tell(`${name} is not clean: ${said}`);
  return { name, isClean: said === undefined, milliseconds: sinceMs(startMs) };
}

const inSeconds = (milliseconds: number): number => Math.round(milliseconds / 100) / 10;

function showDrill(drill: Drill, output: Output): void {
  output.recordWithRows(
    {
      verdict: drill.isClean ? 'ok' : 'FAULT',
      backup: drill.backup,
      rpo_seconds: drill.rpoMs === null ? undefined : inSeconds(drill.rpoMs),
      restore_seconds: inSeconds(drill.restoreMs),
      rto_seconds: inSeconds(drill.rtoMs),
    },
    'checks',
    ['check', 'verdict', 'seconds'],
    drill.checks.map(({ name, isClean, milliseconds }) => [name, isClean ? 'ok' : 'FAULT', inSeconds(milliseconds)]),
  );
}
