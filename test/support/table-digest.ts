import type { TestDatabase } from './database';

/**
 * What a running service changes by itself, and is nothing that is owed or owned: when WeChat Pay is asked about an order, and
 * until when a prepay may be under way.
 */
export const CHANGED_BY_ITSELF = [
  ...['orders.prepay_deadline', 'orders.next_check_time', 'orders.check_attempts'],
  // Which batch an event went out in, and who delivers events now.
  ...['outbox.batch_no', 'event_relay.owner', 'event_relay.epoch', 'event_relay.lease_until', 'event_relay.last_batch'],
];

/** Columns by table; a schema does not change while tests run. */
const columnsOf = new Map<string, readonly string[]>();

async function readColumns(db: TestDatabase, table: string): Promise<readonly string[]> {
  const known = columnsOf.get(table);
  if (known !== undefined) return known;
  const rows = await db.query(
    'SELECT COLUMN_NAME AS name FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?',
    [table],
  );
  const columns = rows.map(({ name }) => String(name));
  if (columns.length === 0) throw new Error(`there is no table ${table}`);
  columnsOf.set(table, columns);
  return columns;
}

/**
 * A digest of every row of the tables: equal means that nothing changed. The rows are hashed where they are: a database that
 * other tests have filled is read again and again. Not CHECKSUM TABLE, which was seen to differ for a table with a generated
 * column although no row did. Every table has a key, so no two rows are equal and cancel each other out.
 * `without`: columns, as `table.column`, that change for no reason that the test is about.
 */
export async function digestTables(
  db: TestDatabase,
  tables: readonly string[],
  without: readonly string[] = [],
): Promise<Readonly<Record<string, string>>> {
  const digests: [string, string][] = [];
  for (const table of tables) {
    const columns = (await readColumns(db, table)).filter((column) => !without.includes(`${table}.${column}`));
    const row = `SHA2(CONCAT_WS(',', ${columns.map((column) => `COALESCE(HEX(\`${column}\`), '-')`).join(', ')}), 256)`;
    const halves = [1, 17, 33, 49].map(
      (from) => `BIT_XOR(CAST(CONV(SUBSTR(${row}, ${from}, 16), 16, 10) AS UNSIGNED))`,
    );
    const [digest] = await db.query(
      `SELECT CONCAT_WS('-', COUNT(*), ${halves.join(', ')}) AS digest FROM \`${table}\``,
    );
    digests.push([table, String(digest?.['digest'])]);
  }
  return Object.fromEntries(digests);
}
