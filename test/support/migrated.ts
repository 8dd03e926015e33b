import { execFileSync } from 'node:child_process';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { migrate } from '../../src/cli/migrate';
import { connectAs, createIfMissing, migrateConfigOf } from './database-server';
import type { Infra } from './infra';

/**
 * What all migrations make, made again for each test file from a dump: a migration of its own would take each of them seconds.
 * That a copy is the same as a migrated database, test/integration/database/migrate.test.ts says.
 */

/** Migrated once in a run, and never used. */
const TEMPLATE = 'test_template';
/** Where the statements are that make a copy. */
const KEPT = `${TEMPLATE}_kept`;
const LOCK_WAIT_SECONDS = 120;

/** Makes what migrations make in a database of its own, unless somebody has done so before. */
export async function makeMigrated(infra: Infra, name: string): Promise<void> {
  const root = await connectAs(infra, 'root', undefined);
  try {
    if (await hasTable(root, name, 'knex_migrations')) return;
    await withLock(root, TEMPLATE, async () => {
      if (!(await hasTable(root, KEPT, 'copies'))) await makeTemplate(infra, root);
    });
    await withLock(root, name, async () => {
      if (!(await hasTable(root, name, 'knex_migrations'))) await copyTemplate(infra, root, name);
    });
  } finally {
    await root.end();
  }
}

async function hasTable(root: Connection, database: string, table: string): Promise<boolean> {
  const sql = 'SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND table_name = ?';
  return (await root.query<RowDataPacket[]>(sql, [database, table]))[0].length > 0;
}

/** Two workers may come at once. */
async function withLock(root: Connection, name: string, work: () => Promise<void>): Promise<void> {
  const [[row]] = await root.query<RowDataPacket[]>('SELECT GET_LOCK(?, ?) AS got', [name, LOCK_WAIT_SECONDS]);
  if (row?.['got'] !== 1) throw new Error(`${name} is made for more than ${LOCK_WAIT_SECONDS} s`);
  try {
    await work();
  } finally {
    await root.query('SELECT RELEASE_LOCK(?)', [name]);
  }
}

async function makeTemplate(infra: Infra, root: Connection): Promise<void> {
  await createIfMissing(infra, TEMPLATE);
  await migrate(migrateConfigOf(infra, TEMPLATE));
  const dump = runClient(infra, 'mariadb-dump', ['--routines', '--triggers', '--skip-comments', TEMPLATE], '');
  const grants = [await grantsOf(root, infra.accounts.app.user), await grantsOf(root, infra.accounts.report.user)];
  await root.query(`CREATE DATABASE IF NOT EXISTS ${KEPT}`);
  await root.query(`CREATE TABLE ${KEPT}.copies (statements LONGTEXT CHARACTER SET utf8mb4 NOT NULL)`);
  await root.query(`INSERT INTO ${KEPT}.copies VALUES (?)`, [[dump, ...grants.flat()].join('\n')]);
}

/** What an account may do in the template, as statements. */
async function grantsOf(root: Connection, user: string): Promise<readonly string[]> {
  const [rows] = await root.query<RowDataPacket[]>("SHOW GRANTS FOR ?@'%'", [user]);
  const grants = rows.flatMap((row) => Object.values(row).map(String));
  return grants.filter((grant) => grant.includes(`\`${TEMPLATE}\``)).map((grant) => `${grant};`);
}

async function copyTemplate(infra: Infra, root: Connection, name: string): Promise<void> {
  const [[row]] = await root.query<RowDataPacket[]>(`SELECT statements FROM ${KEPT}.copies`);
  runClient(infra, 'mariadb', [name], String(row?.['statements']).replaceAll(`\`${TEMPLATE}\``, `\`${name}\``));
}

/** One of the server's own programs, which know the delimiters of triggers. */
function runClient(infra: Infra, program: string, words: readonly string[], input: string): string {
  const connection = ['--no-defaults', `--socket=${infra.rootSocket}`, `--user=${infra.rootUser}`];
  const env = { PATH: process.env['PATH'], MYSQL_PWD: infra.rootPassword };
  const options = { env, input, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 } as const;
  return execFileSync(program, [...connection, '--default-character-set=utf8mb4', ...words], options);
}
