import type { Knex } from 'knex';

/**
 * Money that no order was waiting for goes back by itself from now on. What earlier versions left to people is shown to
 * them: one alert for each such payment, until it is refunded in the merchant portal.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    INSERT INTO alerts (id, kind, severity, subject_type, subject_id, user_id, details, open_time, last_time)
    SELECT p.id, 'payment_not_awaited', 'warning', 'payment', p.id, p.user_id,
      JSON_OBJECT('order_id', p.order_id, 'amount', p.amount, 'transaction_id', p.transaction_id), p.create_time, p.create_time
    FROM payments p
    WHERE p.status = 'received' AND NOT EXISTS (SELECT 1 FROM refunds r WHERE r.payment_id = p.id)
      AND NOT EXISTS (SELECT 1 FROM alerts a WHERE a.id = p.id)`);
}
