import { checksSelect, serverRightsSelect } from '../../../../migrations/0053_let_reviews_see_guards';
import type { Check, CheckContext, Finding, ReviewReader } from '../check';
import { isMariaDatabase } from './ask-guards';
import { expectedSchema } from './expected-schema';
import { words } from './sql-words';

/**
 * The procedures by which a review sees what no reading account may: whoever replaces one by a fixed list blinds it. So the review
 * reads their text from the server itself, as the server would run it, and no procedure is asked about procedures. Of others, and of
 * events, which change rows while nobody is connected, there are none; nor are there statements that the server runs with the rights of
 * whoever connects.
 */
export const SCHEMA_ROUTINE_CHECKS: readonly Check[] = [
  {
    id: 'schema-routines',
    section: 'permissions',
    item: 'append-only',
    severity: 'severe',
    title: {
      zh: '存储过程或事件缺失、被改动、多出或无法读取',
      en: 'A procedure or an event is missing, was changed or added, or can not be read',
    },
    fix: {
      zh: '删除未经评审的例程与事件；以迁移账户按 migrations/schema.sql 重建存储过程后重新审查：被替换的过程会掩盖其他问题',
      en: 'Drop what nobody reviewed, make the procedures again as migrations/schema.sql has them, and review again: a replaced one hides other faults',
    },
    run: findRoutines,
  },
];

async function findRoutines({ db, facts }: CheckContext): Promise<readonly Finding[]> {
  const onMariaDb = await isMariaDatabase(db);
  const there = await db.rows<RoutineRow>(onMariaDb ? MARIADB_ROUTINES : MYSQL_ROUTINES);
  const expected = expectedSchema().procedures;
  const findings: Finding[] = [];
  const names = new Set(there.filter(({ type }) => type === 'PROCEDURE').map(({ name }) => name));
  for (const [routine, reviewed] of expected) {
    const text = onMariaDb ? reviewed : onMySql(reviewed);
    const problem = names.has(routine)
      ? await routineProblem(db, routine, text, facts.accounts.migrate)
      : 'missing, or not shown to this account';
    if (problem !== undefined) findings.push({ evidence: { routine, problem } });
  }
  for (const { type, name } of there) {
    if (type === 'PROCEDURE' && expected.has(name)) continue;
    findings.push({ evidence: { routine: name, type, problem: 'not in the reviewed schema' } });
  }
  for (const { schema_name: schema, name, definer, status } of await db.rows<EventRow>(
    onMariaDb ? MARIADB_EVENTS : MYSQL_EVENTS,
  )) {
    findings.push({ evidence: { event: name, schema, definer, status, problem: 'not in the reviewed schema' } });
  }
  const [initial] = await db.rows<{ readonly Value: string }>("SHOW GLOBAL VARIABLES LIKE 'init_connect'");
  const found = initial?.Value ?? '';
  if (found !== '')
    findings.push({ evidence: { variable: 'init_connect', problem: 'not in the reviewed schema', found } });
  return findings;
}

interface RoutineRow {
  readonly name: string;
  readonly type: string;
}

interface EventRow {
  readonly schema_name: string;
  readonly name: string;
  readonly definer: string;
  readonly status: string;
}

/** MariaDB's own tables: who may read them sees all, and who may not is told so, where its views would just show less. */
const MARIADB_ROUTINES = 'SELECT name, type FROM mysql.proc WHERE db = DATABASE() ORDER BY name, type';
/** Of other schemas those that name this one. */
const MARIADB_EVENTS = `
  SELECT db AS schema_name, name, definer, status FROM mysql.event
  WHERE db = DATABASE() OR LOCATE(DATABASE(), CONVERT(body USING utf8mb4)) > 0 ORDER BY db, name`;

const MYSQL_ROUTINES = `
  SELECT ROUTINE_NAME AS name, ROUTINE_TYPE AS type FROM information_schema.ROUTINES
  WHERE ROUTINE_SCHEMA = DATABASE() ORDER BY 1, 2`;
const MYSQL_EVENTS = `
  SELECT EVENT_SCHEMA AS schema_name, EVENT_NAME AS name, DEFINER AS definer, STATUS AS status
  FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE() ORDER BY 2`;

/** On MySQL a migration writes two of them otherwise. */
function onMySql(text: string): string {
  return [checksSelect, serverRightsSelect].reduce(
    (written, select) => written.replace(words(select(true)), words(select(false))),
    words(text),
  );
}

async function routineProblem(
  db: ReviewReader,
  name: string,
  reviewed: string,
  owner: string,
): Promise<string | undefined> {
  const [row] = await db.rows<{ readonly 'Create Procedure': string | null }>(`SHOW CREATE PROCEDURE \`${name}\``);
  const text = row?.['Create Procedure'] ?? null;
  if (text === null) return 'can not be read with this account';
  const [, definer, found] = /^CREATE DEFINER=`([^`]*)`@`[^`]*` ([^]*)$/.exec(text) ?? [];
  if (found === undefined || words(found) !== words(reviewed)) return 'changed';
  return definer === owner ? undefined : `runs with the rights of ${definer ?? ''}`;
}
