import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const ROOT = join(__dirname, '..', '..', '..');

/** SQL that only one of MariaDB 10.11 and MySQL 8.0 understands, or that means something else in the other. */
const NOT_PORTABLE: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['RETURNING (MariaDB)', /\b(INSERT|DELETE|REPLACE)\b[^;`]*\bRETURNING\b/s],
  ['sequences (MariaDB)', /\b(NEXT VALUE FOR|NEXTVAL|LASTVAL|CREATE SEQUENCE)\b/],
  ['CREATE OR REPLACE TABLE or TRIGGER (MariaDB)', /\bCREATE OR REPLACE (TABLE|TRIGGER|INDEX)\b/],
  [
    'IF [NOT] EXISTS on columns and indexes (MariaDB)',
    /\b(ADD|DROP|MODIFY|CHANGE) (COLUMN |INDEX |KEY )?IF (NOT )?EXISTS\b/,
  ],
  ['CREATE INDEX IF NOT EXISTS (MariaDB)', /\bCREATE (UNIQUE )?INDEX IF NOT EXISTS\b/],
  ['system versioning (MariaDB)', /\b(SYSTEM VERSIONING|FOR SYSTEM_TIME)\b/],
  ['the UUID, INET4 and INET6 types (MariaDB)', /^\s+\w+ (UUID|INET4|INET6) (NOT )?NULL\b/m],
  ['VALUE() (MariaDB)', /ON DUPLICATE KEY UPDATE[^;`]*\bVALUE\s*\(/s],
  ['VALUES() in an upsert (deprecated in MySQL)', /ON DUPLICATE KEY UPDATE[^;`]*\bVALUES\s*\(/s],
  ['a row alias in an upsert (MySQL)', /\bVALUES\b[^;`]*\)\s+AS\s+\w+\s+ON DUPLICATE/s],
  ['CAST AS JSON (MySQL)', /\bCAST\s*\([^)]*\bAS JSON\b/],
  ['-> and ->> on JSON (MySQL)', /\w->>?\s*'\$/],
  ['JSON_TABLE with MySQL defaults, MEMBER OF (MySQL)', /\b(MEMBER OF|JSON_ARRAY_INSERT_ALL|JSON_STORAGE_SIZE)\b/],
  ['the JSON type (an alias of text in MariaDB)', /^\s+\w+ JSON (NOT )?NULL\b/m],
  ['UUID_TO_BIN and BIN_TO_UUID (MySQL)', /\b(UUID_TO_BIN|BIN_TO_UUID)\b/],
  ['FOR SHARE and FOR UPDATE OF (MySQL)', /\bFOR (SHARE\b|UPDATE OF\b)/],
  ['LATERAL (MySQL)', /\bLATERAL\b/],
  ['functional indexes (MySQL)', /\b(KEY|INDEX) \w+ \(\(/],
  ['expression defaults (different in both)', /\bDEFAULT \((?!\))/],
  ['utf8mb4_0900 collations (MySQL)', /utf8mb4_0900/],
  ['uca1400 collations (MariaDB)', /uca1400/],
  ['invisible columns and indexes (different in both)', /\bINVISIBLE\b/],
];

function filesUnder(directory: string): readonly string[] {
  return readdirSync(join(ROOT, directory), { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .filter((name) => /\.(ts|sql)$/.test(name) && !name.includes('src/gen'));
}

/** Code without its comments, which may speak about SQL. */
function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}

/** Design §1: MySQL 8 by construction. */
describe('the SQL', () => {
  // schema.sql is what a MariaDB server answers; what we wrote is in the migrations.
  const files = [...filesUnder('src'), ...filesUnder('migrations')].filter((name) => name.endsWith('.ts'));

  test('is looked for where it is', () => {
    expect(files).toEqual(expect.arrayContaining(['src/platform/db/database.ts', 'migrations/triggers.ts']));
  });

  test.each(NOT_PORTABLE)('uses no %s', (_what, pattern) => {
    const found = files.filter((name) => pattern.test(withoutComments(readFileSync(join(ROOT, name), 'utf8'))));
    expect(found.map((name) => relative('.', name))).toEqual([]);
  });

  test.each([
    ['RETURNING (MariaDB)', 'INSERT INTO t (a) VALUES (1) RETURNING id'],
    ['CAST AS JSON (MySQL)', 'SELECT CAST(a AS JSON)'],
    ['-> and ->> on JSON (MySQL)', "SELECT a->>'$.b'"],
    ['FOR SHARE and FOR UPDATE OF (MySQL)', 'SELECT 1 FOR SHARE'],
    ['UUID_TO_BIN and BIN_TO_UUID (MySQL)', 'SELECT UUID_TO_BIN(a)'],
    ['VALUES() in an upsert (deprecated in MySQL)', 'INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = VALUES(a)'],
  ])('would be caught using %s', (what, sql) => {
    expect(NOT_PORTABLE.find(([name]) => name === what)?.[1].test(sql)).toBe(true);
  });
});
