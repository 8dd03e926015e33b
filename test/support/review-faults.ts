import type { ReviewDocument } from '../../src/audit/review/review-document';
import { CHECKS } from '../../src/audit/review/all-checks';
import type { Evidence, ReviewFacts } from '../../src/audit/review/check';
import { readAnchorFacts } from '../../src/audit/review/review-facts';
import { reviewDatabase } from '../../src/audit/review/review';
import { canonicalJson } from '../../src/platform/canonical-json';
import { signDocument } from '../../src/platform/crypto/document-signature';
import { withSnapshot } from '../../src/platform/db/snapshot';
import { newSigner } from './anchors';
import { readInfra } from './infra';
import type { Insider, ReviewStage } from './review-stage';

/** Faults that an insider plants in the database of a service, and that the financial review must find and name. */
export interface Fault {
  /** What was done, as the name of its test. */
  readonly what: string;
  /** The check that names it. */
  readonly check: string;
  /** The tables that are tampered with: their triggers are taken away meanwhile, and they are put back afterwards. */
  readonly tables: readonly string[];
  /** How much of it must be counted; left out: something. */
  readonly count?: number;
  /** Plants it. Returns what the evidence must say. */
  plant(insider: Insider): Promise<Evidence>;
  /** Undoes what is no row of a table. */
  undo?(insider: Insider): Promise<void>;
}

/** Something that is wrong around the database, not in it. */
export interface FactFault {
  readonly what: string;
  readonly check: string;
  /** What the review knows otherwise. */
  readonly facts: Partial<ReviewFacts>;
  readonly evidence: Evidence;
}

const BUILD = { version: '0.6.0', commit: '0123456789abcdef0123456789abcdef01234567' };

/** CI's: signs the test of 100 claims, and nothing else is believed of it. */
export const PROOF_SIGNER = newSigner();

/** What a review knows of a service about which nothing is wrong. */
async function goodFacts({ db, now, anchors, cipher }: ReviewStage): Promise<ReviewFacts> {
  const { accounts } = readInfra();
  const counts = { node: 'v20', passed: 3, failed: 0, names: ['100 claims'] };
  const proof = { format: 1, test: '100-claims', ...BUILD, time: now.toISOString(), ...counts };
  const signed = { proof, signature: signDocument(Buffer.from(canonicalJson(proof), 'utf8'), PROOF_SIGNER) };
  return {
    build: BUILD,
    claimsProof: JSON.stringify(signed),
    publicKeys: [anchors.signer.publicKeyPem],
    proofKeys: [PROOF_SIGNER.publicKeyPem],
    anchors: await readAnchorFacts(anchors.dir),
    originals: { databaseUrl: db.url, cipher },
    backup: { lastFullTime: now, lastLogTime: now, lastDrill: { time: now, isClean: true } },
    accounts: {
      ...{ app: accounts.app.user, report: accounts.report.user, migrate: accounts.migrate.user },
      backup: 'billing_backup',
    },
  };
}

/** The whole review of the stage as it is now, by an account that may only read; it may know something otherwise. */
export async function reviewStage(stage: ReviewStage, changes: Partial<ReviewFacts> = {}): Promise<ReviewDocument> {
  const facts = { ...(await goodFacts(stage)), ...changes };
  const { db, now } = stage;
  const { accounts, host, port } = readInfra();
  const { user, password } = accounts.report;
  const url = `mysql://${user}:${encodeURIComponent(password)}@${host}:${port}/${db.name}`;
  return withSnapshot(url, {}, (snapshot) =>
    reviewDatabase(snapshot, {
      ...{
        reviewId: 'review',
        reviewer: 'test',
        now,
        scope: 'all',
        checks: CHECKS,
        facts,
      },
      onProgress: () => undefined,
    }),
  );
}

/** What a review found, in few words: of each problem its check, how much, and the first evidence or why it could not be made. */
export function problemsIn({ checks }: ReviewDocument): readonly object[] {
  return checks
    .filter(({ outcome }) => outcome === 'found' || outcome === 'broken')
    .map(({ id, findings, evidence: [first], error }) => ({ id, findings, first, error }));
}
