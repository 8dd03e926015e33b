import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeFailure } from '../../platform/jobs/job-failure';
import { listAnchorFiles } from '../anchor/anchor-files';
import type { AnchorFacts, BackupFacts, ReviewFacts } from './check';

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
interface FactSources extends Pick<ReviewFacts, 'publicKeys' | 'proofKeys' | 'accounts' | 'originals'> {
  readonly version: string;
  /** Where anchors are kept outside of the database; undefined where nobody said. */
  readonly anchorDir: string | undefined;
  /** Asks the backup target; undefined where none is known. */
  readonly readBackup: (() => Promise<BackupFacts>) | undefined;
}

/** Gathers what a review knows beside the database. A target that can not be believed is a fact, too. */
export async function readReviewFacts({
  version,
  publicKeys,
  proofKeys,
  accounts,
  originals,
  anchorDir,
  readBackup,
}: FactSources): Promise<ReviewFacts> {
  const build = { version, commit: await readCommit() };
  const known = { build, claimsProof: await readIfThere(PROOF_FILE), publicKeys, proofKeys, accounts, originals };
  const anchors = anchorDir === undefined ? undefined : await readAnchorFacts(anchorDir);
  try {
    return { ...known, anchors, backup: await readBackup?.() };
  } catch (error) {
    return { ...known, anchors, backup: undefined, backupFault: describeFailure(error) };
  }
}

/** Lists the anchors. A directory that can not be read has none: then nobody can prove the leaves of the newest anchor. */
export async function readAnchorFacts(dir: string): Promise<AnchorFacts> {
  return { dir, files: await listAnchorFiles(dir).catch(() => []) };
}
