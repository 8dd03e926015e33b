import { readFileSync } from 'node:fs';
import { READING_PROCEDURES, TABLE_PRIVILEGES } from '../../../../migrations/privileges';
import { expectedSchema, parseSchema } from '../../../../src/audit/review/checks/expected-schema';

const TEXT = readFileSync('migrations/schema.sql', 'utf8');

/** The review compares a database with migrations/schema.sql: nothing of it may be overlooked. */
describe('the reviewed schema', () => {
  const schema = expectedSchema();
  const count = (pattern: RegExp): number => [...TEXT.matchAll(pattern)].length;
  const sum = (numberOf: (table: string) => number): number =>
    [...schema.tables.keys()].reduce((all, table) => all + numberOf(table), 0);

  test('is read whole: every table, column, unique key, CHECK, trigger and procedure', () => {
    expect(schema.tables.size).toBe(count(/^CREATE TABLE /gm));
    expect(sum((table) => schema.tables.get(table)?.columns.size ?? 0)).toBe(count(/^ {2}`\w+` /gm));
    expect(sum((table) => schema.tables.get(table)?.uniqueKeys.size ?? 0)).toBe(count(/^ {2}(?:PRIMARY|UNIQUE) KEY/gm));
    expect(sum((table) => schema.tables.get(table)?.constraints.size ?? 0)).toBe(count(/ CHECK \(/g));
    expect(schema.triggers.size).toBe(count(/^CREATE TRIGGER /gm));
    expect([...schema.procedures.keys()].sort()).toEqual([...READING_PROCEDURES].sort());
    expect(schema.procedures.size).toBe(count(/^CREATE PROCEDURE /gm));
    expect(schema.triggers.size).toBeGreaterThan(50);
  });

  test('says what each column holds, and what it is computed of', () => {
    const columns = [...schema.tables.values()].flatMap(({ columns: all }) => [...all.values()]);
    expect(columns.filter(({ expression }) => expression !== null)).toHaveLength(count(/ GENERATED ALWAYS AS /g));
    expect(columns.filter(({ isNullable }) => !isNullable)).toHaveLength(count(/^ {2}`\w+` .* NOT NULL/gm));
    expect(columns.filter(({ collation }) => collation === 'ascii_bin')).toHaveLength(count(/ COLLATE ascii_bin/g));
    expect(schema.tables.get('payments')?.columns.get('applied_order_id')).toEqual({
      ...{ type: 'varchar(32)', isNullable: true, collation: 'ascii_bin' },
      expression: "case when `status` = 'applied' then `order_id` end",
    });
    expect(schema.tables.get('payments')?.columns.get('amount')).toEqual({
      ...{ type: 'bigint(20)', isNullable: false, collation: null, expression: null },
    });
  });

  test('names the tables of the reviewed privileges', () => {
    const named = Object.keys(TABLE_PRIVILEGES);
    expect(named.filter((table) => !schema.tables.has(table))).toEqual([]);
  });

  test('keeps a body of several statements and lines in one piece', () => {
    const bodies = [...schema.triggers.values()].map(({ body }) => body);
    expect(bodies.filter((body) => /CREATE TRIGGER/.test(body))).toEqual([]);
    expect(bodies.filter((body) => body.startsWith('BEGIN') && !body.endsWith('END'))).toEqual([]);
    expect(schema.triggers.get('users_frozen')).toMatchObject({ table: 'users', timing: 'BEFORE', event: 'UPDATE' });
  });

  test('is refused when it is none', () => {
    expect(() => parseSchema('-- nothing')).toThrow('is no schema');
  });
});
