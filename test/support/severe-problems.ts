import { reviewAt } from '../../src/audit/review/review-at';
import { AnchorStage } from './anchor-stage';
import type { TestDatabase } from './database';
import { urlFor } from './database-server';
import { readInfra } from './infra';
import { problemsIn } from './review-faults';
import type { TestClock } from './test-clock';

/**
 * What the financial review finds severely wrong in the data of a service that has worked for long: nothing, whatever went wrong
 * around it. An anchor of it is made first, as a worker makes one every hour. What people still have to do is not severe.
 */
export async function severeProblems(db: TestDatabase, clock: TestClock): Promise<readonly object[]> {
  const infra = readInfra();
  const { app, report, migrate } = infra.accounts;
  const anchors = await AnchorStage.open(db, infra, clock);
  try {
    await anchors.run('2026-01-31T14');
    const review = await reviewAt(urlFor(infra, 'report', db.name), {
      ...{ reviewId: 'review', reviewer: 'test', now: clock.now(), scope: 'data', onProgress: () => undefined },
      facts: {
        ...{ build: { version: '0.6.0', commit: '' }, claimsProof: undefined, proofKeys: [], backup: undefined },
        publicKeys: [anchors.signer.publicKeyPem],
        accounts: { app: app.user, report: report.user, migrate: migrate.user, backup: 'billing_backup' },
      },
    });
    return problemsIn({ ...review, checks: review.checks.filter(({ severity }) => severity === 'severe') });
  } finally {
    await anchors.close();
  }
}
