import type { Connection, RowDataPacket } from 'mysql2/promise';
import type { Story } from './stories';

/** Rows of stories as they are written again for as many users as are wanted: texts in which ids are blanks. */

/** A value of a row: text that may have blanks, or null. Bytes are in hex. */
export type Cell = string | null;

/** A table of a story, or what no story owns. */
export interface TemplateTable {
  readonly table: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
}

export interface Column {
  readonly name: string;
  readonly isBinary: boolean;
}

/** What one story wrote, and the ids in it. */
export interface Template {
  readonly story: Story;
  readonly tables: ReadonlyMap<string, TemplateTable>;
  /** The ids, in the order of their blanks. */
  readonly ids: readonly string[];
}

/** Stands before and after the number of a blank: no text of ours has it. */
const MARK = '\u0001';

/** Not multiplied: they are no part of what a user did, or say how far the service was. */
const LEFT_OUT = new Set([
  ...['outbox', 'event_relay', 'event_replays', 'event_deliveries', 'event_sinks', 'job_slots', 'job_dead_letters'],
  ...[
    'access_logs',
    'audit_anchors',
    'audit_chain',
    'audit_chain_head',
    'reviews',
    'registration_grant_days',
    'request_refusals',
  ],
  ...['knex_migrations', 'knex_migrations_lock', 'key_rotations', 'key_rotation_columns', 'user_erasures'],
]);

/** Columns whose values are ids of one user's doing alone. */
const ID_COLUMNS: Readonly<Record<string, readonly string[]>> = {
  users: ['id'],
  orders: ['id', 'transaction_id'],
  payments: ['id', 'transaction_id'],
  wechatpay_notifications: ['id', 'notification_id', 'subject_id'],
  wechatpay_notification_bodies: ['id'],
  user_coupons: ['id'],
};

/** Reads what the stories wrote; what belongs to none of them is shared. */
export async function readTemplates(
  root: Connection,
  database: string,
  stories: readonly Story[],
): Promise<{ readonly templates: readonly Template[]; readonly shared: readonly TemplateTable[] }> {
  const whole = await readTables(root, database);
  const templates = stories.map((story) => templateOf(story, whole));
  const owned = stories.flatMap((story) => idsOf(story, whole));
  const shared = whole.map((table) => {
    return { ...table, rows: table.rows.filter((row) => !row.some((cell) => holdsAny(cell, owned))) };
  });
  return { templates, shared: shared.filter(({ rows }) => rows.length > 0) };
}

async function readTables(root: Connection, database: string): Promise<readonly TemplateTable[]> {
  const [found] = await root.query<RowDataPacket[]>(
    `SELECT table_name AS name FROM information_schema.tables
    WHERE table_schema = ? AND table_type = 'BASE TABLE' ORDER BY table_name`,
    [database],
  );
  const tables: TemplateTable[] = [];
  for (const { name } of found as { name: string }[]) {
    if (!LEFT_OUT.has(name)) tables.push(await readTable(root, database, name));
  }
  return tables;
}

async function readTable(root: Connection, database: string, table: string): Promise<TemplateTable> {
  const [found] = await root.query<RowDataPacket[]>(
    `SELECT column_name AS name, data_type AS type FROM information_schema.columns
    WHERE table_schema = ? AND table_name = ? AND extra NOT LIKE '%GENERATED%' ORDER BY ordinal_position`,
    [database, table],
  );
  const columns = (found as { name: string; type: string }[]).map(({ name, type }) => {
    return { name, isBinary: /binary|blob/.test(type) };
  });
  // As text, just as LOAD DATA takes it.
  const cells = columns.map(({ name, isBinary }) => (isBinary ? `HEX(\`${name}\`)` : `CAST(\`${name}\` AS CHAR)`));
  const [keys] = await root.query<RowDataPacket[]>(
    `SELECT column_name AS name FROM information_schema.key_column_usage
    WHERE table_schema = ? AND table_name = ? AND constraint_name = 'PRIMARY' ORDER BY ordinal_position`,
    [database, table],
  );
  const order = (keys as { name: string }[]).map(({ name }) => `\`${name}\``).join(', ');
  const sql = `SELECT ${cells.join(', ')} FROM ${database}.${table} ORDER BY ${order}`;
  const [rows] = await root.query<RowDataPacket[][]>({ sql, rowsAsArray: true });
  return { table, columns, rows: rows as unknown as readonly (readonly Cell[])[] };
}

/** The ids of a story: its user and order, and what names them. */
function idsOf({ userId, orderId }: Story, whole: readonly TemplateTable[]): readonly string[] {
  const ids = new Set([userId, orderId]);
  // What was paid names the transaction, which the notification names, which its body names.
  for (let round = 0; round < 3; round += 1) {
    for (const { table, columns, rows } of whole) {
      const wanted = ID_COLUMNS[table] ?? [];
      for (const row of rows) {
        if (!row.some((cell) => holdsAny(cell, [...ids]))) continue;
        columns.forEach(({ name }, i) => {
          const value = row[i];
          if (wanted.includes(name) && typeof value === 'string' && value !== '') ids.add(value);
        });
      }
    }
  }
  return [...ids];
}

/** A text with a blank for each of the ids. */
export function blanked(text: string, ids: readonly string[]): string {
  return ids.reduce((left, id, i) => left.replaceAll(id, `${MARK}${i}${MARK}`), text);
}

function templateOf(story: Story, whole: readonly TemplateTable[]): Template {
  const ids = idsOf(story, whole);
  const blank = (cell: Cell): Cell => (cell === null ? null : blanked(cell, ids));
  const tables = new Map<string, TemplateTable>();
  for (const table of whole) {
    const rows = table.rows.filter((row) => row.some((cell) => holdsAny(cell, ids)));
    if (rows.length > 0) tables.set(table.table, { ...table, rows: rows.map((row) => row.map(blank)) });
  }
  return { story, tables, ids };
}

function holdsAny(cell: Cell, ids: readonly string[]): boolean {
  return cell !== null && ids.some((id) => cell.includes(id));
}

/** A text with its blanks filled in for one user. */
export type Filled = (values: readonly string[]) => string;

/** Takes a text apart once, so that filling it in is a concatenation. */
export function fillerOf(text: string): Filled {
  const parts = text.split(MARK);
  // Every other part is the number of a blank.
  if (parts.length === 1) return () => text;
  const numbers = parts.map((part, i) => (i % 2 === 1 ? Number(part) : -1));
  return (values) => {
    let filled = '';
    for (let i = 0; i < parts.length; i += 1)
      filled += i % 2 === 1 ? (values[numbers[i] ?? 0] ?? '') : (parts[i] ?? '');
    return filled;
  };
}

/** The ids of one copy: as long as those of the story, of digits, in order of its number. */
export function idsOfCopy({ ids }: Template, copy: number): readonly string[] {
  return ids.map((id, i) => `${9 - (i % 9)}${String(i).padStart(2, '0')}${String(copy).padStart(id.length - 3, '0')}`);
}

/** A user's id sorts by the number of the copy, whatever the story. */
export function userIdOfCopy(copy: number): string {
  return `user-${String(copy).padStart(9, '0')}`;
}
