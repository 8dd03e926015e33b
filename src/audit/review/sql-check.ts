import type { CheckTerms, Evidence, Finding, QueryCheck, ReviewReader } from './check';

/** A check that is one SELECT: each row of it is something wrong, and its columns are the evidence. */
export function sqlCheck(terms: CheckTerms, sql: string): QueryCheck {
  return { ...terms, run: ({ db }) => findRows(db, sql) };
}

/** A finding for each row of a SELECT, as they arrive. */
export async function* findRows(
  db: ReviewReader,
  sql: string,
  values: readonly unknown[] = [],
): AsyncIterable<Finding> {
  for await (const row of db.stream<Record<string, unknown>>(sql, values)) yield { evidence: evidenceOf(row) };
}

/** A row as evidence: instants in ISO 8601, bytes in hex. */
export function evidenceOf(row: Readonly<Record<string, unknown>>): Evidence {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, shown(value)]));
}

function shown(value: unknown): string | number | null {
  if (value === null || value === undefined) return null;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'no instant' : value.toISOString();
  if (Buffer.isBuffer(value)) return value.toString('hex');
  return typeof value === 'string' || typeof value === 'number' ? value : JSON.stringify(value);
}
