import type { Knex } from 'knex';
import { hasIndex } from './schema-facts';

/** People list the few notifications that were refused among the many that were applied, newest first. */
export async function up(knex: Knex): Promise<void> {
  if (await hasIndex(knex, 'wechatpay_notifications', 'wechatpay_notifications_by_status')) return;
  await knex.raw('ALTER TABLE wechatpay_notifications ADD KEY wechatpay_notifications_by_status (status, id)');
}
