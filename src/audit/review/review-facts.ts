import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { loadReviewConfig } from '../../platform/config';
import { createVerifier, type Verifier } from '../../platform/crypto/signing';
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

/** The settings that tell a review what the database does not know: those of a worker and of the command line alike. */
type Settings = Pick<
  ReturnType<typeof loadReviewConfig>,
  | 'CLAIMS_PROOF_PUBLIC_KEY'
  | 'REVIEW_ACCOUNTS'
  | 'BACKUP_DIR'
  | 'ANCHOR_DIR'
  | 'PROMOTION_COST_LIMIT'
  | 'REFUND_SECOND_PERSON_FEN'
  | 'REFUNDS_ALONE_PER_DAY_FEN'
>;

/** What whoever makes a review gives it beside the settings: whose signatures it believes, and where it reads originals. */
interface FactSources extends Pick<ReviewFacts, 'publicKeys' | 'originals'> {
  readonly version: string;
  /** Asks a backup target. */
  readonly readBackup: (reader: {
    readonly target: { readonly directory: string };
    readonly verifiers: readonly Verifier[];
  }) => Promise<BackupFacts>;
}

/** Gathers what a review knows beside the database. A target that can not be believed is a fact, too. */
export async function readReviewFacts(
  config: Settings,
  { version, publicKeys, originals, readBackup }: FactSources,
): Promise<ReviewFacts> {
  const { CLAIMS_PROOF_PUBLIC_KEY: proofKey, BACKUP_DIR: directory, ANCHOR_DIR: anchorDir } = config;
  const known = {
    build: { version, commit: await readCommit() },
    claimsProof: await readIfThere(PROOF_FILE),
    publicKeys,
    proofKeys: proofKey === undefined ? [] : [proofKey],
    accounts: config.REVIEW_ACCOUNTS,
    limits: {
      promotionCost: config.PROMOTION_COST_LIMIT,
      refundsOfOrder: config.REFUND_SECOND_PERSON_FEN,
      refundsOfDay: config.REFUNDS_ALONE_PER_DAY_FEN,
    },
    originals,
    anchors: anchorDir === undefined ? undefined : await readAnchorFacts(anchorDir),
  };
  const verifiers = publicKeys.map(createVerifier);
  if (directory === undefined) return { ...known, backup: undefined };
  try {
    return { ...known, backup: await readBackup({ target: { directory }, verifiers }) };
  } catch (error) {
    return { ...known, backup: undefined, backupFault: describeFailure(error) };
  }
}

/** Lists the anchors. A directory that can not be read has none: then nobody can prove the leaves of the newest anchor. */
export async function readAnchorFacts(dir: string): Promise<AnchorFacts> {
  return { dir, files: await listAnchorFiles(dir).catch(() => []) };
}
