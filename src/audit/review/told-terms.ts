import type { Evidence, Finding, ReviewReader } from './check';

/**
 * Follows what the audit log tells of things that people decide about, row by row and in order, and compares what is stored with what
 * it comes to. Memory: one thing at a time.
 */

/** Fields of a thing by the names that its audit rows use; one that is there and undefined is not known. */
export type Told = Readonly<Record<string, unknown>>;

/** A row of a table with one of its audit rows, or with none. */
export type StoredRow = Readonly<Record<string, unknown>> & {
  readonly audit_id: number | null;
  readonly audit_action: string | null;
  readonly audit_actor: string | null;
  readonly audit_time: Date | null;
  readonly audit_before: string | null;
  readonly audit_after: string | null;
};

/** An audit row of a thing. */
export interface Telling {
  readonly action: string;
  readonly actor: string;
  readonly time: Date;
  readonly before: Told;
  readonly after: Told;
}

/** Things of one kind, and where they stand. */
export interface ToldTerms {
  /** What it is called in the evidence, and in the audit log. */
  readonly kind: string;
  readonly subjectType: string;
  readonly table: string;
  /** The column that the audit log names its subject by. */
  readonly subject: string;
  /** The condition that an audit row `a` is about a row `t`, beyond its subject. */
  readonly about?: string;
  /** The fields, and what each of them is in the words of the audit log. */
  readonly fields: Readonly<Record<string, (stored: unknown) => unknown>>;
  /** What was told before its first audit row: of what migrations put there; undefined of everything else. */
  born?(row: StoredRow): Told | undefined;
  /** What is told after a further audit row; `told` is undefined while nothing has made it. */
  follow(told: Told | undefined, telling: Telling, row: StoredRow): Told | undefined;
}

/** Every row of the table with all of its audit rows, in the order in which they were written. */
export function tellingsOf(db: ReviewReader, terms: ToldTerms): AsyncIterable<StoredRow> {
  const { subjectType, table, subject, about = 'TRUE' } = terms;
  return db.stream<StoredRow>(
    `SELECT t.*, a.id AS audit_id, a.action AS audit_action, a.actor AS audit_actor, a.create_time AS audit_time,
      a.before_state AS audit_before, a.after_state AS audit_after
    FROM ${table} t
    LEFT JOIN audit_logs a ON a.subject_type = '${subjectType}' AND a.subject_id = t.${subject} AND (${about})
    ORDER BY t.id, a.id`,
  );
}

/** The audit row that a joined row brings; undefined where it brings none. */
export function tellingIn(row: StoredRow): Telling | undefined {
  const { audit_action: action, audit_actor: actor, audit_time: time } = row;
  if (action === null || actor === null || time === null) return undefined;
  return { action, actor, time, before: statesIn(row.audit_before), after: statesIn(row.audit_after) };
}

/** What can not be read tells nothing: the chain of the audit log names such a row. */
function statesIn(json: string | null): Told {
  try {
    const value: unknown = JSON.parse(json ?? '{}');
    return typeof value === 'object' && value !== null ? (value as Told) : {};
  } catch {
    return {};
  }
}

/** What differs between what is stored and what is told, and what nothing tells of. What is gone: checks/rows-gone.ts. */
export async function* findUntold(db: ReviewReader, terms: ToldTerms, isOlder: IsOlder): AsyncIterable<Finding> {
  let last: { readonly row: StoredRow; readonly told: Told | undefined } | undefined;
  for await (const row of tellingsOf(db, terms)) {
    const isFirst = last === undefined || last.row['id'] !== row['id'];
    if (isFirst && last !== undefined) yield* compare(terms, last, isOlder);
    const told: Told | undefined = isFirst ? terms.born?.(row) : last?.told;
    const telling = tellingIn(row);
    if (telling !== undefined) yield* changedBeside(terms, row, { told, telling });
    last = { row, told: telling === undefined ? told : terms.follow(told, telling, row) };
  }
  if (last !== undefined) yield* compare(terms, last, isOlder);
}

/** Whether something is of before the audit log told of everything of its kind. */
export type IsOlder = (time: unknown) => boolean;

function* compare(
  terms: ToldTerms,
  { row, told }: { readonly row: StoredRow; readonly told: Told | undefined },
  isOlder: IsOlder,
): Iterable<Finding> {
  if (told === undefined) {
    if (!isOlder(row['create_time'])) yield finding(terms, row, { problem: 'no audit row tells of it' });
    return;
  }
  for (const [field, inWords] of Object.entries(terms.fields)) {
    const [stored, audited] = [inWords(row[field]), told[field]];
    if (isUnknown(told, field) || isSame(stored, audited)) continue;
    yield finding(terms, row, { field, stored: shown(stored), audited: shown(audited) });
  }
}

/** What an audit row found as it was must be what the rows before it left. */
function* changedBeside(
  terms: ToldTerms,
  row: StoredRow,
  { told, telling }: { readonly told: Told | undefined; readonly telling: Telling },
): Iterable<Finding> {
  if (told === undefined) return;
  for (const field of Object.keys(terms.fields)) {
    if (!(field in telling.before) || isUnknown(told, field) || isSame(telling.before[field], told[field])) continue;
    const figures = { field, found: shown(telling.before[field]), audited: shown(told[field]) };
    yield finding(terms, row, { ...figures, audit_id: row.audit_id, problem: 'was changed without an audit row' });
  }
}

function finding({ kind }: ToldTerms, row: StoredRow, figures: Evidence): Finding {
  const id = row['id'];
  return { evidence: { kind, subject: typeof id === 'number' ? id : String(id), ...figures } };
}

const isUnknown = (told: Told, field: string): boolean => field in told && told[field] === undefined;

/** As text; nothing is an empty one in audit rows, and NULL in columns. */
const wordsOf = (value: unknown): string => JSON.stringify(value === '' || value === undefined ? null : value);

const isSame = (one: unknown, other: unknown): boolean => wordsOf(one) === wordsOf(other);

const shown = (value: unknown): string => (typeof value === 'string' ? value : wordsOf(value));
