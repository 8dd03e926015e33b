import { createHash } from 'node:crypto';
import type { TestDatabase } from './database';

/**
 * A digest of every row of the tables: equal means that nothing changed. Computed from the rows as they read: CHECKSUM
 * TABLE was seen to differ for a table with a generated column although no row did.
 */
export async function digestTables(
  db: TestDatabase,
  tables: readonly string[],
): Promise<Readonly<Record<string, string>>> {
  const digests: [string, string][] = [];
  for (const table of tables) {
    const rows = await db.query(`SELECT * FROM ${table}`);
    const texts = rows.map((row) => JSON.stringify(row)).sort();
    digests.push([table, createHash('sha256').update(texts.join('\n')).digest('hex')]);
  }
  return Object.fromEntries(digests);
}
