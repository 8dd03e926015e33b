import type { RowDataPacket } from 'mysql2';
import { createPool, type Pool, type PoolConnection } from 'mysql2/promise';
import {
  OrderServiceService,
  type CreateOrderRequest,
  type CreateOrderResponse,
} from '../../src/gen/billing/v1/order_service.pb';
import { systemClock } from '../../src/platform/clock';
import { addressOf } from '../../src/platform/db/database';
import { mintId } from '../../src/platform/ids';
import { contentHash } from '../../src/platform/request-content';
import { toCreateOrderResponse, type OrderedRow } from './order-message';
import { openPrepay, type Prepay } from './plain-prepay';
import { readServerSettings, serve, unary } from './serve';

/**
 * The textbook's order: the two transactions of ours written bare, statement by statement with mysql2, and between them
 * one signed prepay whose answer is verified. No query builder, no model, no validation, no retries.
 */

const ACTOR = 'spiffe://billing/order-service/order-service';
const SYSTEM = 'spiffe://billing/system/billing-guard';
const SERVICE = 'OrderService';
const KIND = 'CreateOrder';
const EXPIRE_MS = 30 * 60_000;
const FIRST_CHECK_MS = 60_000;
const PREPAY_MS = 5_000;
const NOTIFY_URL = 'http://127.0.0.1:1/wechatpay/notify/transaction';

const settings = readServerSettings();
const pool: Pool = createPool({
  ...addressOf(settings.databaseUrl),
  charset: 'utf8mb4_bin',
  timezone: 'Z',
  connectionLimit: settings.poolSize,
});
pool.pool.on('connection', (connection) => {
  connection.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED', (error) => {
    if (error !== null) connection.destroy();
  });
});
const prepay: Prepay = openPrepay(settings.wechatpay);

/** Runs statements in a transaction: BEGIN and COMMIT are round trips of their own. */
async function inTransaction<Result>(work: (connection: PoolConnection) => Promise<Result>): Promise<Result> {
  const connection = await pool.getConnection();
  try {
    await connection.beginTransaction();
    const result = await work(connection);
    await connection.commit();
    return result;
  } catch (error) {
    await connection.rollback();
    throw error;
  } finally {
    connection.release();
  }
}

const SELECT_PLAN = `SELECT p.*, plans.name AS plan_name FROM plan_prices p JOIN plans ON plans.id = p.plan_id
  WHERE plans.id = ? AND plans.kind = 'sale' AND plans.status = 'active'
    AND p.valid_from <= ? AND (p.valid_to IS NULL OR p.valid_to > ?)`;

const SELECT_OPEN = `SELECT COUNT(*) FROM orders
  WHERE user_id = ? AND status IN ('created', 'pending', 'closing') AND expire_time > ?`;

/** The plan on sale, and what an order copies of it. */
async function readPlan(connection: PoolConnection, planId: string, now: Date): Promise<RowDataPacket> {
  const [plans] = await connection.query<RowDataPacket[]>(SELECT_PLAN, [planId, now, now]);
  const [plan] = plans;
  if (plan === undefined) throw new Error(`plan ${planId} is not sold`);
  return plan;
}

function orderFor(request: CreateOrderRequest, plan: RowDataPacket, now: Date): OrderedRow {
  const price = Number(plan['price']);
  const net = Math.round((price * 10_000) / (10_000 + Number(plan['tax_rate_basis_points'])));
  return {
    id: mintId(now),
    user_id: request.userId,
    status: 'created',
    channel: 'native',
    plan_id: request.planId,
    plan_price_id: Number(plan['id']),
    plan_name: String(plan['plan_name']),
    period_unit: String(plan['period_unit']),
    period_count: Number(plan['period_count']),
    quota_units: Number(plan['quota_units']),
    features: String(plan['features']),
    list_amount: Number(plan['list_price']),
    original_amount: price,
    discount_amount: 0,
    final_amount: price,
    currency: 'CNY',
    tax_rate_basis_points: Number(plan['tax_rate_basis_points']),
    net_amount: net,
    tax_amount: price - net,
    notify_url: NOTIFY_URL,
    create_time: now,
    expire_time: new Date(now.getTime() + EXPIRE_MS),
    prepay_deadline: new Date(now.getTime() + PREPAY_MS),
    next_check_time: new Date(now.getTime() + FIRST_CHECK_MS),
  };
}

/** An audit row and an event: what both transactions leave beside the order. */
async function writeTraces(
  connection: PoolConnection,
  order: OrderedRow,
  audit: { readonly action: string; readonly actor: string; readonly cause: string; readonly before: object | null },
  after: { readonly status: string },
  now: Date,
): Promise<void> {
  const { before, ...entry } = audit;
  const states = { before_state: before && JSON.stringify(before), after_state: JSON.stringify(after) };
  const subject = { subject_type: 'order', subject_id: order.id, user_id: order.user_id };
  await connection.query('INSERT INTO audit_logs SET ?', [{ ...entry, ...subject, ...states, create_time: now }]);
  const { status, ...told } = after;
  const payload = JSON.stringify({ order_id: order.id, ...told });
  const event = { type: `order.${status}`, user_id: order.user_id, payload, create_time: now };
  await connection.query('INSERT INTO outbox SET ?', [event]);
}

const LOCK_USER = 'SELECT * FROM users WHERE id = ? FOR UPDATE';

/** An order, and whether the same request had made it before. */
interface Ordered {
  readonly order: OrderedRow;
  readonly replayed: boolean;
}

/**
 * Round trips 1 to 10: the user is locked; the key, the plan and the open orders are read; order, audit row, event and key
 * are written.
 */
async function writeOrder(request: CreateOrderRequest, now: Date): Promise<Ordered> {
  const { requestId, userId, planId } = request;
  return inTransaction(async (connection) => {
    const [users] = await connection.query<RowDataPacket[]>(LOCK_USER, [userId]);
    if (users.length === 0) throw new Error(`user ${userId} is not there`);
    const earlier = await readEarlier(connection, request);
    if (earlier !== undefined) return { order: earlier, replayed: true };
    const plan = await readPlan(connection, planId, now);
    await connection.query(SELECT_OPEN, [userId, now]);
    const order = orderFor(request, plan, now);
    await connection.query('INSERT INTO orders SET ?', [order]);
    const sold = { plan_id: planId, final_amount: order.final_amount };
    const audit = { action: KIND, actor: ACTOR, cause: requestId, before: null };
    await writeTraces(connection, order, audit, { status: 'created', ...sold }, now);
    const key = {
      owner: `user:${userId}`,
      service: SERVICE,
      request_id: requestId,
      kind: KIND,
      content_hash: hashOf(request),
      response: JSON.stringify({ orderId: order.id }),
      create_time: now,
    };
    await connection.query('INSERT INTO request_keys SET ?', [key]);
    return { order, replayed: false };
  });
}

function hashOf({ userId, planId }: CreateOrderRequest): Buffer {
  return contentHash(KIND, { user_id: userId, plan_id: planId, channel: 'native' });
}

/** Round trips 11 to 17: user and order are locked, the order becomes payable with an audit row and an event. */
async function markPending(order: OrderedRow, now: Date): Promise<void> {
  await inTransaction(async (connection) => {
    await connection.query(LOCK_USER, [order.user_id]);
    const [orders] = await connection.query<RowDataPacket[]>('SELECT * FROM orders WHERE id = ? FOR UPDATE', [
      order.id,
    ]);
    if (orders[0]?.['status'] !== 'created') return;
    await connection.query("UPDATE orders SET status = 'pending' WHERE id = ?", [order.id]);
    const audit = { action: 'OpenPayment', actor: SYSTEM, cause: 'prepay', before: { status: 'created' } };
    await writeTraces(connection, order, audit, { status: 'pending' }, now);
  });
}

/** The order that the same request made before, if it did. Throws when that request was another. */
async function readEarlier(
  connection: Pick<Pool, 'query'>,
  request: CreateOrderRequest,
): Promise<OrderedRow | undefined> {
  const [keys] = await connection.query<RowDataPacket[]>(
    'SELECT * FROM request_keys WHERE owner = ? AND service = ? AND request_id = ?',
    [`user:${request.userId}`, SERVICE, request.requestId],
  );
  const [key] = keys;
  if (key === undefined) return undefined;
  if (!(key['content_hash'] as Buffer).equals(hashOf(request))) throw new Error(`${request.requestId} was another`);
  const { orderId } = JSON.parse(String(key['response'])) as { orderId: string };
  const [orders] = await connection.query<RowDataPacket[]>('SELECT * FROM orders WHERE id = ?', [orderId]);
  return orders[0] as OrderedRow;
}

async function createOrder(request: CreateOrderRequest): Promise<CreateOrderResponse> {
  const { order, replayed } = await writeOrder(request, systemClock.now());
  const codeUrl = await prepay(order);
  await markPending(order, systemClock.now());
  return toCreateOrderResponse(order, codeUrl, replayed);
}

serve(settings, { createOrder: OrderServiceService.createOrder }, { createOrder: unary(createOrder) });
