import { createTariffs } from '../catalog';
import { ENTITLEMENT_SOURCE } from '../membership';
import { createWechatpay, readMerchantKey, type Wechatpay } from '../payment';
import type { Clock } from '../platform/clock';
import type { Config } from '../platform/config';
import type { FieldCipher } from '../platform/crypto/field-cipher';
import type { KeyRing } from '../platform/crypto/key-ring';
import type { Signer } from '../platform/crypto/signing';
import { openDatabase, type Database, type TransactionObserver } from '../platform/db/database';
import type { Logger } from '../platform/log';
import type { Metrics } from '../platform/metrics';
import { openRedis } from '../platform/redis';
import type { ServiceTls } from '../platform/rpc/tls-files';
import { MS_PER_MINUTE } from '../platform/time';
import { CLAIM_CONNECTIONS, createClaimCommits, type ClaimCommits } from '../promotion';
import { createQuotaCommits, createUserLocks, QUOTA_CONNECTIONS, type QuotaCommits } from '../quota';
import { VERSION } from '../version';

/** What the parts of the service share. */
export interface Foundation {
  readonly config: Config;
  readonly log: Logger;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly db: Database;
  /** The one lane of quota commands, for callers and for what is due. */
  readonly commits: QuotaCommits;
  /** The one lane of claims. */
  readonly claims: ClaimCommits;
  readonly wechatpay: Wechatpay;
  readonly tls: ServiceTls;
  /** The data keys of now; `cipher` seals and opens with them. */
  readonly keyRing: KeyRing;
  readonly cipher: FieldCipher;
  /** What signs evidence now. One use takes it once: the next may be another. */
  readonly signer: () => Signer;
  /** Whose signatures are believed now, in PEM: the keys that signed before, and the one that signs. */
  readonly publicKeys: () => readonly string[];
}

/** Something to close, and what to say it was when that fails. */
export interface Closable {
  readonly name: string;
  readonly close: () => Promise<unknown>;
}

/** Counts transactions by what became of them. */
export function observe(metrics: Metrics): TransactionObserver {
  return {
    transactionEnded: (name, outcome) => metrics.transactions.inc({ name, outcome }),
    transactionRetried: (name, errno) => metrics.transactionRetries.inc({ name, errno: String(errno) }),
  };
}

/** The lanes with their stores. Closed before them: what they took is committed first. */
export function buildLanes(
  { config, log, clock, metrics, db: plain }: Pick<Foundation, 'config' | 'log' | 'clock' | 'metrics' | 'db'>,
  closables: Closable[],
): Pick<Foundation, 'commits' | 'claims'> {
  const redis = openRedis(config.REDIS_URL, config.REDIS_TIMEOUT_MS, log);
  closables.push({ name: 'redis', close: () => Promise.resolve(redis.disconnect()) });
  const size = QUOTA_CONNECTIONS + CLAIM_CONNECTIONS;
  const db = openDatabase(config, observe(metrics), { size, multipleStatements: true });
  closables.push({ name: 'lanes database', close: () => db.knex.destroy() });
  const commits = createQuotaCommits({
    db,
    clock,
    policy: {
      compensationGraceDays: config.COMPENSATION_GRACE_DAYS,
      settleAfterMs: config.SETTLE_AFTER_MINUTES * MS_PER_MINUTE,
      caseAfterMs: config.SETTLE_CASE_AFTER_MINUTES * MS_PER_MINUTE,
      lowUnits: config.QUOTA_LOW_UNITS,
    },
    terms: {
      tariffs: createTariffs({
        // Not of the lanes: they have as many connections as they take.
        db: plain,
        onFailure: (error) => log.warn({ err: error }, 'tariffs could not be renewed; what is known is used on'),
      }),
      entitlements: ENTITLEMENT_SOURCE,
    },
    userLocks: createUserLocks(redis, (result, users) => metrics.redisLocks.inc({ result }, users)),
    onBatch: (size, mode) => metrics.quotaBatchSize.observe({ mode }, size),
  });
  closables.push({ name: 'quota commits', close: () => commits.close() });
  const claims = createClaimCommits({
    db,
    clock,
    onBatch: (size, mode) => metrics.claimBatchSize.observe({ mode }, size),
  });
  closables.push({ name: 'claims', close: () => claims.close() });
  return { commits, claims };
}

/** The way to WeChat Pay, one for all roles of the process. */
export function openWechatpay(
  { config, clock, log }: Pick<Foundation, 'config' | 'clock' | 'log'>,
  closables: Closable[],
): Wechatpay {
  const { WECHATPAY_PUBLIC_KEY_ID: serial, WECHATPAY_PUBLIC_KEY: pem } = config;
  const wechatpay = createWechatpay({
    baseUrl: config.WECHATPAY_BASE_URL,
    backupBaseUrl: config.WECHATPAY_BACKUP_BASE_URL,
    appid: config.WECHATPAY_APPID,
    mchid: config.WECHATPAY_MCHID,
    merchantSerial: config.WECHATPAY_MERCHANT_SERIAL,
    merchantKey: readMerchantKey(config.WECHATPAY_MERCHANT_KEY),
    keyMode: config.WECHATPAY_KEY_MODE,
    publicKey: serial === undefined || pem === undefined ? undefined : { serial, pem },
    apiv3Key: config.WECHATPAY_APIV3_KEY,
    certificateRefreshMs: config.WECHATPAY_CERTIFICATE_REFRESH_MINUTES * MS_PER_MINUTE,
    connectTimeoutMs: config.WECHATPAY_CONNECT_TIMEOUT_MS,
    breakerFailuresMax: config.WECHATPAY_BREAKER_FAILURES_MAX,
    breakerOpenMs: config.WECHATPAY_BREAKER_OPEN_MS,
    version: VERSION,
    clock,
    log,
  });
  closables.push({ name: 'wechatpay', close: () => wechatpay.client.close() });
  return wechatpay;
}
