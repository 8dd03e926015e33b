import { applyTransaction, createPayerIndex } from '../../src/order';
import type { Effect } from '../../src/order/apply-payment';
import { createOrder } from '../../src/order/create-order';
import { quoteOrder, type OrderQuote } from '../../src/order/quote-order';
import { loadConfig } from '../../src/platform/config';
import { createFieldCipher } from '../../src/platform/crypto/field-cipher';
import { withTx } from '../../src/platform/db/tx';
import { createLogger } from '../../src/platform/log';
import { fen } from '../../src/platform/money';
import { lockUser, openBook, writeBook } from '../../src/quota';
import { planBurn } from '../../src/quota/burn-order';
import { contentHash } from '../../src/platform/request-content';
import type { Row } from './database';
import { newId, serviceEnvironment } from './harness';
import { readInfra } from './infra';
import { openMembershipShop, type MembershipShop } from './membership-shop';

/** A membership shop that sells upgrades, too, and in which a moment passes between an order and its payment. */
export interface UpgradeShop extends MembershipShop {
  quote(userId: string, planId: string): Promise<OrderQuote>;
  /** Orders an upgrade. Returns the order. */
  order(userId: string, planId: string): Promise<string>;
  /** WeChat Pay tells that an order was paid now. */
  pay(orderId: string): Promise<Effect['kind']>;
  /** Orders and pays an upgrade now. Returns the order. */
  upgrade(userId: string, planId: string): Promise<string>;
  /** Uses units, in burn order. */
  spend(userId: string, units: number): Promise<void>;
  /** What an upgrade credits as words: `period's number amount/units`, in order. */
  credits(userId: string, orderId: string): Promise<readonly string[]>;
  orderRow(orderId: string): Promise<Row>;
}

const SILENT = createLogger({ level: 'silent', role: 'worker', destination: { write: () => undefined } });

/** Opens a shop. */
export async function openUpgradeShop(): Promise<UpgradeShop> {
  const shop = await openMembershipShop();
  const { db, pool, clock } = shop;
  const config = loadConfig(serviceEnvironment(readInfra(), db.url, 'http://127.0.0.1:1'));
  const { WECHATPAY_MCHID: mchid, WECHATPAY_APPID: appid, WECHATPAY_NOTIFY_URL: notifyUrl } = config;
  const payments = {
    ...{ db: pool, log: SILENT, merchant: { mchid, appid }, refundNotifyUrl: notifyUrl },
    onStatus: () => undefined,
  };
  const orders = {
    ...{
      db: pool,
      cipher: createFieldCipher(config.DATA_KEYS),
      payerIndex: createPayerIndex(config.IDENTITY_INDEX_KEY),
    },
    policy: { expireMinutes: 30, openOrdersMax: 1_000, notifyUrl, graceDays: 0 },
  };
  const caller = { role: 'order-service', name: 'test', identity: 'spiffe://billing/order-service/test' } as const;
  const orderRow = async (orderId: string): Promise<Row> =>
    (await db.query('SELECT * FROM orders WHERE id = ?', [orderId]))[0] ?? {};
  const what = { couponId: '', channel: 'native', payer: '', kind: 'upgrade' } as const;

  async function order(userId: string, planId: string): Promise<string> {
    const [now, signal] = [clock.now(), new AbortController().signal];
    const asked = { ...what, requestId: newId('o'), userId, planId, caller, now, signal, prepayDeadline: now };
    return (await createOrder(orders, asked)).order.id;
  }

  async function pay(orderId: string): Promise<Effect['kind']> {
    const amount = fen(Number((await orderRow(orderId))['final_amount']));
    const about = { appid, mchid, outTradeNo: orderId, transactionId: `42${orderId}`, currency: 'CNY' };
    const how = { tradeState: 'SUCCESS', tradeType: 'NATIVE', bankType: 'OTHERS', providerDiscounts: [] };
    const money = { successTime: clock.now(), amountTotal: amount, payerTotal: amount };
    return (await applyTransaction(payments, { ...about, ...how, ...money }, clock.now())).kind;
  }

  return {
    ...shop,
    ...{ order, pay, orderRow },
    quote: (userId, planId) => quoteOrder(pool, { userId, planId, couponId: '', kind: 'upgrade' }, clock.now()),
    upgrade: async (userId, planId) => {
      const orderId = await order(userId, planId);
      const kind = await pay(orderId);
      if (kind !== 'paid') throw new Error(`upgrade ${orderId} was not paid but ${kind}`);
      return orderId;
    },
    spend: (userId, units) =>
      withTx(pool, { name: 'Spend' }, async (tx) => {
        const book = await openBook(tx, await lockUser(tx, userId), clock.now());
        const lots = planBurn(book.lots, units, book.now);
        if (lots === undefined) throw new Error(`${userId} has no ${units} units`);
        book.expireDue('test');
        const requestId = newId('c');
        const entry = { origin: 'caller', requestId, requestHash: contentHash('ConsumeQuota', { requestId }) } as const;
        const row = book.post({ ...entry, type: 'CONSUME', lots, actor: 'test' });
        book.addCharge({
          ...{ sequence: row.sequence, taskId: '', kind: 'consume', units, returned: 0, state: 'settled' },
          ...{ settleDeadline: null, caseDeadline: null, graceDays: 7, dueTime: null, lateReturns: [] },
        });
        await writeBook(tx, book);
      }),
    credits: async (userId, orderId) => {
      const numbers = new Map(
        (await shop.periods(userId)).map(({ order_id: id, period_no: number }) => [id, number] as const),
      );
      const rows = await db.query('SELECT * FROM order_credits WHERE order_id = ? ', [orderId]);
      const words = rows.map(
        (row) => `${Number(numbers.get(row['credited_order_id']))} ${Number(row['amount'])}/${Number(row['units'])}`,
      );
      return words.sort();
    },
  };
}
