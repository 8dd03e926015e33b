import knexBuilder from 'knex';
import { checkPromotions, type PromotionReport } from '../../src/promotion/check-promotions';
import type { TestDatabase } from './database';

/** What `billing promotion check` finds in a test's database. */
export async function checkPromotionsOf(db: TestDatabase): Promise<PromotionReport> {
  const knex = knexBuilder({ client: 'mysql2', connection: db.url });
  try {
    return await checkPromotions(knex);
  } finally {
    await knex.destroy();
  }
}
