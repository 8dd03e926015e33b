import type { Knex } from 'knex';
import { Collector } from '../../../src/audit/evidence/collector';
import { readTable, ROWS_MAX } from '../../../src/audit/evidence/read-rows';
import { emptyScope } from '../../../src/audit/evidence/scope';
import { isReason } from '../../../src/platform/errors';

/** A database of one table that answers any question with as many rows as were asked for at most. */
function databaseOf(table: string): Knex {
  const query = {
    select: () => query,
    whereRaw: () => query,
    orderByRaw: () => query,
    limit: (most: number) => Promise.resolve(Array.from({ length: most }, (_, id) => ({ id }))),
  };
  return ((asked: string) => {
    expect(asked).toBe(table);
    return query;
  }) as unknown as Knex;
}

describe('rows for evidence', () => {
  const rule = { table: 'access_logs', key: ['id'], user: { column: 'user_id', always: true }, matches: [] };

  test('that are more than an archive may hold are read, and refused as that', async () => {
    const rows = await readTable(databaseOf('access_logs'), rule, emptyScope('u-1', true));
    expect(rows).toHaveLength(ROWS_MAX + 1);
    let refusal: unknown;
    try {
      new Collector().rows('tables/access_logs.jsonl', rows);
    } catch (error) {
      refusal = error;
    }
    expect(isReason(refusal, 'EVIDENCE_TOO_LARGE')).toBe(true);
  });
});
