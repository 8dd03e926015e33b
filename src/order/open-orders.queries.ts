import type { Knex } from 'knex';
import type { OrderRow } from './order.model';

/** Orders of a user that wait for payment. */
export interface OpenOrders {
  /** How many of them have not expired. */
  readonly unexpired: number;
  /** The oldest of them, expired or not: until it is closed, WeChat Pay may take money for it. */
  readonly oldestId: string | undefined;
  /** One that is an upgrade, expired or not. */
  readonly upgradeId: string | undefined;
}

/** As text, like all that every new order says to the database. */
const OPEN_ORDERS =
  'SELECT id, kind, expire_time AS expireTime FROM orders ' +
  "WHERE user_id = ? AND status IN ('created', 'pending', 'closing') ORDER BY id";

/** What of a user waits for payment. */
export async function readOpenOrders(reader: Knex, userId: string, now: Date): Promise<OpenOrders> {
  const [rows] = (await reader.raw(OPEN_ORDERS, [userId])) as [readonly Pick<OrderRow, 'id' | 'kind' | 'expireTime'>[]];
  return {
    unexpired: rows.filter(({ expireTime }) => expireTime.getTime() > now.getTime()).length,
    oldestId: rows[0]?.id,
    upgradeId: rows.find(({ kind }) => kind === 'upgrade')?.id,
  };
}
