import { makeAnchors, openAnchorWebhook, readReviewFacts, runReviews } from '../audit';
import { readBackupFacts } from '../backup';
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
  const { config, clock, log, db, signer, publicKeys, cipher } = foundation;
  const databaseUrl = config.REVIEW_DATABASE_URL ?? config.DATABASE_URL;
  const known = {
    ...{ version: VERSION, readBackup: readBackupFacts },
    originals: { databaseUrl: config.DATABASE_URL, cipher },
  };
  const readFacts = () => readReviewFacts(config, { ...known, publicKeys: publicKeys() });
  return runReviews({ db, clock, log, databaseUrl, signer, readFacts });
}
