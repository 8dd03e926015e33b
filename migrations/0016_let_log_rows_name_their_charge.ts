import type { Knex } from 'knex';
import { hasCheck, hasIndex } from './schema-facts';

/**
 * CAPTURE and RELEASE name the HOLD they settle, as a REFUND names its CONSUME. Two indexes go: what a charge returned is
 * kept in quota_charges, and a time within one user's log is found by its sequence, which runs with time.
 */
export async function up(knex: Knex): Promise<void> {
  if (!(await hasCheck(knex, 'quota_logs', 'quota_logs_names_charge'))) {
    await knex.raw(`
      ALTER TABLE quota_logs ADD CONSTRAINT quota_logs_names_charge
        CHECK ((type IN ('REFUND', 'CAPTURE', 'RELEASE')) = (consume_sequence IS NOT NULL))`);
  }
  if (await hasCheck(knex, 'quota_logs', 'quota_logs_refund_names_consume')) {
    await knex.raw('ALTER TABLE quota_logs DROP CONSTRAINT quota_logs_refund_names_consume');
  }
  for (const name of ['quota_logs_by_time', 'quota_logs_by_consume']) {
    if (await hasIndex(knex, 'quota_logs', name)) await knex.raw(`ALTER TABLE quota_logs DROP INDEX ${name}`);
  }
}
