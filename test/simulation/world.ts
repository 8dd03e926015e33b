import { buildLanes, observe, type Closable, type Foundation } from '../../src/composition/foundation';
import { orderParts, refundParts } from '../../src/composition/payment-parts';
import { grantGift } from '../../src/gift/grant-gift';
import { readMembership } from '../../src/membership';
import { createIdentityIndex, indexIdentities } from '../../src/membership/registration-identities';
import { registerUser } from '../../src/membership/register-user';
import { createPayerIndex } from '../../src/order';
import { applyTransaction } from '../../src/order/apply-payment';
import { cancelOrder } from '../../src/order/cancel-order';
import { createOrder } from '../../src/order/create-order';
import { RefundRow, type ToldRefund, type WechatpayClient, type WechatpayTransaction } from '../../src/payment';
import type { Role } from '../../src/platform/calls';
import { loadConfig } from '../../src/platform/config';
import { openDatabase } from '../../src/platform/db/database';
import { readOnly } from '../../src/platform/db/tx';
import { DomainError } from '../../src/platform/errors';
import { createLogger } from '../../src/platform/log';
import { createMetrics } from '../../src/platform/metrics';
import { fen, type Fen } from '../../src/platform/money';
import { fromEpochMs } from '../../src/platform/time';
import { readQuota } from '../../src/quota';
import { applyRefund } from '../../src/refund/apply-refund';
import { refundOrder } from '../../src/refund/refund-order';
import { openTestDatabase, type TestDatabase } from '../support/database';
import { serviceEnvironment, type Overrides } from '../support/harness';
import { readInfra, type Infra } from '../support/infra';
import { TestClock } from '../support/test-clock';
import type { Step } from './script';

/**
 * The service's use cases on a real database, called as its RPCs call them, at simulated times. Only WeChat Pay is not there: what
 * it would tell is told here, when the script says so.
 */

/** Nobody serves there. */
export const NOWHERE = 'http://127.0.0.1:1';
/** Orders wait for their payment through a night of the simulation. */
const SETTINGS: Overrides = { ORDER_EXPIRE_MINUTES: '1440', DATABASE_POOL_SIZE: '32' };

/** Who calls. */
export function callerOf(role: Role, name: string = role): { role: Role; name: string; identity: string } {
  return { role, name, identity: `spiffe://billing/${role}/${name}` };
}

/** WeChat Pay's side of cancelling: an order that was told to close is closed. Nothing else is asked of it. */
function closingWechatpay(): WechatpayClient {
  const closed = new Set<string>();
  const nothingElse = (): Promise<never> =>
    Promise.reject(new Error('the simulation asks WeChat Pay for nothing else'));
  return {
    queryOrder: (by) => {
      const orderId = 'orderId' in by ? by.orderId : '';
      return Promise.resolve({
        orderId,
        tradeState: closed.has(orderId) ? 'CLOSED' : 'NOTPAY',
        transaction: undefined,
      });
    },
    closeOrder: (orderId) => {
      closed.add(orderId);
      return Promise.resolve();
    },
    prepay: nothingElse,
    refund: nothingElse,
    queryRefund: nothingElse,
    downloadTradeBill: nothingElse,
    downloadFundFlowBill: nothingElse,
    close: () => Promise.resolve(),
  };
}

/** What a user's keys are in the service. */
interface KnownIds {
  readonly orders: Map<string, string>;
  readonly refunds: Map<string, string>;
}

/** The service as the simulation sees it. */
export interface World {
  readonly infra: Infra;
  readonly db: TestDatabase;
  readonly clock: TestClock;
  readonly foundation: Foundation;
  /** Ids that a user's keys of orders and refunds stand for. */
  idsOf(user: string): KnownIds;
  /** Does a step at a time. Answers in the words of the oracle. */
  act(user: string, step: Step, time: number): Promise<string>;
  close(): Promise<void>;
}

/** Opens the use cases on the file’s database. */
export async function openWorld(overrides: Overrides = {}): Promise<World> {
  const infra = readInfra();
  const db = await openTestDatabase(infra);
  const config = loadConfig({ ...serviceEnvironment(infra, db.url, NOWHERE), ...SETTINGS, ...overrides });
  const log = createLogger({ level: 'silent', role: 'all', destination: { write: () => undefined } });
  const clock = new TestClock();
  const metrics = createMetrics();
  const pool = openDatabase(config, observe(metrics));
  const closables: Closable[] = [{ name: 'database', close: () => pool.knex.destroy() }];
  const shared = { config, log, clock, metrics, db: pool };
  const wechatpay = { client: closingWechatpay(), keys: { get: () => undefined, learn: () => Promise.resolve() } };
  const foundation: Foundation = { ...shared, ...buildLanes(shared, closables), wechatpay };
  const ids = new Map<string, KnownIds>();
  const idsOf = (user: string): KnownIds => {
    const known = ids.get(user) ?? { orders: new Map(), refunds: new Map() };
    ids.set(user, known);
    return known;
  };
  const desk = new Desk(foundation, idsOf);
  return {
    ...{ infra, db, clock, foundation, idsOf },
    act: (user, step, time) => desk.act(user, step, fromEpochMs(time)),
    close: async () => {
      for (const { close } of closables.reverse()) await close();
      await db.close();
    },
  };
}

const SIGNAL = new AbortController().signal;
const PATIENT = { aborted: false, reason: undefined };

function required<Key, Value>(map: ReadonlyMap<Key, Value>, key: Key): Value {
  const value = map.get(key);
  if (value === undefined) throw new Error(`nothing is known as ${String(key)}`);
  return value;
}

/** Where each step is done. */
class Desk {
  private readonly refundParts;
  private readonly orderParts;
  /** What each order costs: what its payer pays. */
  private readonly prices = new Map<string, Fen>();

  constructor(
    private readonly foundation: Foundation,
    private readonly idsOf: (user: string) => KnownIds,
  ) {
    const { config } = foundation;
    this.refundParts = refundParts(foundation);
    this.orderParts = {
      ...orderParts(foundation),
      payerIndex: createPayerIndex(config.IDENTITY_INDEX_KEY),
      policy: {
        expireMinutes: config.ORDER_EXPIRE_MINUTES,
        notifyUrl: config.WECHATPAY_NOTIFY_URL,
        openOrdersMax: config.OPEN_ORDERS_MAX,
        graceDays: config.MEMBERSHIP_GRACE_DAYS,
      },
    };
  }

  /** The answer, or the reason of the refusal with its why. Anything else that goes wrong is an answer that nobody expects. */
  async act(user: string, step: Step, now: Date): Promise<string> {
    try {
      return await this.run(user, step, now);
    } catch (error) {
      if (!(error instanceof DomainError))
        return `threw ${error instanceof Error ? String(error.stack) : String(error)}`;
      const { why } = error.metadata as { readonly why?: string };
      return why === undefined ? error.reason : `${error.reason} ${why}`;
    }
  }

  private run(user: string, step: Step, now: Date): Promise<string> {
    switch (step.do) {
      case 'register':
        return this.register(user, now);
      case 'order':
        return this.order(user, step, now);
      case 'pay':
        return this.pay(user, step.order, now);
      case 'cancel':
        return this.cancel(user, step.order, now);
      case 'refund':
        return this.refund(user, step, now);
      case 'endRefund':
        return this.endRefund(user, step, now);
      case 'consume':
        return this.consume(user, step.key, step.units);
      case 'giveBack':
        return this.giveBack(user, step);
      case 'gift':
        return this.gift(user, step.campaign.key, now);
      case 'look':
        return this.look(user, now);
    }
  }

  private async register(userId: string, now: Date): Promise<string> {
    const { db, config } = this.foundation;
    const identities = indexIdentities(createIdentityIndex(config.IDENTITY_INDEX_KEY), []);
    const caller = callerOf('order-service');
    const policy = {
      grantUnits: config.REGISTRATION_GRANT_UNITS,
      grantDays: config.REGISTRATION_GRANT_DAYS,
      grantsPerDayMax: config.REGISTRATION_GRANTS_PER_DAY_MAX,
    };
    const command = { requestId: 'register', userId, identities, caller, now, signal: SIGNAL };
    const { response } = await registerUser(db, command, policy);
    return response.registrationGranted ? 'registered' : 'known';
  }

  private async order(userId: string, step: Step & { readonly do: 'order' }, now: Date): Promise<string> {
    const { clock } = this.foundation;
    const { key: requestId, kind, terms } = step;
    const what = { planId: terms.plan, couponId: '', kind, channel: 'native', payer: '' } as const;
    const call = { caller: callerOf('order-service'), now, prepayDeadline: clock.machineNow(), signal: SIGNAL };
    const { order } = await createOrder(this.orderParts, { requestId, userId, ...what, ...call });
    this.idsOf(userId).orders.set(requestId, order.id);
    this.prices.set(order.id, fen(order.finalAmount));
    return `ok ${order.finalAmount}`;
  }

  private async pay(user: string, key: string, now: Date): Promise<string> {
    const { config } = this.foundation;
    const orderId = required(this.idsOf(user).orders, key);
    const amount = required(this.prices, orderId);
    const transaction: WechatpayTransaction = {
      appid: config.WECHATPAY_APPID,
      mchid: config.WECHATPAY_MCHID,
      outTradeNo: orderId,
      transactionId: transactionOf(orderId),
      ...{ tradeState: 'SUCCESS', tradeType: 'NATIVE', bankType: 'OTHERS', currency: 'CNY', providerDiscounts: [] },
      successTime: now,
      amountTotal: amount,
      payerTotal: amount,
    };
    const { kind } = await applyTransaction(this.orderParts, transaction, now);
    return kind;
  }

  private async cancel(userId: string, key: string, now: Date): Promise<string> {
    const orderId = required(this.idsOf(userId).orders, key);
    const command = { requestId: `cancel-${key}`, userId, orderId, caller: callerOf('order-service') };
    const budget = { timeoutMs: 60_000 };
    const done = await cancelOrder(this.orderParts, { ...command, now, signal: SIGNAL }, budget);
    return done.order.status;
  }

  private async refund(userId: string, step: Step & { readonly do: 'refund' }, now: Date): Promise<string> {
    const { key: requestId, order, amount } = step;
    const orderId = required(this.idsOf(userId).orders, order);
    const asked = { requestId, userId, orderId, amount: fen(amount), reason: '用户申请退款' };
    const command = { ...asked, caller: callerOf('finance'), now, signal: SIGNAL };
    const { response } = await refundOrder(this.refundParts, command);
    this.idsOf(userId).refunds.set(requestId, response.refundId);
    return `ok ${(await this.refundRow(response.refundId)).amount}`;
  }

  private refundRow(id: string): Promise<RefundRow> {
    return readOnly(this.foundation.db, (reader) => RefundRow.query(reader).findById(id).throwIfNotFound());
  }

  private async endRefund(user: string, step: Step & { readonly do: 'endRefund' }, now: Date): Promise<string> {
    const refund = await this.refundRow(required(this.idsOf(user).refunds, step.refund));
    const isBack = step.end === 'succeeded';
    const told: ToldRefund = {
      outTradeNo: refund.orderId,
      transactionId: refund.transactionId,
      refundId: `50${refund.id}`,
      outRefundNo: refund.id,
      status: isBack ? 'SUCCESS' : 'CLOSED',
      successTime: isBack ? now : null,
      amount: fen(refund.amount),
      total: fen(refund.total),
    };
    const { kind } = await applyRefund(this.refundParts, told, now);
    return kind === 'applied' ? 'ok' : kind;
  }

  private async consume(userId: string, requestId: string, amount: number): Promise<string> {
    const { identity: actor } = callerOf('ai-task-service');
    const task = { taskId: '', taskType: '', description: '' };
    const { commits } = this.foundation;
    await commits.submit({ kind: 'ConsumeQuota', requestId, userId, amount, ...task, actor }, PATIENT);
    return 'ok';
  }

  private async giveBack(userId: string, step: Step & { readonly do: 'giveBack' }): Promise<string> {
    const { key: requestId, of: consumeRequestId, units: amount } = step;
    const { identity: actor } = callerOf('ai-task-service');
    const what = { userId, consumeRequestId, amount, reason: '' };
    await this.foundation.commits.submit({ kind: 'RefundQuota', requestId, ...what, actor }, PATIENT);
    return 'ok';
  }

  private async gift(userId: string, campaignId: string, now: Date): Promise<string> {
    const requestId = `gift-${campaignId}-${now.getTime()}`;
    const command = { requestId, userId, campaignId, caller: callerOf('operations'), now, signal: SIGNAL };
    await grantGift(this.foundation.db, command);
    return 'ok';
  }

  private async look(userId: string, now: Date): Promise<string> {
    const { db } = this.foundation;
    const { quotaRemaining } = await readQuota(db, userId, now);
    const { active, planId, startTime, expireTime } = await readMembership(db, userId, now);
    if (!active) return `none ${quotaRemaining}`;
    return `${planId} ${startTime?.getTime()} ${expireTime?.getTime()} ${quotaRemaining}`;
  }
}

/** WeChat's id of the payment of an order. */
function transactionOf(orderId: string): string {
  return `42${orderId}`;
}
