import { createLogger } from '../../src/platform/log';
import { loadConfig } from '../../src/platform/config';
import { createFieldCipher, type FieldCipher } from '../../src/platform/crypto/field-cipher';
import type { Database } from '../../src/platform/db/database';
import { withTx } from '../../src/platform/db/tx';
import { createMetrics } from '../../src/platform/metrics';
import { applyDueNotifications, createNotificationHandler, type ApplyNotification } from '../../src/payment';
import { settleNotification, type PaymentItem, type RefundItem } from '../../src/payment/wechatpay/inbox/inbox';
import { createKeyRing } from '../../src/payment/wechatpay/keys';
import { openTestDatabase, type TestDatabase } from './database';
import { serviceEnvironment, type Overrides } from './harness';
import { readInfra, type Infra } from './infra';
import { openServiceDatabase } from './service-database';
import { TestClock } from './test-clock';
import type { Notification } from './wechat-notifier';

/**
 * What receives notifications, stores and applies them, without a service around it: what they mean to an order or a refund
 * is the test's to say.
 */
export interface NotificationDesk {
  readonly infra: Infra;
  readonly clock: TestClock;
  readonly rows: TestDatabase;
  readonly db: Database;
  readonly cipher: FieldCipher;
  readonly logs: Record<string, unknown>[];
  /** What was to be applied so far. */
  readonly tried: (PaymentItem | RefundItem)[];
  readonly apply: ApplyNotification;
  /** What applying comes to from now on. */
  answerWith(verdict: Verdict): void;
  /** A delivery; returns the status that WeChat Pay gets. */
  deliver(sent: Notification): Promise<number>;
  /** One round of the applier; returns how many were due. */
  applyDue(): Promise<number>;
  close(): Promise<void>;
}

type Verdict = 'applied' | 'not_yet' | 'throws' | { readonly refused: string };

export async function openNotificationDesk(overrides: Overrides = {}): Promise<NotificationDesk> {
  const infra = readInfra();
  const rows = await openTestDatabase(infra);
  const db = openServiceDatabase(infra, rows);
  const env = { ...serviceEnvironment(infra, rows.url, 'http://127.0.0.1:1'), ...overrides };
  const config = loadConfig(env);
  const { WECHATPAY_PUBLIC_KEY_ID: serial = '', WECHATPAY_PUBLIC_KEY: pem = '' } = config;
  const clock = new TestClock();
  const logs: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void logs.push(JSON.parse(line) as Record<string, unknown>) };
  const log = createLogger({ level: 'debug', role: 'edge', destination });
  const cipher = createFieldCipher(config.DATA_KEYS);
  const tried: (PaymentItem | RefundItem)[] = [];
  let verdict: Verdict = 'applied';

  const apply: ApplyNotification = async (item, now) => {
    tried.push(item);
    if (verdict === 'throws') throw new Error('the database was busy');
    if (verdict === 'not_yet') return { kind: 'not_yet' };
    const refused = verdict === 'applied' ? undefined : verdict.refused;
    const status = refused === undefined ? 'applied' : 'refused';
    await withTx(db, { name: 'Settle' }, (tx) =>
      settleNotification(tx, item.id, { status, reason: refused ?? '' }, now),
    );
    return refused === undefined ? { kind: 'applied' } : { kind: 'refused', reason: refused };
  };
  const handler = createNotificationHandler({
    ...{ db, clock, log, cipher, apply },
    metrics: createMetrics(),
    keys: createKeyRing([{ serial, pem }]),
    apiv3Key: config.WECHATPAY_APIV3_KEY,
    ageMaxSeconds: config.NOTIFICATION_AGE_MAX_SECONDS,
    applyTimeoutMs: config.NOTIFICATION_APPLY_TIMEOUT_MS,
    merchant: { mchid: config.WECHATPAY_MCHID, appid: config.WECHATPAY_APPID },
  });
  return {
    ...{ infra, clock, rows, db, cipher, logs, tried, apply },
    answerWith: (next) => {
      verdict = next;
    },
    deliver: async ({ headers, body }) => (await handler({ headers, rawBody: body })).status,
    applyDue: () => applyDueNotifications({ db, log, apply }, clock.now()),
    close: async () => {
      await db.knex.destroy();
      await rows.close();
    },
  };
}
