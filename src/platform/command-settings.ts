import { z } from 'zod';
import { dataKeys } from './data-keys-setting';
import { reviewAccounts } from './review-accounts-setting';
import { pem, publicKeys, secretKey, text, wholeNumber } from './setting-values';

/** The settings of the commands that need no service; config.ts reads them. */

export const migrateSettings = z.object({
  /** The account that owns the schema. */
  MIGRATE_DATABASE_URL: z.url({ protocol: /^mysql$/ }),
  /** The accounts that get their reviewed privileges after a migration. */
  APP_DATABASE_USER: text,
  REPORT_DATABASE_USER: text,
});

export const backupSettings = z.object({
  /** The backup target: a directory that does not end with the database's host. */
  BACKUP_DIR: text,
  /** Base64 of 32 bytes, or several, comma-separated: the first seals, all open. Kept where neither the target nor the database is. */
  BACKUP_KEY: text.transform((list) => list.split(',')).pipe(z.array(secretKey).min(1)),
  /** The account that takes backups; without it nothing can be backed up. */
  BACKUP_DATABASE_URL: z.url({ protocol: /^mysql$/ }).optional(),
  /** An account of the server that is restored into, which may do everything. */
  RESTORE_DATABASE_URL: z.url({ protocol: /^mysql$/ }).optional(),
  /** Signs manifests and the state of the stream; who only reads a target needs AUDIT_PUBLIC_KEY. */
  AUDIT_SIGNING_KEY: pem(/BEGIN PRIVATE KEY/).optional(),
  /** Between two looks at the end of the binary log. */
  BACKUP_STREAM_INTERVAL_MS: wholeNumber.pipe(z.number().min(20).max(10_000)).default(250),
  /** Where log files lie in clear for a while. */
  BACKUP_SPOOL_DIR: text.optional(),
  /** A file for the metrics of the stream, in Prometheus' text format. */
  BACKUP_METRICS_PATH: text.optional(),
});

export const reviewSettings = z.object({
  /** Signs the review; without it the review is not signed. */
  AUDIT_SIGNING_KEY: pem(/BEGIN PRIVATE KEY/).optional(),
  /** What was signed by the keys before is believed by these. */
  AUDIT_PUBLIC_KEY: publicKeys,
  /** Opens what WeChat Pay told; without it that stays closed, and the report says so. */
  DATA_KEYS: dataKeys.optional(),
  /** An account that may read what is sealed; without it the one that reviews. */
  ORIGINALS_DATABASE_URL: z.url({ protocol: /^mysql$/ }).optional(),
  REVIEW_ACCOUNTS: reviewAccounts,
  CLAIMS_PROOF_PUBLIC_KEY: pem(/BEGIN PUBLIC KEY/).optional(),
  BACKUP_DIR: text.optional(),
  ANCHOR_DIR: text.optional(),
});
