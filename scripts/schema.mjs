/**
 * `npm run schema:write` and `schema:check`: runs every migration on an empty database and writes what came out to
 * migrations/schema.sql, or fails when the committed file differs.
 */
import { readIfThere, writeAtomic } from './lib/files.mjs';
import { ROOT, STATE_DIRECTORIES, inRoot } from './lib/paths.mjs';
import { prepareAll } from './lib/prepare.mjs';
import { runInForeground } from './lib/processes.mjs';
import { DATABASE } from './lib/stack/database-accounts.mjs';
import { sql } from './lib/stack/mariadb.mjs';
import { migrate } from './lib/stack/migrate.mjs';
import { withScratchInfrastructure } from './lib/stack/scratch-infrastructure.mjs';
import { Failure, runMain, say } from './lib/terminal.mjs';

const SCHEMA_FILE = inRoot('migrations', 'schema.sql');
const HEADING = '-- What all migrations together make. Written by `npm run schema:write`; do not edit.\n';

/** The names of a kind of object, sorted, without knex's own bookkeeping. */
async function namesOf(stack, column, view, where) {
  const text = `SELECT ${column} FROM information_schema.${view} WHERE ${where} ORDER BY BINARY ${column}`;
  const lines = (await sql(stack, text)).split('\n').filter((name) => name !== '');
  return lines.filter((name) => !name.startsWith('knex_'));
}

/** One column of the answer to a SHOW CREATE statement; the client escapes line breaks in it. */
async function definition(stack, statement, column) {
  const line = (await sql(stack, statement, DATABASE)).trimEnd();
  const unescape = (_, letter) => ({ n: '\n', t: '\t', 0: '\0' })[letter] ?? letter;
  return line.split('\t')[column].replace(/\\(.)/g, unescape);
}

async function dump(stack) {
  const parts = [HEADING];
  const tables = await namesOf(
    stack,
    'table_name',
    'tables',
    `table_schema = '${DATABASE}' AND table_type = 'BASE TABLE'`,
  );
  for (const name of tables) {
    const text = await definition(stack, `SHOW CREATE TABLE \`${name}\``, 1);
    parts.push(`${text.replace(/ AUTO_INCREMENT=\d+/, '')};\n`);
  }
  for (const name of await namesOf(stack, 'table_name', 'views', `table_schema = '${DATABASE}'`)) {
    const text = await definition(stack, `SHOW CREATE VIEW \`${name}\``, 1);
    parts.push(`${text.replace(/ DEFINER=`[^`]*`@`[^`]*`/, '')};\n`);
  }
  for (const name of await namesOf(stack, 'trigger_name', 'triggers', `trigger_schema = '${DATABASE}'`)) {
    const text = await definition(stack, `SHOW CREATE TRIGGER \`${name}\``, 2);
    parts.push(`${text.replace(/ DEFINER=`[^`]*`@`[^`]*`/, '').trimEnd()};\n`);
  }
  for (const name of await namesOf(stack, 'routine_name', 'routines', `routine_schema = '${DATABASE}'`)) {
    const text = await definition(stack, `SHOW CREATE PROCEDURE \`${name}\``, 2);
    parts.push(`${text.replace(/ DEFINER=`[^`]*`@`[^`]*`/, '').trimEnd()};\n`);
  }
  return parts.join('\n');
}

async function check(stack, text) {
  if (readIfThere(SCHEMA_FILE) === text) {
    say('migrations/schema.sql is what the migrations make.');
    return;
  }
  const made = stack.within('schema.sql');
  writeAtomic(made, text);
  await runInForeground('diff', ['-u', '-N', SCHEMA_FILE, made], { cwd: ROOT });
  throw new Failure('migrations/schema.sql is not what the migrations make. Run `npm run schema:write` and review it.');
}

await runMain(async ([mode]) => {
  if (mode !== '--check' && mode !== '--write') throw new Failure('Usage: node scripts/schema.mjs --check | --write');
  await prepareAll();
  await withScratchInfrastructure(STATE_DIRECTORIES.schema, async (stack) => {
    await migrate(stack);
    const text = await dump(stack);
    if (mode === '--check') return check(stack, text);
    writeAtomic(SCHEMA_FILE, text);
    say('Wrote migrations/schema.sql.');
  });
});
