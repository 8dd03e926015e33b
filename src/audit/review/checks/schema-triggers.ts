import type { Check, Finding, ReviewReader } from '../check';
import { expectedSchema, type Trigger } from './expected-schema';
import { askGuards } from './ask-guards';
import { words } from './sql-words';

/** The triggers that keep history from being changed: each must be there as it was reviewed, and no other. */
export const SCHEMA_TRIGGER_CHECKS: readonly Check[] = [
  {
    id: 'schema-triggers',
    section: 'permissions',
    item: 'append-only',
    severity: 'severe',
    title: {
      zh: '保护历史记录的触发器缺失、被改动或多出',
      en: 'A trigger that guards history is missing, was changed or added',
    },
    fix: {
      zh: '以迁移账户按 migrations/schema.sql 重建触发器；其缺失期间的改动用锚点核对（billing audit verify --anchor）。',
      en: 'Make the trigger again as migrations/schema.sql has it; what was changed meanwhile an anchor shows (billing audit verify --anchor).',
    },
    run: ({ db }) => findTriggers(db),
  },
];

interface FoundTrigger extends Trigger {
  readonly name: string;
}

async function findTriggers(db: ReviewReader): Promise<readonly Finding[]> {
  const found = new Map((await readTriggers(db)).map((trigger) => [trigger.name, trigger]));
  const expected = expectedSchema().triggers;
  const findings: Finding[] = [];
  for (const [trigger, reviewed] of expected) {
    const actual = found.get(trigger);
    const { table } = reviewed;
    if (actual === undefined) findings.push({ evidence: { trigger, table, problem: 'missing' } });
    else if (!isSame(actual, reviewed))
      findings.push({ evidence: { trigger, table, problem: 'changed', body: actual.body } });
  }
  for (const [trigger, { table, body }] of found) {
    if (expected.has(trigger)) continue;
    findings.push({ evidence: { trigger, table, problem: 'not in the reviewed schema', body } });
  }
  return findings;
}

function isSame(actual: Trigger, reviewed: Trigger): boolean {
  const { table, timing, event, body } = reviewed;
  const isPlaced = actual.table === table && actual.timing === timing && actual.event === event;
  return isPlaced && words(actual.body) === words(body);
}

const OWN = `
  SELECT TRIGGER_NAME AS name, EVENT_OBJECT_TABLE AS table_name, ACTION_TIMING AS timing, EVENT_MANIPULATION AS event,
    ACTION_STATEMENT AS body
  FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()`;

interface TriggerRow {
  readonly name: string;
  readonly table_name: string;
  readonly timing: string;
  readonly event: string;
  /** null where the account may know that there is a trigger, but not what it does. */
  readonly body: string | null;
}

async function readTriggers(db: ReviewReader): Promise<readonly FoundTrigger[]> {
  const rows = await askGuards<TriggerRow>(db, 'review_triggers', OWN);
  return rows.map(({ name, table_name: table, timing, event, body }) => ({
    name,
    table,
    timing,
    event,
    body: body ?? '',
  }));
}
