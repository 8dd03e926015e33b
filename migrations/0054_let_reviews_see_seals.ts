import type { Knex } from 'knex';
import { hasRoutine } from './schema-facts';

/**
 * Whether personal data is sealed a review must see, and no reading account may see the values. A procedure with the rights of the
 * account that migrates names the rows that are not: those that do not begin with the version of a sealed value.
 */
export async function up(knex: Knex): Promise<void> {
  if (!(await hasRoutine(knex, 'review_unsealed'))) await knex.raw(UNSEALED);
}

/** The first thousand prove it. */
const UNSEALED = `
  CREATE PROCEDURE review_unsealed() READS SQL DATA SQL SECURITY DEFINER
  SELECT t.table_name, t.subject FROM (
    SELECT 'order_payers' AS table_name, order_id AS subject FROM order_payers WHERE LEFT(sealed_payer, 1) <> X'01'
    UNION ALL
    SELECT 'wechatpay_notification_bodies', id FROM wechatpay_notification_bodies WHERE LEFT(sealed_body, 1) <> X'01'
  ) t LIMIT 1000`;
