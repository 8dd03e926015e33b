import type { Knex } from 'knex';
import { snakeCaseMappers } from 'objection';
import type { Scope } from './scope';
import type { TableRule } from './table-rules';

/** A row as the database has it: columns under their own names. */
export type Row = Readonly<Record<string, unknown>>;

const NAMES = snakeCaseMappers();

/** Rows of one table beyond which nobody wants an archive: who comes here is told that it is too large. */
export const ROWS_MAX = 200_000;

/** How many ids one statement names. */
const IDS_AT_ONCE = 1_000;

interface Condition {
  readonly sql: string;
  readonly values: readonly (string | number | Buffer | readonly (string | number | Buffer)[])[];
}

/** The rows that conditions find, once each, in the order of their key. */
export async function readWhere(
  reader: Knex,
  { table, key }: Pick<TableRule, 'table' | 'key'>,
  condition: Condition,
): Promise<Row[]> {
  const columns = key.map((column) => `\`${column}\``).join(', ');
  const rows = await reader(table)
    .select<Record<string, unknown>[]>('*')
    .whereRaw(condition.sql, condition.values as never)
    .orderByRaw(columns)
    .limit(ROWS_MAX + 1);
  // The pool speaks camelCase; evidence speaks the schema's language.
  return rows.map((row) => NAMES.format(row) as Row);
}

/** How two values of a key are ordered: as the database orders its binary collations. */
function compare(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const [left = Buffer.alloc(0), right = Buffer.alloc(0)] = [a, b].map((value) =>
    Buffer.isBuffer(value) ? value : Buffer.from(String(value), 'utf8'),
  );
  return Buffer.compare(left, right);
}

/** Rows that several conditions found, once each, in the order of their key. */
function once(rows: readonly Row[], key: readonly string[]): Row[] {
  const nameOf = (row: Row): string =>
    JSON.stringify(key.map((column) => (Buffer.isBuffer(row[column]) ? row[column].toString('hex') : row[column])));
  const distinct = [...new Map(rows.map((row) => [nameOf(row), row])).values()];
  return distinct.sort((a, b) => {
    for (const column of key) {
      const order = compare(a[column], b[column]);
      if (order !== 0) return order;
    }
    return 0;
  });
}

/** The conditions under which a table's rule finds rows for a scope. Each can use an index of its own. */
function conditionsOf({ user, matches }: TableRule, scope: Scope): readonly Condition[] {
  const conditions: Condition[] = [];
  if (user !== undefined && (user.always || scope.isWholeUser)) {
    conditions.push({ sql: `\`${user.column}\` = ?`, values: [`${user.prefix ?? ''}${scope.userId}`] });
  }
  for (const { column, ids, within, and } of matches) {
    for (let from = 0; from < scope.ids[ids].length; from += IDS_AT_ONCE) {
      const some = scope.ids[ids].slice(from, from + IDS_AT_ONCE);
      const marks = some.map(() => '?').join(', ');
      const own = within === undefined ? '' : `\`${within}\` = ? AND `;
      const sql = `${own}\`${column}\` IN (${marks})${and === undefined ? '' : ` AND ${and}`}`;
      conditions.push({ sql, values: within === undefined ? some : [scope.userId, ...some] });
    }
  }
  return conditions;
}

/** The rows of a table that are about a scope. More than ROWS_MAX of them are a sign that there are too many. */
export async function readTable(reader: Knex, rule: TableRule, scope: Scope): Promise<Row[]> {
  const found: Row[] = [];
  // One by one: what is given as arguments lies on the stack, which so many rows do not fit on.
  for (const condition of conditionsOf(rule, scope)) {
    for (const row of await readWhere(reader, rule, condition)) found.push(row);
  }
  return once(found, rule.key);
}

/** A row as a line of JSON: times in UTC (ISO 8601), bytes as lower-case hex digits, everything else as it is. */
export function jsonLine(row: Row): string {
  const entries = Object.entries(row).map(([column, value]) => {
    if (Buffer.isBuffer(value)) return [column, value.toString('hex')];
    return [column, value instanceof Date ? value.toISOString() : value];
  });
  return `${JSON.stringify(Object.fromEntries(entries))}\n`;
}
