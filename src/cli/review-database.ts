import { readReviewFacts, reviewAt, signReview, type ReviewProgress, type SignedReview } from '../audit';
import { readBackupFacts } from '../backup';
import { systemClock } from '../platform/clock';
import { loadReviewConfig } from '../platform/config';
import { createFieldCipher } from '../platform/crypto/field-cipher';
import { createSigner } from '../platform/crypto/signing';
import { mintId } from '../platform/ids';
import { VERSION } from '../version';
import { findLocalBackup } from './connection';

/**
 * A review made by this process, of a database that no service need stand before: one that was restored, or that is in use, with an
 * account that only reads. Signed with the key of the environment, if it has one.
 */
export async function reviewDirectly(
  databaseUrl: string,
  wish: { readonly reviewer: string; readonly scope: 'all' | 'data' },
  onProgress: (progress: ReviewProgress) => void,
): Promise<SignedReview> {
  const config = loadReviewConfig(findLocalBackup());
  const signer = config.AUDIT_SIGNING_KEY === undefined ? undefined : createSigner(config.AUDIT_SIGNING_KEY);
  const now = systemClock.now();
  const { AUDIT_PUBLIC_KEY: earlier = [], DATA_KEYS: keys, ORIGINALS_DATABASE_URL: readingUrl = databaseUrl } = config;
  const publicKeys = [...(signer === undefined ? [] : [signer.publicKeyPem]), ...earlier];
  const originals = keys === undefined ? undefined : { databaseUrl: readingUrl, cipher: createFieldCipher(keys) };
  const known = { version: VERSION, publicKeys, originals, readBackup: readBackupFacts };
  const facts = await readReviewFacts(config, known);
  const review = await reviewAt(databaseUrl, { ...wish, reviewId: mintId(now), now, facts, onProgress });
  return signReview(review, signer);
}
