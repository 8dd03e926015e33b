import type { Snapshot } from '../../platform/db/snapshot';

/**
 * Tables whose rows an anchor does not count: those that lose rows because they are no history, and those that the report
 * account may not read, by which anchors are checked. A test compares them with migrations/privileges.ts.
 */
export const UNCOUNTED_TABLES: ReadonlySet<string> = new Set([
  'event_deliveries',
  'granted_identities',
  'order_payers',
  'outbox',
  'request_keys',
  'request_refusals',
  'user_identities',
  'wechatpay_notification_bodies',
]);

/** The tables that are counted: every other that the account of the service sees. */
export async function countedTables(snapshot: Pick<Snapshot, 'rows'>): Promise<readonly string[]> {
  const rows = await snapshot.rows<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.tables
     WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' ORDER BY table_name`,
  );
  return rows.map(({ name }) => name).filter((name) => !UNCOUNTED_TABLES.has(name) && !name.startsWith('knex_'));
}

/** How many rows each table has; undefined for one that is not there. */
export async function countRows(
  snapshot: Pick<Snapshot, 'rows'>,
  tables: readonly string[],
): Promise<ReadonlyMap<string, number | undefined>> {
  const there = new Set(await countedTables(snapshot));
  const counts = new Map<string, number | undefined>();
  for (const table of tables) {
    if (!there.has(table)) {
      counts.set(table, undefined);
      continue;
    }
    const [row] = await snapshot.rows<{ rowsThere: number }>(`SELECT COUNT(*) AS rowsThere FROM \`${table}\``);
    counts.set(table, row?.rowsThere ?? 0);
  }
  return counts;
}
