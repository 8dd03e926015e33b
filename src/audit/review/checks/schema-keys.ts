import type { Check, Finding, ReviewReader } from '../check';
import { askGuards, isMariaDatabase } from './ask-guards';
import { expectedSchema, type Column } from './expected-schema';

/**
 * What the tables themselves refuse, or do not: unique keys, CHECKs, the engine that locks rows. Compared with the reviewed schema,
 * both ways: what is missing guards nothing, and what nobody reviewed may do anything.
 */

/** Its CHECKs have a check of their own, which the owner's checklist asks for. */
const STOCK_TABLE = 'promotions';

export const SCHEMA_KEY_CHECKS: readonly Check[] = [
  {
    id: 'schema-unique-keys',
    section: 'reuse',
    item: 'unique-keys',
    severity: 'severe',
    title: { zh: '唯一约束缺失或被改动', en: 'A unique key is missing or was changed' },
    fix: {
      zh: '以迁移账户按 migrations/schema.sql 重建该唯一键；重建失败说明已有重复数据，先查清重复行。',
      en: 'Make the key again as migrations/schema.sql has it, as the migrating account; where that fails there are doubles: find them first.',
    },
    run: ({ db }) => findUniqueKeys(db),
  },
  {
    id: 'schema-checks',
    section: 'reuse',
    item: 'state-checks',
    severity: 'severe',
    title: { zh: 'CHECK 约束缺失、被改动或未启用', en: 'A CHECK is missing, was changed or is not enforced' },
    fix: {
      zh: '以迁移账户按 migrations/schema.sql 重建该约束；重建失败说明已有违规数据，先查清违规行。',
      en: 'Make the CHECK again as migrations/schema.sql has it; where that fails there are rows that break it: find them first.',
    },
    run: ({ db }) => findConstraints(db, (table) => table !== STOCK_TABLE),
  },
  {
    id: 'schema-stock-checks',
    section: 'concurrency',
    item: 'atomic-stock',
    severity: 'severe',
    title: { zh: '库存与预算不再由数据库限制', en: 'The database no longer limits stock and budget' },
    fix: {
      zh: '重建 promotions 表上的 CHECK 约束，并核对已领数量。',
      en: 'Make the CHECKs of promotions again, and compare what was claimed with the coupons.',
    },
    run: ({ db }) => findConstraints(db, (table) => table === STOCK_TABLE),
  },
  {
    id: 'schema-row-locks',
    section: 'concurrency',
    item: 'claim-row-locks',
    severity: 'severe',
    title: { zh: '表不支持行锁（不是 InnoDB）', en: 'A table has no row locks: it is not InnoDB' },
    fix: {
      zh: '停止写入，把该表改回 InnoDB（ALTER TABLE … ENGINE=InnoDB），再重新审查。',
      en: 'Stop writing, make the table InnoDB again (ALTER TABLE … ENGINE=InnoDB), and review again.',
    },
    run: ({ db }) => findEngines(db),
  },
  {
    id: 'schema-tables',
    section: 'permissions',
    item: 'append-only',
    severity: 'severe',
    title: { zh: '表或列与评审过的结构不符', en: 'Tables or columns are not those that were reviewed' },
    fix: {
      zh: '缺少的：运行 billing migrate；多出的：查明是谁建的，由迁移移除或纳入。',
      en: 'What is missing: run billing migrate. What is too much: find out who made it; a migration removes it or takes it in.',
    },
    run: ({ db }) => findTables(db),
  },
];

/** Kept by knex for itself. */
const NOT_OURS = /^knex_/;

const MISSING = 'missing';
const NOT_REVIEWED = 'not in the reviewed schema';
const CHANGED = 'changed';

async function findUniqueKeys(db: ReviewReader): Promise<readonly Finding[]> {
  const rows = await askGuards<KeyRow>(db, 'review_keys', OWN_KEYS);
  const found = new Map<string, string>();
  for (const { table_name: table, key_name: key, column_name: column } of rows) {
    const before = found.get(`${table}.${key}`);
    found.set(`${table}.${key}`, before === undefined ? column : `${before},${column}`);
  }
  const findings: Finding[] = await findSwitchedOff(db, 'unique_checks');
  const { tables } = expectedSchema();
  for (const [table, { uniqueKeys }] of tables) {
    for (const [key, columns] of uniqueKeys) {
      const actual = found.get(`${table}.${key}`);
      found.delete(`${table}.${key}`);
      if (actual === columns) continue;
      const problem = actual === undefined ? MISSING : CHANGED;
      findings.push({ evidence: { table, key, columns, problem, found: actual ?? null } });
    }
  }
  for (const [name, columns] of found) {
    const [table = '', key = ''] = name.split('.');
    if (tables.has(table))
      findings.push({ evidence: { table, key, columns: null, problem: NOT_REVIEWED, found: columns } });
  }
  return findings;
}

/** What sessions begin with on the whole server: where it is off, whoever does not switch it on is refused nothing. */
async function findSwitchedOff(db: ReviewReader, variable: string): Promise<Finding[]> {
  const [row] = await db.rows<{ readonly Value: string }>('SHOW GLOBAL VARIABLES LIKE ?', [variable]);
  if (row === undefined || row.Value === 'ON') return [];
  return [{ evidence: { variable, problem: 'not enforced', found: row.Value } }];
}

/** A column of a unique key; they come in their order. */
interface KeyRow {
  readonly table_name: string;
  readonly key_name: string;
  readonly column_name: string;
}

const OWN_KEYS = `
  SELECT TABLE_NAME AS table_name, INDEX_NAME AS key_name, COLUMN_NAME AS column_name
  FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND NON_UNIQUE = 0
  ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX`;

async function findConstraints(db: ReviewReader, isMeant: (table: string) => boolean): Promise<readonly Finding[]> {
  const isMariaDb = await isMariaDatabase(db);
  const rows = await askGuards<ConstraintRow>(db, 'review_checks', OWN_CONSTRAINTS);
  const isSame = isMariaDb ? isSameOnMariaDb : isSameOnMySql;
  const findings: Finding[] = await findSwitchedOff(db, 'check_constraint_checks');
  for (const [table, { constraints }] of expectedSchema().tables) {
    if (!isMeant(table)) continue;
    const found = new Map(rows.filter((row) => row.table_name === table).map((row) => [row.name, row]));
    for (const [check, condition] of constraints) {
      const actual = found.get(check) ?? (isMariaDb ? undefined : findUnnamed(found, constraints, condition));
      if (actual !== undefined) found.delete(actual.name);
      const isEnforced = actual?.enforced === 'YES';
      if (isEnforced && isSame(actual.clause, condition)) continue;
      const problem = actual === undefined ? MISSING : isEnforced ? CHANGED : 'not enforced';
      findings.push({ evidence: { table, check, problem, condition, found: actual?.clause ?? null } });
    }
    for (const { name: check, clause } of found.values()) {
      findings.push({ evidence: { table, check, problem: NOT_REVIEWED, condition: null, found: clause } });
    }
  }
  return findings;
}

function isSameOnMariaDb(actual: string, reviewed: string): boolean {
  return actual === reviewed;
}

/** It writes the same condition otherwise: that it is of the same columns must do. */
function isSameOnMySql(actual: string, reviewed: string): boolean {
  const columnsOf = (clause: string): string =>
    [...new Set([...clause.matchAll(/`(\w+)`/g)].map(([, name]) => name))].sort().join(',');
  return columnsOf(actual) === columnsOf(reviewed);
}

/** MySQL gives a CHECK that is written beside its column a name of its own. */
function findUnnamed(
  found: ReadonlyMap<string, ConstraintRow>,
  reviewed: ReadonlyMap<string, string>,
  condition: string,
): ConstraintRow | undefined {
  return [...found.values()].find(({ name, clause }) => !reviewed.has(name) && isSameOnMySql(clause, condition));
}

interface ConstraintRow {
  readonly table_name: string;
  readonly name: string;
  readonly clause: string;
  readonly enforced: string;
}

/** For a copy without its accounts, on the same engine. */
const OWN_CONSTRAINTS = `
  SELECT TABLE_NAME AS table_name, CONSTRAINT_NAME AS name, CHECK_CLAUSE AS clause, 'YES' AS enforced
  FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE()`;

interface ColumnRow {
  readonly table_name: string;
  readonly engine: string | null;
  readonly column_name: string;
  readonly column_type: string;
  readonly is_nullable: string;
  readonly collation_name: string | null;
  /** null or empty of a column that is written. */
  readonly expression: string | null;
}

/** A table as it is. */
interface FoundTable {
  readonly engine: string | null;
  readonly columns: Map<string, Column>;
}

const OWN_COLUMNS = `
  SELECT t.TABLE_NAME AS table_name, t.ENGINE AS engine, c.COLUMN_NAME AS column_name, c.COLUMN_TYPE AS column_type,
    c.IS_NULLABLE AS is_nullable, c.COLLATION_NAME AS collation_name, c.GENERATION_EXPRESSION AS expression
  FROM information_schema.TABLES t JOIN information_schema.COLUMNS c
    ON c.TABLE_SCHEMA = t.TABLE_SCHEMA AND c.TABLE_NAME = t.TABLE_NAME
  WHERE t.TABLE_SCHEMA = DATABASE()`;

async function readTables(db: ReviewReader): Promise<ReadonlyMap<string, FoundTable>> {
  const tables = new Map<string, FoundTable>();
  for (const row of await askGuards<ColumnRow>(db, 'review_columns', OWN_COLUMNS)) {
    const { table_name: name, engine, column_name: column, column_type: type, collation_name: collation } = row;
    const table = tables.get(name) ?? { engine, columns: new Map<string, Column>() };
    const expression = row.expression === '' ? null : row.expression;
    table.columns.set(column, { type, isNullable: row.is_nullable === 'YES', collation, expression });
    tables.set(name, table);
  }
  return tables;
}

/** A table that is gone is told by schema-tables. */
async function findEngines(db: ReviewReader): Promise<readonly Finding[]> {
  const found = await readTables(db);
  const findings: Finding[] = [];
  for (const [table, { engine: expected }] of expectedSchema().tables) {
    const actual = found.get(table);
    if (actual === undefined || actual.engine === expected) continue;
    findings.push({ evidence: { table, engine: actual.engine, expected } });
  }
  return findings;
}

async function findTables(db: ReviewReader): Promise<readonly Finding[]> {
  const found = await readTables(db);
  const { tables } = expectedSchema();
  const inWords = describer(await isMariaDatabase(db));
  const findings: Finding[] = [];
  const tell = (table: string, column: string | null, problem: string): void => {
    findings.push({ evidence: { table, column, problem } });
  };
  for (const [table, { columns }] of tables) {
    const actual = found.get(table);
    if (actual === undefined) tell(table, null, MISSING);
    for (const [column, reviewed] of actual === undefined ? [] : columns) {
      const there = actual?.columns.get(column);
      if (there === undefined) tell(table, column, MISSING);
      else if (inWords(there) !== inWords(reviewed))
        findings.push({
          evidence: { table, column, problem: CHANGED, expected: inWords(reviewed), found: inWords(there) },
        });
    }
  }
  for (const [table, { columns }] of found) {
    if (NOT_OURS.test(table)) continue;
    const expected = tables.get(table);
    if (expected === undefined) tell(table, null, NOT_REVIEWED);
    else for (const column of columns.keys()) if (!expected.columns.has(column)) tell(table, column, NOT_REVIEWED);
  }
  return findings;
}

/** Engines agree on a column in these words. The width that MariaDB shows a whole number with means nothing. */
function describer(isMariaDb: boolean) {
  return ({ type, isNullable, collation, expression }: Column): string => {
    // Another engine writes the same expression otherwise: there it must do that there is one.
    const computed = isMariaDb ? ` as (${expression ?? ''})` : ' computed';
    return [
      type.replace(/int\(\d+\)/, 'int'),
      collation === null ? '' : ` ${collation}`,
      isNullable ? '' : ' not null',
      expression === null ? '' : computed,
    ].join('');
  };
}
