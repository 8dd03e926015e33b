import { knex } from 'knex';
import { addressOf } from '../platform/db/database';
import { checkPromotions, type PromotionReport } from '../promotion';

/**
 * Checks the promotions of a database, which may be in use meanwhile. Any account that may read promotions, user_coupons
 * and orders will do; nothing is written.
 */
export async function checkPromotionsOf(databaseUrl: string): Promise<PromotionReport> {
  const connection = { ...addressOf(databaseUrl), charset: 'utf8mb4_bin', timezone: 'Z' };
  const database = knex({ client: 'mysql2', connection, pool: { min: 0, max: 1 } });
  try {
    return await checkPromotions(database);
  } finally {
    await database.destroy();
  }
}
