import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeFailure } from '../../platform/jobs/job-failure';
import type { BackupFacts, ReviewFacts } from './check';

/** What the build leaves beside its code: the commit that it is of, and the result of the test of 100 concurrent claims. */
const BUILD_DIRECTORY = join(__dirname, '..', '..', '..');
const BUILD_FILE = join(BUILD_DIRECTORY, 'build.json');
const PROOF_FILE = join(BUILD_DIRECTORY, 'claims-proof.json');

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The commit that the build says it is of; empty where it does not say. */
async function readCommit(): Promise<string> {
  const text = await readIfThere(BUILD_FILE);
  if (text === undefined) return '';
  const { commit } = JSON.parse(text) as { readonly commit?: unknown };
  return typeof commit === 'string' ? commit : '';
}

/** Where a review gets what the database does not know. */
interface FactSources extends Pick<ReviewFacts, 'publicKeys' | 'accounts' | 'anchorDir'> {
  readonly version: string;
  /** Asks the backup target; undefined where none is known. */
  readonly readBackup: (() => Promise<BackupFacts>) | undefined;
}

/** Gathers what a review knows beside the database. A target that can not be believed is a fact, too. */
export async function readReviewFacts({
  version,
  publicKeys,
  accounts,
  anchorDir,
  readBackup,
}: FactSources): Promise<ReviewFacts> {
  const build = { version, commit: await readCommit() };
  const known = { build, claimsProof: await readIfThere(PROOF_FILE), publicKeys, accounts, anchorDir };
  try {
    return { ...known, backup: await readBackup?.() };
  } catch (error) {
    return { ...known, backup: undefined, backupFault: describeFailure(error) };
  }
}
