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
  readonly columns: ReadonlyMap<string, Column>;
  /** Columns of each unique key, in order, joined by commas; by the name of the key. */
  readonly uniqueKeys: ReadonlyMap<string, string>;
  /** The condition of each CHECK by its name, as MariaDB shows it. One that was written beside its column has the column's name. */
  readonly constraints: ReadonlyMap<string, string>;
}

/** What a column holds. A unique key on one that is computed guards what it is computed of, so the expression counts, too. */
export interface Column {
  readonly type: string;
  readonly isNullable: boolean;
  readonly collation: string | null;
  /** What it is computed of, as MariaDB shows it; null of a column that is written. */
  readonly expression: string | null;
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
  for (const [, name = '', body = '', engine = '', collation = ''] of text.matchAll(TABLE)) {
    tables.set(name, parseTable(body, engine, collation));
  }
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

const TABLE = /^CREATE TABLE `(\w+)` \(\n([^]*?)\n\) ENGINE=(\w+) .*COLLATE=(\w+)/gm;
/** A body ends where the next statement begins, or the file ends. */
const TRIGGER =
  /^CREATE TRIGGER (?:IF NOT EXISTS )?`?(\w+)`? (BEFORE|AFTER) (INSERT|UPDATE|DELETE) ON `?(\w+)`? FOR EACH ROW\s+([^]*?);\n(?=\nCREATE |$(?![^]))/gm;

const PROCEDURE = /^CREATE (PROCEDURE `(\w+)`\(\)[^]*?);\n(?=\nCREATE |$(?![^]))/gm;

const COLUMN = /^ {2}`(\w+)` (\w+(?:\([\d,]+\))?)(?: CHARACTER SET \w+ COLLATE (\w+))?(.*)$/;
const TEXT = /^(?:var)?char|text/;

function parseTable(body: string, engine: string, tableCollation: string): ExpectedTable {
  const columns = new Map<string, Column>();
  const uniqueKeys = new Map<string, string>();
  const constraints = new Map<string, string>();
  for (const line of body.split('\n')) {
    const [, name, type = '', collation, rest = ''] = COLUMN.exec(line) ?? [];
    if (name !== undefined) {
      const expression = /^ GENERATED ALWAYS AS \((.*)\) STORED,?$/.exec(rest)?.[1] ?? null;
      const ownCollation = TEXT.test(type) ? (collation ?? tableCollation) : null;
      columns.set(name, { type, isNullable: !rest.includes(' NOT NULL'), collation: ownCollation, expression });
      const condition = / CHECK \((.*)\),?$/.exec(rest)?.[1];
      if (condition !== undefined) constraints.set(name, condition);
    }
    const key = /^ {2}(?:PRIMARY KEY|UNIQUE KEY `(\w+)`) \((.+?)\)(?: USING \w+)?,?$/.exec(line);
    if (key !== null) uniqueKeys.set(key[1] ?? 'PRIMARY', (key[2] ?? '').replaceAll('`', ''));
    const constraint = /^ {2}CONSTRAINT `(\w+)` CHECK \(([^]*)\),?$/.exec(line);
    if (constraint?.[1] !== undefined) constraints.set(constraint[1], constraint[2] ?? '');
  }
  return { engine, columns, uniqueKeys, constraints };
}
