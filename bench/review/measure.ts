import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SignedReview } from '../../src/audit/review/sign-review';
import { DIST, peakMemoryMib } from '../runner/child';

/** One run of `billing audit review --database`, as an operator runs it, measured from outside. */
export interface Measured {
  readonly seconds: number;
  /** The most memory that the process ever had, in MiB. */
  readonly peakMib: number;
  readonly exitCode: number;
  readonly signed: SignedReview;
}

const LOOK_MS = 200;

/** Where the review reads and writes, and what it believes signatures by. */
interface ReviewPlaces {
  readonly databaseUrl: string;
  /** With the account that may read what is sealed. */
  readonly originalsUrl: string;
  readonly directory: string;
  readonly anchorDir: string;
  readonly signingKey: string;
  readonly dataKeys: string;
}

export async function measureReview(places: ReviewPlaces): Promise<Measured> {
  const { databaseUrl, originalsUrl, directory, anchorDir, signingKey, dataKeys } = places;
  const script = join(DIST, 'src', 'cli', 'main.js');
  const words = ['audit', 'review', '--database', '--format', 'all', '--out', directory];
  const startMs = performance.now();
  const child = spawn(process.execPath, [script, ...words], {
    env: {
      ...{ AUDIT_SIGNING_KEY: signingKey, ANCHOR_DIR: anchorDir, DATABASE_URL: databaseUrl },
      ...{ DATA_KEYS: dataKeys, ORIGINALS_DATABASE_URL: originalsUrl },
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  let peakMib = 0;
  const look = setInterval(() => {
    // It may have ended since.
    if (child.pid !== undefined && child.exitCode === null) peakMib = Math.max(peakMib, peakOf(child.pid));
  }, LOOK_MS);
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once('error', reject).once('exit', (code) => resolve(code ?? -1));
  }).finally(() => clearInterval(look));
  const seconds = (performance.now() - startMs) / 1_000;
  if (exitCode !== 0 && exitCode !== 1) throw new Error(`the review ended with ${exitCode}`);
  const file = join(directory, 'REVIEW-BillingGuard.json');
  return { seconds, peakMib, exitCode, signed: JSON.parse(readFileSync(file, 'utf8')) as SignedReview };
}

function peakOf(pid: number): number {
  try {
    return peakMemoryMib(pid);
  } catch {
    return 0;
  }
}
