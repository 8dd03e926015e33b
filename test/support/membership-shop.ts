import { grantDuePeriods, MembershipPeriodRow, remindMemberships } from '../../src/membership';
import { createIdentityIndex, indexIdentities } from '../../src/membership/registration-identities';
import { registerUser } from '../../src/membership/register-user';
import { applyTransaction, createPayerIndex } from '../../src/order';
import { createOrder } from '../../src/order/create-order';
import { RefundRow, type ToldRefund } from '../../src/payment';
import { loadConfig } from '../../src/platform/config';
import { createFieldCipher } from '../../src/platform/crypto/field-cipher';
import type { Database } from '../../src/platform/db/database';
import { readOnly } from '../../src/platform/db/tx';
import type { QueuedJob } from '../../src/platform/jobs/queued-job';
import { createLogger } from '../../src/platform/log';
import { fen } from '../../src/platform/money';
import type { PeriodUnit } from '../../src/platform/time';
import { applyRefund } from '../../src/refund/apply-refund';
import { refundOrder } from '../../src/refund/refund-order';
import { openTestDatabase, type Row, type TestDatabase } from './database';
import { newId, serviceEnvironment } from './harness';
import { readInfra } from './infra';
import { ALONE_WITHOUT_LIMIT } from './refund-calls';
import { openServiceDatabase } from './service-database';
import { TestClock } from './test-clock';

/** A plan as a test wants it sold. */
export interface PlanTerms {
  readonly periodUnit?: PeriodUnit;
  readonly periodCount?: number;
  readonly quotaUnits?: number;
  readonly grantUnit?: PeriodUnit;
  readonly grantCount?: number;
  readonly features?: readonly string[];
  readonly featureLimits?: Readonly<Record<string, number>>;
  readonly price?: number;
}

/**
 * Memberships sold, paid and refunded by the service's own use cases, at times that the test sets: no
 * process runs beside it, no WeChat Pay is asked, and a job runs when the test runs it.
 */
export interface MembershipShop {
  readonly db: TestDatabase;
  readonly pool: Database;
  readonly clock: TestClock;
  readonly grantDue: QueuedJob;
  readonly remind: QueuedJob;
  /** Lets it be an instant from now on, and stand still there. */
  at(instant: string): void;
  register(): Promise<string>;
  /** A new plan on sale; of a year that gives 1 200 units by the month for 12 000 fen, if not told otherwise. */
  plan(terms?: PlanTerms): Promise<string>;
  /** Orders and pays it now. Returns the order. */
  buy(userId: string, planId: string): Promise<string>;
  /** Opens a refund; 0: of all that is left. Returns its id. */
  refund(userId: string, orderId: string, amount: number): Promise<string>;
  /** WeChat Pay tells how a refund ended. */
  endRefund(refundId: string, status: 'SUCCESS' | 'CLOSED'): Promise<void>;
  /** Somebody refunds all that an order cost in the merchant portal, and WeChat Pay tells of it. */
  refundInPortal(orderId: string): Promise<void>;
  periods(userId: string): Promise<readonly Row[]>;
  /** Membership lots in order as words: `order's number:interval amount left expiry`. */
  lots(userId: string): Promise<readonly string[]>;
  /** Events of memberships as words: `type days_left`. */
  events(userId: string): Promise<readonly string[]>;
  close(): Promise<void>;
}

const SIGNAL = new AbortController().signal;
const SILENT = createLogger({ level: 'silent', role: 'worker', destination: { write: () => undefined } });
const NOBODY = 'http://127.0.0.1:1';

/** Runs what is due of a job, each subject once. Returns how many subjects that were. */
export async function runDue(job: QueuedJob): Promise<number> {
  const due = await job.findDue(1_000);
  for (const subject of due) await job.run(subject, SIGNAL);
  return due.length;
}

/** Opens a shop. `graceDays` and `reminderDays` are the settings of the same meaning. */
export async function openMembershipShop({
  graceDays = 0,
  reminderDays = [7, 3, 1],
  databaseSuffix = '',
}: {
  readonly graceDays?: number;
  readonly reminderDays?: readonly number[];
  readonly databaseSuffix?: string;
} = {}): Promise<MembershipShop> {
  const infra = readInfra();
  const db = await openTestDatabase(infra, databaseSuffix);
  const pool = openServiceDatabase(infra, db);
  const config = loadConfig(serviceEnvironment(infra, db.url, NOBODY));
  const clock = new TestClock();
  const { WECHATPAY_MCHID: mchid, WECHATPAY_APPID: appid, WECHATPAY_NOTIFY_URL: notifyUrl } = config;
  const nobody = (): Promise<never> => Promise.reject(new Error('WeChat Pay is not asked here'));
  const payments = {
    db: pool,
    log: SILENT,
    merchant: { mchid, appid },
    refundNotifyUrl: notifyUrl,
    onStatus: () => undefined,
  };
  const refunds = {
    ...{ db: pool, clock, log: SILENT, notifyUrl, compensationGraceDays: 7, wechatpayTimeoutMs: 1_000 },
    ...{
      wechatpay: { refund: nobody, queryRefund: nobody },
      onStatus: () => undefined,
      onOrderStatus: () => undefined,
      aloneLimits: ALONE_WITHOUT_LIMIT,
    },
  };
  const orders = {
    db: pool,
    cipher: createFieldCipher(config.DATA_KEYS),
    payerIndex: createPayerIndex(config.IDENTITY_INDEX_KEY),
    policy: { expireMinutes: 30, openOrdersMax: 1_000, notifyUrl, graceDays },
  };
  const caller = { role: 'order-service', name: 'test', identity: 'spiffe://billing/order-service/test' } as const;
  const call = () => ({ caller, now: clock.now(), signal: SIGNAL });

  async function pay(orderId: string): Promise<void> {
    const [order] = await db.query('SELECT final_amount FROM orders WHERE id = ?', [orderId]);
    const amount = fen(Number(order?.['final_amount']));
    const about = { appid, mchid, outTradeNo: orderId, transactionId: `42${orderId}`, currency: 'CNY' };
    const how = { tradeState: 'SUCCESS', tradeType: 'NATIVE', bankType: 'OTHERS', providerDiscounts: [] };
    const money = { successTime: clock.now(), amountTotal: amount, payerTotal: amount };
    const { kind } = await applyTransaction(payments, { ...about, ...how, ...money }, clock.now());
    if (kind !== 'paid') throw new Error(`order ${orderId} was not paid but ${kind}`);
  }

  return {
    ...{ db, pool, clock },
    grantDue: grantDuePeriods({ db: pool, clock }, 2),
    remind: remindMemberships({ db: pool, clock, reminderDays }, 2),
    at: (instant) => {
      clock.stopAt(new Date(instant));
    },
    register: async () => {
      const userId = newId('u');
      const identities = indexIdentities(createIdentityIndex(config.IDENTITY_INDEX_KEY), []);
      const policy = { grantUnits: 10, grantDays: 30, grantsPerDayMax: 1_000_000 };
      await registerUser(pool, { requestId: 'register', userId, identities, ...call() }, policy);
      return userId;
    },
    plan: async (terms = {}) => {
      const id = newId('plan').slice(0, 40);
      const { periodUnit = 'year', periodCount = 1, quotaUnits = 1_200, price = 12_000 } = terms;
      const {
        grantUnit = terms.periodUnit === undefined ? 'month' : null,
        features = ['image.generate', 'image.upscale'],
      } = terms;
      await db.query(
        "INSERT INTO plans (id, name, kind, status, create_time) VALUES (?, '会员', 'sale', 'active', '2020-01-01')",
        [id],
      );
      const row = {
        ...{
          plan_id: id,
          list_price: price,
          price,
          currency: 'CNY',
          period_unit: periodUnit,
          period_count: periodCount,
        },
        ...{ quota_units: quotaUnits, features: JSON.stringify(features), tax_rate_basis_points: 600 },
        feature_limits: terms.featureLimits === undefined ? null : JSON.stringify(terms.featureLimits),
        ...{ grant_unit: grantUnit, grant_count: grantUnit === null ? null : (terms.grantCount ?? 1) },
        ...{ valid_from: '2020-01-01', create_time: '2020-01-01' },
      };
      await db.query(`INSERT INTO plan_prices (${Object.keys(row).join(', ')}) VALUES (?)`, [Object.values(row)]);
      return id;
    },
    buy: async (userId, planId) => {
      const what = { requestId: newId('o'), userId, planId, couponId: '', channel: 'native', payer: '' } as const;
      const { order } = await createOrder(orders, {
        ...what,
        kind: 'purchase',
        prepayDeadline: clock.now(),
        ...call(),
      });
      await pay(order.id);
      return order.id;
    },
    refund: async (userId, orderId, amount) => {
      const asked = { requestId: newId('r'), userId, orderId, amount: fen(amount), reason: '用户申请退款' };
      return (await refundOrder(refunds, { ...asked, ...call() })).response.refundId;
    },
    endRefund: async (refundId, status) => {
      const row = await readOnly(pool, (reader) => RefundRow.query(reader).findById(refundId).throwIfNotFound());
      const told: ToldRefund = {
        ...{
          outTradeNo: row.orderId,
          transactionId: row.transactionId,
          refundId: `50${refundId}`,
          outRefundNo: refundId,
        },
        ...{ status, successTime: status === 'SUCCESS' ? clock.now() : null },
        ...{ amount: fen(row.amount), total: fen(row.total) },
      };
      const { kind } = await applyRefund(refunds, told, clock.now());
      if (kind !== 'applied') throw new Error(`refund ${refundId} was ${kind}`);
    },
    refundInPortal: async (orderId) => {
      const [order] = await db.query('SELECT transaction_id, final_amount FROM orders WHERE id = ?', [orderId]);
      const amount = fen(Number(order?.['final_amount']));
      const told: ToldRefund = {
        ...{ outTradeNo: orderId, transactionId: String(order?.['transaction_id']), status: 'SUCCESS' },
        ...{ refundId: `50${orderId}`, outRefundNo: `portal-${orderId}`.slice(0, 32), successTime: clock.now() },
        ...{ amount, total: amount },
      };
      const { kind } = await applyRefund(refunds, told, clock.now());
      if (kind !== 'applied') throw new Error(`refund of ${orderId} was ${kind}`);
    },
    periods: (userId) => db.query('SELECT * FROM membership_periods WHERE user_id = ? ORDER BY period_no', [userId]),
    lots: async (userId) => {
      const periods = await readOnly(pool, (reader) =>
        MembershipPeriodRow.query(reader).where({ userId }).orderBy('periodNo'),
      );
      const numbers = new Map(periods.map(({ orderId, periodNo }) => [orderId, periodNo]));
      const sql = "SELECT * FROM quota_grants WHERE user_id = ? AND source = 'membership' ORDER BY grant_id";
      return (await db.query(sql, [userId])).map((lot) => {
        const interval = String(lot['source_ref']).split(':')[1] ?? '';
        const expiry = (lot['expire_time'] as Date).toISOString();
        const number = numbers.get(String(lot['order_id']));
        return `${number}:${interval} ${Number(lot['amount'])} ${Number(lot['remaining'])} ${expiry}`;
      });
    },
    events: async (userId) => {
      const sql = "SELECT type, payload FROM outbox WHERE user_id = ? AND type LIKE 'membership.%' ORDER BY id";
      return (await db.query(sql, [userId])).map(({ type, payload }) => {
        const { days_left: days } = JSON.parse(String(payload)) as { days_left?: number };
        return `${String(type).replace('membership.', '')}${days === undefined ? '' : ` ${days}`}`;
      });
    },
    close: async () => {
      await pool.knex.destroy();
      await db.close();
    },
  };
}
