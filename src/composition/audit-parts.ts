import { makeAnchors, openAnchorWebhook, readReviewFacts, runReviews } from '../audit';
import { readBackupFacts } from '../backup';
import { createVerifier } from '../platform/crypto/signing';
import type { SlotJob } from '../platform/jobs/batch-job';
import type { QueuedJob } from '../platform/jobs/queued-job';
import { VERSION } from '../version';
import type { Closable, Foundation } from './foundation';

/** Makes the anchor of an hour and hands it out to where the settings say. */
export function anchorMaker(foundation: Foundation, closables: Closable[]): SlotJob['run'] {
  const { config, clock, log, db, signer, publicKeys } = foundation;
  const { ANCHOR_WEBHOOK_URL: url, ANCHOR_WEBHOOK_SECRETS: secrets = [] } = config;
  const webhook =
    url === undefined ? undefined : openAnchorWebhook({ url, secrets, timeoutMs: config.EVENT_SINK_TIMEOUT_MS, clock });
  if (webhook !== undefined) closables.push({ name: 'anchor webhook', close: () => webhook.close() });
  const { DATABASE_URL: databaseUrl, ANCHOR_DIR: dir } = config;
  return makeAnchors({ db, clock, log, signer, publicKeys, databaseUrl, dir, webhook });
}

/** Makes the reviews that were asked for, with the account that only reads, where one is set. */
export function reviewMaker(foundation: Foundation): QueuedJob {
  const { config, clock, log, db, signer } = foundation;
  const databaseUrl = config.REVIEW_DATABASE_URL ?? config.DATABASE_URL;
  return runReviews({ db, clock, log, databaseUrl, signer, readFacts: () => readFacts(foundation) });
}

/** What a review knows beside the database. */
function readFacts({ config, publicKeys: believed, cipher }: Foundation): ReturnType<typeof readReviewFacts> {
  const { CLAIMS_PROOF_PUBLIC_KEY: proofKey, REVIEW_ACCOUNTS: accounts, BACKUP_DIR: directory } = config;
  const { ANCHOR_DIR: anchorDir, DATABASE_URL: databaseUrl } = config;
  const originals = { databaseUrl, cipher };
  const [publicKeys, proofKeys] = [believed(), proofKey === undefined ? [] : [proofKey]];
  const verifiers = publicKeys.map(createVerifier);
  const readBackup = directory === undefined ? undefined : () => readBackupFacts({ target: { directory }, verifiers });
  return readReviewFacts({ version: VERSION, publicKeys, proofKeys, accounts, originals, anchorDir, readBackup });
}
