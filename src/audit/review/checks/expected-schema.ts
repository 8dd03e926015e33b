import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The schema as it was reviewed: migrations/schema.sql, which CI compares with what the migrations make. */
export interface ExpectedSchema {
  readonly tables: ReadonlyMap<string, ExpectedTable>;
  readonly triggers: ReadonlyMap<string, Trigger>;
  /** What follows CREATE, of each procedure by its name. */
  readonly procedures: ReadonlyMap<string, string>;
}

export interface ExpectedTable {
  readonly engine: string;
  readonly columns: readonly string[];
  /** Columns of each unique key, in order, joined by commas; by the name of the key. */
  readonly uniqueKeys: ReadonlyMap<string, string>;
  /** The condition of each CHECK by its name, as MariaDB shows it. */
  readonly constraints: ReadonlyMap<string, string>;
}

export interface Trigger {
  readonly table: string;
  readonly timing: string;
  readonly event: string;
  readonly body: string;
}

/** Beside the sources, and beside what is compiled of them: the build copies it. */
const SCHEMA_FILE = join(__dirname, '..', '..', '..', '..', 'migrations', 'schema.sql');

let known: ExpectedSchema | undefined;

/** Reads the reviewed schema, once. */
export function expectedSchema(): ExpectedSchema {
  known ??= parseSchema(readFileSync(SCHEMA_FILE, 'utf8'));
  return known;
}

/** Reads what SHOW CREATE answered. It is written by `npm run schema:write` alone, so its form is known. */
export function parseSchema(text: string): ExpectedSchema {
  const tables = new Map<string, ExpectedTable>();
  for (const [, name = '', body = '', engine = ''] of text.matchAll(TABLE)) tables.set(name, parseTable(body, engine));
  const triggers = new Map<string, Trigger>();
  for (const [, name = '', timing = '', event = '', table = '', body = ''] of text.matchAll(TRIGGER)) {
    triggers.set(name, { table, timing, event, body: body.trim() });
  }
  const procedures = new Map<string, string>();
  for (const [, definition = '', name = ''] of text.matchAll(PROCEDURE)) procedures.set(name, definition);
  if ([tables, triggers, procedures].some(({ size }) => size === 0)) {
    throw new Error('migrations/schema.sql is no schema');
  }
  return { tables, triggers, procedures };
}

const TABLE = /^CREATE TABLE `(\w+)` \(\n([^]*?)\n\) ENGINE=(\w+)/gm;
/** A body ends where the next statement begins, or the file ends. */
const TRIGGER =
  /^CREATE TRIGGER (?:IF NOT EXISTS )?`?(\w+)`? (BEFORE|AFTER) (INSERT|UPDATE|DELETE) ON `?(\w+)`? FOR EACH ROW\s+([^]*?);\n(?=\nCREATE |$(?![^]))/gm;

const PROCEDURE = /^CREATE (PROCEDURE `(\w+)`\(\)[^]*?);\n(?=\nCREATE |$(?![^]))/gm;

function parseTable(body: string, engine: string): ExpectedTable {
  const columns: string[] = [];
  const uniqueKeys = new Map<string, string>();
  const constraints = new Map<string, string>();
  for (const line of body.split('\n')) {
    const column = /^ {2}`(\w+)` /.exec(line);
    if (column?.[1] !== undefined) columns.push(column[1]);
    const key = /^ {2}(?:PRIMARY KEY|UNIQUE KEY `(\w+)`) \((.+?)\)(?: USING \w+)?,?$/.exec(line);
    if (key !== null) uniqueKeys.set(key[1] ?? 'PRIMARY', (key[2] ?? '').replaceAll('`', ''));
    const constraint = /^ {2}CONSTRAINT `(\w+)` CHECK \(([^]*)\),?$/.exec(line);
    if (constraint?.[1] !== undefined) constraints.set(constraint[1], constraint[2] ?? '');
  }
  return { engine, columns, uniqueKeys, constraints };
}
