import { escape } from 'mysql2';

/**
 * SQL made as text, once per shape, for statements of many rows: building them row by row with knex or Objection costs
 * more than running them. Every value goes through `literal`. The quoting relies on a session without
 * NO_BACKSLASH_ESCAPES, which database.ts refuses to open.
 */

/** What a value in a statement can be. */
export type SqlValue = string | number | Date | Buffer | null;

/** Needs no escaping: nearly every id and word. */
const PLAIN = /^[\w .:/@,[\]-]*$/;

/** A value as SQL text. */
export function literal(value: SqlValue): string {
  if (value === null) return 'NULL';
  if (typeof value === 'string') return PLAIN.test(value) ? `'${value}'` : escape(value);
  if (typeof value === 'number') return integer(value);
  if (value instanceof Date) return `'${datetime(value)}'`;
  return `X'${value.toString('hex')}'`;
}

function integer(value: number): string {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not a safe integer`);
  return String(value);
}

/** Instants that were written out lately, by Unix time: the rows of a batch share theirs. */
const written = new Map<number, string>();
const WRITTEN_MAX = 64;

/** A DATETIME(3) in UTC. */
function datetime(instant: Date): string {
  const ms = instant.getTime();
  const known = written.get(ms);
  if (known !== undefined) return known;
  const text = instant.toISOString().replace('T', ' ').slice(0, -1);
  if (written.size === WRITTEN_MAX) written.clear();
  written.set(ms, text);
  return text;
}

/** One INSERT of many rows. Columns are named in the order of each row's values. */
export function insertRows(table: string, columns: readonly string[], rows: readonly (readonly SqlValue[])[]): string {
  let sql = `INSERT INTO ${table} (${columns.join(',')}) VALUES `;
  let separator = '(';
  for (const row of rows) {
    for (const value of row) {
      sql += separator + literal(value);
      separator = ',';
    }
    separator = '),(';
  }
  return `${sql})`;
}

/** Types of the columns of a table of values. */
export type ValueType = 'id' | 'integer' | 'word' | 'hash' | 'instant';

const JSON_TYPES: Readonly<Record<ValueType, string>> = {
  // Longer than any id, so that one that is too long matches nothing instead of being cut.
  id: 'VARCHAR(160) CHARACTER SET ascii',
  integer: 'BIGINT',
  word: 'TEXT CHARACTER SET ascii',
  hash: 'CHAR(64) CHARACTER SET ascii',
  instant: 'DATETIME(3)',
};

const TEXTS: ReadonlySet<ValueType> = new Set(['id', 'word', 'hash']);

/**
 * A table `k` of values inside a statement, to join with: parsed once, where a long OR or UNION is planned row by row. Its
 * columns are named as in `columns`. Hashes are hex in it (UNHEX), ids compare with `COLLATE ascii_bin`.
 */
export function valuesTable(
  columns: Readonly<Record<string, ValueType>>,
  rows: readonly (readonly SqlValue[])[],
): string {
  const [only, ...others] = rows;
  // A lone caller's command: a table of one row is a constant, and planned as one.
  if (only !== undefined && others.length === 0) return oneRowTable(columns, only);
  const json = JSON.stringify(rows.map((row) => row.map(jsonValue)));
  const paths = Object.entries(columns).map(([name, type], i) => `${name} ${JSON_TYPES[type]} PATH '$[${i}]'`);
  return `JSON_TABLE(${quoted(json)}, '$[*]' COLUMNS (${paths.join(', ')})) k`;
}

function oneRowTable(columns: Readonly<Record<string, ValueType>>, row: readonly SqlValue[]): string {
  const values = Object.entries(columns).map(([name, type], i) => `${typedLiteral(type, row[i] ?? null)} AS ${name}`);
  return `(SELECT ${values.join(', ')}) k`;
}

/** A value as its column of a table of values has it: text in ASCII, hashes as hex. */
function typedLiteral(type: ValueType, value: SqlValue): string {
  const plain = Buffer.isBuffer(value) ? value.toString('hex') : value;
  return plain !== null && TEXTS.has(type) ? `_ascii${literal(plain)}` : literal(plain);
}

/** JSON holds control characters only behind a backslash, so there is little to look for. */
function quoted(json: string): string {
  return /['\\]/.test(json) ? escape(json) : `'${json}'`;
}

function jsonValue(value: SqlValue): string | number | null {
  if (value instanceof Date) return datetime(value);
  if (Buffer.isBuffer(value)) return value.toString('hex');
  if (typeof value === 'number') integer(value);
  return value;
}
