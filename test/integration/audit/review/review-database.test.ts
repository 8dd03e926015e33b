import type { Check, QueryCheck } from '../../../../src/audit/review/check';
import { reviewDatabase, type ReviewProgress } from '../../../../src/audit/review/review';
import { findRows, sqlCheck } from '../../../../src/audit/review/sql-check';
import { withSnapshot } from '../../../../src/platform/db/snapshot';
import { openTestDatabase, type TestDatabase } from '../../../support/database';
import { readInfra } from '../../../support/infra';
import { CHECK_TERMS, factsWith } from '../../../support/review-files';

let db: TestDatabase;
beforeAll(async () => {
  db = await openTestDatabase(readInfra());
});
afterAll(() => db.close());

const NUMBERS =
  'WITH RECURSIVE s AS (SELECT 1 AS number UNION ALL SELECT number + 1 FROM s WHERE number < 500) SELECT number FROM s';

async function review(checks: readonly Check[], scope: 'all' | 'data' = 'all') {
  const told: ReviewProgress[] = [];
  const document = await withSnapshot(db.url, {}, (snapshot) =>
    reviewDatabase(snapshot, {
      ...{ reviewId: 'r-1', reviewer: 'me', now: new Date('2026-10-01T00:00:00Z'), scope, checks, facts: factsWith() },
      onProgress: (progress) => told.push(progress),
    }),
  );
  const resultOf = (id: string) => document.checks.find((check) => check.id === id);
  return { document, resultOf, told };
}

const clean = (id: string): QueryCheck => sqlCheck({ ...CHECK_TERMS, id }, 'SELECT 1 AS one FROM users WHERE 1 = 0');

/** What the engine makes of checks, whatever they ask. */
describe('a review', () => {
  test('counts everything that a check finds and keeps the first twenty pieces of evidence (lesson 47)', async () => {
    const { resultOf, document } = await review([sqlCheck({ ...CHECK_TERMS, id: 'many' }, NUMBERS), clean('none')]);
    const result = resultOf('many');
    expect(result).toMatchObject({ outcome: 'found', findings: 500, error: '' });
    expect(result?.evidence.map(({ number }) => number)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(resultOf('none')).toMatchObject({ outcome: 'clean', findings: 0, evidence: [] });
    expect(document).toMatchObject({ verdict: 'failed', reviewer: 'me', review_id: 'r-1' });
  });

  test('takes a check that could not be made for a severe problem, never for a pass, and makes the others', async () => {
    const broken = sqlCheck({ ...CHECK_TERMS, id: 'broken', severity: 'minor' }, 'SELECT * FROM no_such_table');
    const thrower: QueryCheck = { ...CHECK_TERMS, id: 'thrower', run: () => Promise.reject(new Error('can not')) };
    const half: QueryCheck = {
      ...{ ...CHECK_TERMS, id: 'half' },
      async *run({ db: reader }) {
        yield* findRows(reader, NUMBERS);
        throw new Error('the rest can not be read');
      },
    };
    const { resultOf } = await review([broken, thrower, half, clean('after')]);
    expect(resultOf('broken')).toMatchObject({ outcome: 'broken', severity: 'severe' });
    expect(resultOf('broken')?.error).toContain('no_such_table');
    expect(resultOf('thrower')).toMatchObject({ outcome: 'broken', error: 'Error: can not' });
    expect(resultOf('half')).toMatchObject({ outcome: 'broken', findings: 500 });
    expect(resultOf('after')).toMatchObject({ outcome: 'clean' });
  });

  test('takes a line of the checklist that no check backs for a severe problem', async () => {
    const { document, resultOf } = await review([clean('one')]);
    expect(resultOf('unbacked-gmv-exact')).toMatchObject({ outcome: 'broken', severity: 'severe', item: 'gmv-exact' });
    expect(resultOf('unbacked-quota-log')).toBeUndefined();
    expect(document.verdict).toBe('failed');
  });

  test('of data alone leaves out what is about the deployment, and says so', async () => {
    const alone: Check = {
      ...clean('deployed'),
      about: 'deployment',
      run: () => Promise.reject(new Error('was made')),
    };
    const { resultOf, document } = await review([alone, clean('stored')], 'data');
    expect(resultOf('deployed')).toMatchObject({ outcome: 'left_out', error: '' });
    expect(document.scope).toBe('data');
    expect((await review([alone], 'all')).resultOf('deployed')).toMatchObject({ outcome: 'broken' });
  });

  test('tells its progress, and what it reviewed', async () => {
    const { told, document } = await review([clean('a'), clean('b')]);
    expect(told.map(({ checksDone, checksTotal, at }) => `${checksDone}/${checksTotal} ${at}`)).toEqual(
      expect.arrayContaining(['0/2 a', '1/2 b', '2/2 quota-log']),
    );
    expect(document.database).toMatchObject({ name: db.name, users: 0, orders: 0, quota_logs: 0 });
    expect(document.build).toEqual({ version: '0.6.0', commit: 'c0ffee' });
  });

  test('keeps evidence short, and whole numbers as numbers', async () => {
    const sql =
      "SELECT REPEAT('x', 500) AS text, 1.5 AS half, 7 AS seven, NULL AS nothing, CAST('2026-01-01' AS DATETIME(3)) AS day";
    const { resultOf } = await review([sqlCheck({ ...CHECK_TERMS, id: 'one' }, sql)]);
    expect(resultOf('one')?.evidence[0]).toEqual({
      ...{ text: `${'x'.repeat(200)}…`, half: '1.5', seven: 7, nothing: null, day: '2026-01-01T00:00:00.000Z' },
    });
  });

  test('says nothing at all of a database that is lost on the way', async () => {
    const kill: QueryCheck = {
      ...{ ...CHECK_TERMS, id: 'kill' },
      run: async ({ db: reader }) => {
        const [row] = await reader.rows<{ id: number }>('SELECT CONNECTION_ID() AS id');
        await db.query(`KILL ${row?.id}`);
        await reader.rows('SELECT 1 AS one');
        return [];
      },
    };
    await expect(review([kill, clean('after')])).rejects.toThrow();
  });

  test('writes nothing: its snapshot is read-only', async () => {
    const writer = sqlCheck({ ...CHECK_TERMS, id: 'writer' }, 'UPDATE users SET quota_remaining = 1');
    const { resultOf } = await review([writer]);
    expect(resultOf('writer')?.error).toMatch(/READ ONLY/);
  });
});

describe('a snapshot', () => {
  test('shows what was there when it was taken, and not what is committed since', async () => {
    const count = "SELECT COUNT(*) AS users FROM users WHERE id = 'later'";
    const seen = await withSnapshot(db.url, {}, async (snapshot) => {
      const before = await snapshot.rows<{ users: number }>(count);
      await db.query(
        "INSERT INTO users (id, quota_remaining, log_sequence, log_hash, log_time, create_time) VALUES ('later', 0, 0, REPEAT('0', 32), '2026-01-01', '2026-01-01')",
      );
      const after = await snapshot.rows<{ users: number }>(count);
      const streamed: unknown[] = [];
      for await (const row of snapshot.stream(count)) streamed.push(row);
      const inKnex = await snapshot.knex('users').where('id', 'later').select('id');
      return [before[0]?.users, after[0]?.users, streamed, inKnex];
    });
    expect(seen).toEqual([0, 0, [{ users: 0 }], []]);
    expect(await db.query(count)).toEqual([{ users: 1 }]);
  });

  test('of which a stream is left early goes on with the next statement', async () => {
    const numbers = await withSnapshot(db.url, {}, async (snapshot) => {
      const first: number[] = [];
      for await (const { number } of snapshot.stream<{ number: number }>(NUMBERS)) {
        first.push(number);
        if (first.length === 3) break;
      }
      const [row] = await snapshot.rows<{ next: number }>('SELECT 4 AS next');
      return [...first, row?.next];
    });
    expect(numbers).toEqual([1, 2, 3, 4]);
  });

  test('is given up when its signal says so', async () => {
    const giveUp = new AbortController();
    const reading = withSnapshot(db.url, { signal: giveUp.signal }, async (snapshot) => {
      giveUp.abort();
      return snapshot.rows('SELECT SLEEP(30) AS slept');
    });
    await expect(reading).rejects.toThrow();
  });
});
