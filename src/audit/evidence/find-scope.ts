import type { Knex } from 'knex';
import { orderErrors } from '../../order';
import { quotaErrors } from '../../quota';
import { readWhere, type Row } from './read-rows';
import { emptyScope, withIds, type Scope } from './scope';
import type { EvidenceSubject } from './subject';

/** Finds everything that a subject leads to: from an order to its payments, from those to what WeChat Pay told, and so on. */

/** Events of WeChat Pay that tell of a payment or a refund; the key of what was told begins with them. */
const TOLD_EVENTS = ['TRANSACTION.SUCCESS', 'REFUND.SUCCESS', 'REFUND.CLOSED', 'REFUND.ABNORMAL'];

type Id = string | number | Buffer;

/** The values of a column that are there. */
function valuesOf(rows: readonly Row[], column: string): Id[] {
  return rows.map((row) => row[column]).filter((value) => value !== null && value !== undefined) as Id[];
}

/** Rows of a table that name one of several ids. */
function readNaming(reader: Knex, table: string, column: string, ids: readonly Id[], key = ['id']): Promise<Row[]> {
  if (ids.length === 0) return Promise.resolve([]);
  const marks = ids.map(() => '?').join(', ');
  return readWhere(reader, { table, key }, { sql: `\`${column}\` IN (${marks})`, values: ids });
}

/** Rows of a table that are a user's; `and` is constant SQL. */
function readOfUser(reader: Knex, table: string, userId: string, key: readonly string[], and = ''): Promise<Row[]> {
  return readWhere(reader, { table, key }, { sql: `user_id = ?${and}`, values: [userId] });
}

/** Whose the subject is, with the ids it is known by. Throws what says that there is no such subject. */
async function startOf(reader: Knex, subject: EvidenceSubject): Promise<Scope> {
  if (subject.type === 'order') {
    const [order] = await readNaming(reader, 'orders', 'id', [subject.id]);
    if (order === undefined) throw orderErrors.ORDER_NOT_FOUND();
    return withIds(emptyScope(String(order['user_id']), false), { order: [subject.id] });
  }
  const userId = subject.type === 'user' ? subject.id : subject.userId;
  const [user] = await readNaming(reader, 'users', 'id', [userId]);
  if (user === undefined) throw quotaErrors.USER_NOT_FOUND();
  if (subject.type === 'user') {
    const orders = await readOfUser(reader, 'orders', userId, ['id']);
    const identities = await readOfUser(reader, 'user_identities', userId, ['identity_index']);
    const whole = { order: valuesOf(orders, 'id'), identity: valuesOf(identities, 'identity_index') };
    return withIds(emptyScope(userId, true), whole);
  }
  const rule = { table: 'quota_charges', key: ['sequence'] };
  const charges = await readWhere(reader, rule, { sql: 'user_id = ? AND task_id = ?', values: [userId, subject.id] });
  if (charges.length === 0) throw quotaErrors.CONSUME_NOT_FOUND();
  return withIds(emptyScope(userId, false), { task: [subject.id], sequence: valuesOf(charges, 'sequence') });
}

/** What belongs to the orders of a scope: what they sold, the money, the coupons, the units. */
async function withOrders(reader: Knex, scope: Scope): Promise<Scope> {
  const { order: orderIds } = scope.ids;
  const orders = await readNaming(reader, 'orders', 'id', orderIds);
  const payments = await readNaming(reader, 'payments', 'order_id', orderIds);
  const refunds = await readNaming(reader, 'refunds', 'order_id', orderIds);
  const lots = await readOfUser(reader, 'quota_grants', scope.userId, ['grant_id']);
  const isOfOrder = (lot: Row): boolean => orderIds.includes(String(lot['order_id']));
  const found = withIds(scope, {
    payment: valuesOf(payments, 'id'),
    refund: valuesOf(refunds, 'id'),
    coupon: valuesOf(orders, 'coupon_id'),
    plan: valuesOf(orders, 'plan_id'),
    planPrice: valuesOf(orders, 'plan_price_id'),
    sequence: [...valuesOf(lots.filter(isOfOrder), 'grant_id'), ...valuesOf(refunds, 'freeze_sequence')],
    campaign: scope.isWholeUser
      ? valuesOf(
          lots.filter(({ source }) => source === 'gift'),
          'source_ref',
        )
      : [],
  });
  return withNotifications(reader, found, payments, refunds);
}

/** Everything that WeChat Pay told of the orders, what was refused too, and of their money whatever order it named. */
async function withNotifications(
  reader: Knex,
  scope: Scope,
  payments: readonly Row[],
  refunds: readonly Row[],
): Promise<Scope> {
  const rule = { table: 'wechatpay_notifications', key: ['id'] };
  const ofOrders = await readNaming(reader, rule.table, 'order_id', scope.ids.order);
  const money = [...valuesOf(payments, 'transaction_id'), ...valuesOf(refunds, 'refund_id')];
  const marks = (values: readonly unknown[]): string => values.map(() => '?').join(', ');
  const sql = `event_type IN (${marks(TOLD_EVENTS)}) AND subject_id IN (${marks(money)})`;
  const ofMoney = money.length === 0 ? [] : await readWhere(reader, rule, { sql, values: [...TOLD_EVENTS, ...money] });
  return withIds(scope, { notification: valuesOf([...ofOrders, ...ofMoney], 'id') });
}

/** The coupons, and the promotions they are of. */
async function withCoupons(reader: Knex, scope: Scope): Promise<Scope> {
  const own = await readOfUser(reader, 'user_coupons', scope.userId, ['id']);
  const { order, coupon } = scope.ids;
  const isMeant = ({ id, order_id: orderId }: Row): boolean =>
    scope.isWholeUser || coupon.includes(String(id)) || order.includes(String(orderId));
  const coupons = own.filter(isMeant);
  return withIds(scope, { coupon: valuesOf(coupons, 'id'), promotion: valuesOf(coupons, 'promotion_id') });
}

/** The types of the tasks that units were taken for, by which their tariffs are found. */
async function withTaskTypes(reader: Knex, scope: Scope): Promise<Scope> {
  const { sequence, task } = scope.ids;
  if (task.length === 0 || sequence.length === 0) return scope;
  const sql = `user_id = ? AND sequence IN (${sequence.map(() => '?').join(', ')})`;
  const rule = { table: 'quota_logs', key: ['sequence'] };
  const rows = await readWhere(reader, rule, { sql, values: [scope.userId, ...sequence] });
  return withIds(scope, { taskType: valuesOf(rows, 'task_type').filter((type) => type !== '') });
}

/** Finds the scope of a subject. Throws ORDER_NOT_FOUND, USER_NOT_FOUND or CONSUME_NOT_FOUND where there is none. */
export async function findScope(reader: Knex, subject: EvidenceSubject): Promise<Scope> {
  const start = await startOf(reader, subject);
  return withTaskTypes(reader, await withCoupons(reader, await withOrders(reader, start)));
}
