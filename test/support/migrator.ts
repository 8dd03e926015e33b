import { knex, type Knex } from 'knex';
import { addressOf, SQL_MODE } from '../../src/platform/db/database';
import { migrateConfigOf } from './database-server';
import type { Infra } from './infra';

/** One connection of the account that migrates, prepared as `billing migrate` does. The caller destroys it. */
export async function connectMigrator(infra: Infra, database: string): Promise<Knex> {
  const connection = { ...addressOf(migrateConfigOf(infra, database).MIGRATE_DATABASE_URL), timezone: 'Z' };
  const owner = knex({ client: 'mysql2', connection, pool: { min: 1, max: 1 } });
  await owner.raw(`SET SESSION time_zone = '+00:00', sql_mode = '${SQL_MODE}'`);
  return owner;
}
