import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import {
  chooseBackup,
  createBackupKeys,
  readManifest,
  readReaches,
  type BackupKeys,
  type Manifest,
  type ProgramSettings,
  type SealedReader,
} from '../backup';
import { systemClock, type Clock } from '../platform/clock';
import { loadBackupConfig, readCliEnvironment, type BackupConfig } from '../platform/config';
import { createSigner, createVerifier, type Signer, type Verifier } from '../platform/crypto/signing';
import { VERSION } from '../version';
import { findLocalBackup } from './connection';
import { migrationLockOf } from './migrate';
import type { Output } from './output';
import { readVerifiers } from './public-keys';

/** What the commands about backups are made of, from the environment or the local stack. */

export interface BackupCommandParts {
  readonly output: () => Output;
}

export interface BackupParts extends SealedReader {
  readonly config: BackupConfig;
  readonly keys: BackupKeys;
  readonly programs: ProgramSettings;
  readonly spoolDirectory: string;
  readonly clock: Clock;
  readonly tell: (line: string) => void;
}

/** Progress goes to standard error: what a command answers with stands alone on standard output. */
function tell(line: string): void {
  process.stderr.write(`${systemClock.machineNow().toISOString()} ${line}\n`);
}

/** What it takes to read a target. */
export function openBackupParts(): BackupParts {
  const config = loadBackupConfig(findLocalBackup());
  return {
    config,
    target: { directory: resolve(config.BACKUP_DIR) },
    verifiers: verifiersOf(config),
    keys: createBackupKeys(config.BACKUP_KEY),
    programs: programSettings(),
    spoolDirectory: resolve(config.BACKUP_SPOOL_DIR ?? tmpdir()),
    clock: systemClock,
    tell,
  };
}

/** Where programs are looked for. */
function programSettings(): ProgramSettings {
  return { path: readCliEnvironment().PATH ?? '' };
}

/** The key that signs is believed, too: who makes backups has not been given its public half apart. */
function verifiersOf({ AUDIT_SIGNING_KEY: key }: BackupConfig): readonly Verifier[] {
  const { AUDIT_PUBLIC_KEY: text, AUDIT_PUBLIC_KEY_FILE: path } = readCliEnvironment();
  if (key === undefined) return readVerifiers(undefined);
  const others = text === undefined && path === undefined ? [] : readVerifiers(undefined);
  return [createVerifier(createSigner(key).publicKeyPem), ...others];
}

/** What it takes to write to a target. */
export interface WritingParts extends BackupParts {
  readonly databaseUrl: string;
  readonly signer: Signer;
  readonly madeBy: string;
  readonly migrationLock: string;
}

/** The same for commands that make backups. */
export function openWritingParts(): WritingParts {
  const parts = openBackupParts();
  const databaseUrl = parts.config.BACKUP_DATABASE_URL;
  if (databaseUrl === undefined) throw new Error('BACKUP_DATABASE_URL is not set: the account that takes backups');
  return {
    ...parts,
    databaseUrl,
    signer: signerOf(parts.config),
    madeBy: VERSION,
    migrationLock: migrationLockOf(databaseUrl),
  };
}

/** The key that signs what is written to a target. */
export function signerOf({ AUDIT_SIGNING_KEY: key }: BackupConfig): Signer {
  if (key === undefined) throw new Error('AUDIT_SIGNING_KEY is not set: it signs what is written to the target');
  return createSigner(key);
}

/** The backup that was named, else the one that brings back most. */
export async function findBackup(parts: BackupParts, id: string | undefined, until?: Date): Promise<Manifest> {
  return id === undefined ? chooseBackup(await readReaches(parts), until) : readManifest(parts, id);
}
