import { z } from 'zod';
import { backupSettings, migrateSettings, reviewSettings } from './command-settings';
import { dataKeys } from './data-keys-setting';
import { eventSinks, webhookSecret } from './event-sinks-setting';
import { parseSettings } from './read-settings';
import { reviewAccounts } from './review-accounts-setting';
import { furtherProblems } from './setting-conflicts';
import { address, count, milliseconds, pem, port, publicKeys, secretKey, text, wholeNumber } from './setting-values';

/**
 * All configuration, read once at boot from the environment and frozen. The only reader of process.env.
 * Every setting NAME may instead be given as NAME_FILE, the path of a file that holds the value (for mounted secrets).
 * No default exists for a secret, an address or an amount of money. docs/timeouts.md lists every bound; a test compares.
 */

const ROLES_OF_PROCESS = ['all', 'rpc', 'edge', 'worker'] as const;

const settings = z.object({
  BILLING_ENV: z.enum(['production', 'development']).default('production'),
  BILLING_ROLE: z.enum(ROLES_OF_PROCESS).default('all'),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace']).default('info'),

  GRPC_HOST: text.default('0.0.0.0'),
  GRPC_PORT: port,
  EDGE_HOST: text.default('0.0.0.0'),
  EDGE_PORT: port,
  INTERNAL_HOST: text.default('127.0.0.1'),
  INTERNAL_PORT: port,
  TLS_CA: pem(/BEGIN CERTIFICATE/),
  TLS_CERT: pem(/BEGIN CERTIFICATE/),
  TLS_KEY: pem(/BEGIN [A-Z ]*PRIVATE KEY/),
  /** Where they were read from, to be read again when they change. */
  TLS_CA_FILE: text.optional(),
  TLS_CERT_FILE: text.optional(),
  TLS_KEY_FILE: text.optional(),

  DATABASE_URL: z.url({ protocol: /^mysql$/ }),
  DATABASE_POOL_SIZE: count(16, 200),
  REDIS_URL: z.url({ protocol: /^rediss?$/ }),
  /** Begins the keys of the jobs, and of the limits on calls, in Redis: services with databases of their own must differ in it if they share a Redis. */
  JOBS_PREFIX: z
    .string()
    .regex(/^[\w-]{1,64}$/, 'must be letters, digits, _ and -')
    .default('billing'),
  DATA_KEYS: dataKeys,
  /** Where DATA_KEYS was read from, to be read again when it changes. */
  DATA_KEYS_FILE: text.optional(),
  /** Never changed: what was indexed under another key is not found any more. */
  IDENTITY_INDEX_KEY: secretKey,
  /** Ed25519 in PKCS #8: signs anchors, reviews and exported evidence. Kept off the database's host. */
  AUDIT_SIGNING_KEY: pem(/BEGIN PRIVATE KEY/),
  AUDIT_SIGNING_KEY_FILE: text.optional(),
  /** What was signed by the keys before is believed by these; that of AUDIT_SIGNING_KEY is known. */
  AUDIT_PUBLIC_KEY: publicKeys,
  AUDIT_PUBLIC_KEY_FILE: text.optional(),
  /** The account that financial reviews read with: the reporting one, which may write nothing. Without it, the serving one's. */
  REVIEW_DATABASE_URL: z.url({ protocol: /^mysql$/ }).optional(),
  /** What the accounts of the database are called, which a review compares with what they may do. */
  REVIEW_ACCOUNTS: reviewAccounts,
  /** Of whoever runs `npm run claims:proof`, if that is not signed with AUDIT_SIGNING_KEY. */
  CLAIMS_PROOF_PUBLIC_KEY: pem(/BEGIN PUBLIC KEY/).optional(),
  /** The backup target: a review says how old the last backup is. Only read. */
  BACKUP_DIR: text.optional(),
  /** How often files of keys are looked at for a change. */
  SECRET_FILES_POLL_MS: milliseconds(5_000),

  /** Where the files of anchors go: a place where whoever runs the database can not rewrite them. Production needs one. */
  ANCHOR_DIR: text.optional(),
  /** Where anchors are posted, too, signed with every secret: `whsec_…`, comma-separated. */
  ANCHOR_WEBHOOK_URL: z.url({ protocol: /^https?$/ }).optional(),
  ANCHOR_WEBHOOK_SECRETS: text
    .transform((list) => list.split(','))
    .pipe(z.array(webhookSecret).max(4))
    .optional(),

  WECHATPAY_BASE_URL: z.url({ protocol: /^https?$/ }),
  /** WeChat Pay's disaster-recovery twin; without it there is nowhere to turn to. */
  WECHATPAY_BACKUP_BASE_URL: z.url({ protocol: /^https?$/ }).optional(),
  WECHATPAY_MCHID: z.string().regex(/^\d{8,10}$/, 'must be 8 to 10 digits'),
  WECHATPAY_APPID: z.string().regex(/^wx[0-9a-f]{16}$/, 'must be wx and 16 hex digits'),
  WECHATPAY_APIV3_KEY: z.string().regex(/^[0-9A-Za-z]{32}$/, 'must be 32 letters and digits'),
  WECHATPAY_MERCHANT_SERIAL: z.string().regex(/^[0-9A-F]{40}$/, 'must be 40 upper-case hex digits'),
  WECHATPAY_MERCHANT_KEY: pem(/BEGIN [A-Z ]*PRIVATE KEY/),
  /** The merchant's certificate, for nothing but to be watched for its end. */
  WECHATPAY_MERCHANT_CERT: pem(/BEGIN CERTIFICATE/).optional(),
  WECHATPAY_KEY_MODE: z.enum(['public-key', 'certificate', 'switching']).default('public-key'),
  /** Both are needed but in certificate mode. */
  WECHATPAY_PUBLIC_KEY_ID: z
    .string()
    .regex(/^PUB_KEY_ID_\d+$/, 'must be PUB_KEY_ID_ and digits')
    .optional(),
  WECHATPAY_PUBLIC_KEY: pem(/BEGIN PUBLIC KEY/).optional(),
  WECHATPAY_NOTIFY_URL: z.url({ protocol: /^https?$/ }).max(255, 'must have at most 255 characters'),

  /** Where the AI task service serves TaskStatusService; without it nobody is asked. */
  TASK_STATUS_ADDRESS: address.optional(),

  REGISTRATION_GRANT_UNITS: count(10, 1_000_000),
  REGISTRATION_GRANT_DAYS: count(30, 3_650),
  REGISTRATION_GRANTS_PER_DAY_MAX: count(100_000, 100_000_000),
  COMPENSATION_GRACE_DAYS: count(7, 365),
  ORDER_EXPIRE_MINUTES: count(30, 1_440),
  /** For memberships bought from now on; 0: none. */
  MEMBERSHIP_GRACE_DAYS: wholeNumber.pipe(z.number().max(365)).default(0),
  /** How many days before a membership ends its user is reminded, each once. */
  MEMBERSHIP_REMINDER_DAYS: z
    .string()
    .regex(/^\d{1,3}(,\d{1,3}){0,9}$/, 'must be up to ten numbers of days, joined by commas')
    .default('7,3,1')
    .transform((list) => [...new Set(list.split(',').map(Number))])
    .pipe(z.array(z.number().min(1).max(365))),
  OPEN_ORDERS_MAX: count(20, 1_000),
  CLAIMS_PER_MINUTE_PER_USER: count(200, 1_000_000),
  CLAIMS_PER_MINUTE_PER_CALLER: count(600_000, 100_000_000),
  /** Fen: what a promotion can cost beyond this, two people decide. */
  PROMOTION_COST_LIMIT: count(10_000_000, 999_999_999),
  /** Fen: what of an order goes back beyond this, two people decide; 0: any refund that finance asks for. */
  REFUND_SECOND_PERSON_FEN: wholeNumber.default(10_000),
  /** Fen: what one person gives back alone on a business day beyond this, two people decide, too. */
  REFUNDS_ALONE_PER_DAY_FEN: wholeNumber.default(200_000),
  /** Calls in a second of one service, and of one person, over all replicas. */
  RPCS_PER_SECOND_PER_CALLER: count(100_000, 10_000_000),
  RPCS_PER_SECOND_PER_PERSON: count(2_000, 10_000_000),
  /** Below how many units a balance is low, which is told when it falls there; 0: never. */
  QUOTA_LOW_UNITS: wholeNumber.pipe(z.number().max(1_000_000_000)).default(10),
  SETTLE_AFTER_MINUTES: count(120, 43_200),
  SETTLE_CASE_AFTER_MINUTES: count(1_440, 43_200),

  LOCK_WAIT_TIMEOUT_MS: milliseconds(2_000),
  STATEMENT_TIMEOUT_MS: milliseconds(3_000),
  TRANSACTION_TIMEOUT_MS: milliseconds(5_000),
  TRANSACTION_ATTEMPTS: count(5, 20),
  DATABASE_CONNECT_TIMEOUT_MS: milliseconds(5_000),
  DATABASE_ACQUIRE_TIMEOUT_MS: milliseconds(10_000),
  RPC_DEADLINE_DEFAULT_MS: milliseconds(5_000),
  RPC_DEADLINE_MAX_MS: milliseconds(30_000),
  RPC_INFLIGHT_MAX: count(2_000, 100_000),
  RPC_MESSAGE_BYTES_MAX: count(2_097_152, 16_777_216),
  REDIS_TIMEOUT_MS: milliseconds(50),
  WECHATPAY_CONNECT_TIMEOUT_MS: milliseconds(5_000),
  WECHATPAY_TOTAL_TIMEOUT_MS: milliseconds(15_000),
  WECHATPAY_BREAKER_FAILURES_MAX: count(10, 1_000),
  WECHATPAY_BREAKER_OPEN_MS: milliseconds(10_000),
  /** WeChat Pay wants it below 12 hours. */
  WECHATPAY_CERTIFICATE_REFRESH_MINUTES: count(360, 719),
  NOTIFICATION_AGE_MAX_SECONDS: count(300, 300),
  NOTIFICATION_BODY_BYTES_MAX: count(65_536, 1_048_576),
  NOTIFICATION_APPLY_TIMEOUT_MS: milliseconds(3_000),
  TASK_STATUS_TIMEOUT_MS: milliseconds(3_000),
  /** The stream of events in Redis: a public name, another only where services share a Redis. */
  EVENTS_STREAM_KEY: z
    .string()
    .regex(/^[\w.-]{1,128}$/, 'must be letters, digits, _, . and -')
    .default('billing.events'),
  EVENTS_INTERVAL_MS: milliseconds(50),
  EVENTS_REDIS_TIMEOUT_MS: milliseconds(2_000),
  EVENT_SINK_TIMEOUT_MS: milliseconds(10_000),
  EVENT_SINKS: eventSinks,
  JOBS_AT_ONCE_MAX: count(8, 100),
  /** How often a failing subject of a job is tried before it is a dead letter. */
  JOB_ATTEMPTS: count(6, 20),
  /** The pause after its first failure; each is twice the one before, and up to half of it is left to chance. */
  JOB_RETRY_FIRST_MS: milliseconds(1_000),
  /** A job whose process has not said for so long that it is alive is given to another. */
  JOB_LOCK_MS: wholeNumber.pipe(z.number().min(1_000).max(600_000)).default(10_000),
  WORKER_POLL_INTERVAL_MS: milliseconds(1_000),
  CLOCK_SKEW_MAX_MS: milliseconds(1_000),
  DRAIN_NOTICE_MS: milliseconds(1_000),
  DRAIN_TIMEOUT_MS: milliseconds(9_000),

  /** Local stack only: the file whose offset moves the clock. */
  DEV_CLOCK_FILE: text.optional(),
});

export type Config = Readonly<z.infer<typeof settings>>;

/** Every setting's name, for the tests of docs/timeouts.md. */
export const SETTING_NAMES: readonly string[] = Object.keys(settings.shape);

/** Reads the service's configuration. Throws ConfigError naming every problem. */
export function loadConfig(env: NodeJS.ProcessEnv = process.env): Config {
  return parseSettings(settings, SETTING_NAMES, env, furtherProblems);
}

export type MigrateConfig = Readonly<z.infer<typeof migrateSettings>>;

/** Reads the configuration of `billing migrate`, which needs nothing else. */
export function loadMigrateConfig(env: NodeJS.ProcessEnv = process.env): MigrateConfig {
  return parseSettings(migrateSettings, Object.keys(migrateSettings.shape), env);
}

export type BackupConfig = Readonly<z.infer<typeof backupSettings>>;

/**
 * Reads the configuration of `billing backup`, which needs nothing else. `local` is the local stack's, used where the
 * environment names neither target nor key: the two of different places must never be mixed.
 */
export function loadBackupConfig(
  local: Readonly<Record<string, string>> = {},
  env: NodeJS.ProcessEnv = process.env,
): BackupConfig {
  const isUnset = (name: string): boolean => env[name] === undefined && env[`${name}_FILE`] === undefined;
  const isLocal = ['BACKUP_DIR', 'BACKUP_KEY', 'BACKUP_DATABASE_URL'].every(isUnset);
  const added = Object.entries(isLocal ? local : {}).filter(([name]) => isUnset(name.replace(/_FILE$/, '')));
  return parseSettings(backupSettings, Object.keys(backupSettings.shape), { ...env, ...Object.fromEntries(added) });
}

export type ReviewConfig = Readonly<z.infer<typeof reviewSettings>>;

/**
 * Reads the configuration of `billing audit review --database`, which needs nothing else. `local` is the local stack's, used where the
 * environment names no signing key.
 */
export function loadReviewConfig(
  local: Readonly<Record<string, string>> = {},
  env: NodeJS.ProcessEnv = process.env,
): ReviewConfig {
  const isLocal = env['AUDIT_SIGNING_KEY'] === undefined && env['AUDIT_SIGNING_KEY_FILE'] === undefined;
  const names = Object.keys(reviewSettings.shape);
  return parseSettings(reviewSettings, names, isLocal ? { ...local, ...env } : env);
}

/** What the command line may take from the environment instead of flags. */
export interface CliEnvironment {
  readonly BILLING_ADDRESS: string | undefined;
  readonly BILLING_CA: string | undefined;
  readonly BILLING_CERT: string | undefined;
  readonly BILLING_KEY: string | undefined;
  readonly DEV_CLOCK_FILE: string | undefined;
  readonly DATABASE_URL: string | undefined;
  readonly AUDIT_PUBLIC_KEY: string | undefined;
  readonly AUDIT_PUBLIC_KEY_FILE: string | undefined;
  readonly PATH: string | undefined;
}

/** Reads the command line's environment. */
export function readCliEnvironment(env: NodeJS.ProcessEnv = process.env): CliEnvironment {
  const { BILLING_ADDRESS, BILLING_CA, BILLING_CERT, BILLING_KEY, DEV_CLOCK_FILE, DATABASE_URL } = env;
  const { AUDIT_PUBLIC_KEY, AUDIT_PUBLIC_KEY_FILE, PATH } = env;
  const service = { BILLING_ADDRESS, BILLING_CA, BILLING_CERT, BILLING_KEY };
  return { ...service, DEV_CLOCK_FILE, DATABASE_URL, AUDIT_PUBLIC_KEY, AUDIT_PUBLIC_KEY_FILE, PATH };
}
