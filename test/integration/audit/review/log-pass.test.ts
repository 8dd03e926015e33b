import { passLog } from '../../../../src/audit/review/log-pass';
import type { CheckContext, Finding, LogCheck, LogListener, StoredAccount } from '../../../../src/audit/review/check';
import { withSnapshot, type Snapshot } from '../../../../src/platform/db/snapshot';
import type { Posting } from '../../../../src/quota';
import { openTestDatabase, type TestDatabase } from '../../../support/database';
import { readInfra } from '../../../support/infra';
import { CHECK_TERMS, factsWith } from '../../../support/review-files';

/** Users of which one has more rows than a page, one ends exactly with a page, and most have a few. */
const ROWS_OF: Readonly<Record<string, number>> = { a: 3, b: 1_997, c: 4_500, d: 1, e: 2 };
const COLUMNS =
  'user_id, sequence, origin, request_id, request_hash, type, amount, units, quota_remaining, lots, consume_sequence, task_id, task_type, description, actor, create_time, hash_version, hash';

let db: TestDatabase;
beforeAll(async () => {
  db = await openTestDatabase(readInfra());
  for (const [userId, rows] of Object.entries(ROWS_OF)) {
    const values = Array.from({ length: rows }, (_, i) => {
      return `('${userId}', ${i + 1}, 'system', 'r-${i + 1}', REPEAT('h', 32), 'GRANT', 1, 1, ${i + 1}, '[[${i + 1},1]]', NULL, '', '', '', 'me', '2026-01-01 00:00:00.123', 1, REPEAT('h', 32))`;
    });
    await db.query(`INSERT INTO quota_logs (${COLUMNS}) VALUES ${values.join(', ')}`);
  }
  await db.query(
    "INSERT INTO users (id, quota_remaining, log_sequence, log_hash, log_time, create_time) VALUES ('a', 3, 3, REPEAT('h', 32), '2026-01-01', '2026-01-01')",
  );
});
afterAll(() => db.close());

function logCheck(id: string, listener: () => LogListener): LogCheck {
  return { ...CHECK_TERMS, id, start: listener };
}

/** Runs a pass and returns what was found and what failed, by check. */
async function pass(checks: readonly LogCheck[]) {
  const found: [string, Finding][] = [];
  const failed: [string, string][] = [];
  const told: number[] = [];
  const counted = await withSnapshot(db.url, {}, (snapshot: Snapshot) => {
    const context: CheckContext = { db: snapshot, now: new Date(), facts: factsWith(), progress: () => undefined };
    return passLog(checks, context, {
      found: ({ id }, findings) => found.push(...findings.map((finding): [string, Finding] => [id, finding])),
      failed: ({ id }, error) => failed.push([id, (error as Error).message]),
      progress: (rows) => told.push(rows),
    });
  });
  return { counted, found, failed, told };
}

/** One pass serves every check of the log: each row is told once, in order, and each user's end with what is stored of it. */
describe('the pass over the log', () => {
  test('tells every row once, in order, and each user after its last row, across pages', async () => {
    const seen: string[] = [];
    const ended: StoredAccount[] = [];
    const between: string[][] = [];
    const listener: LogListener = {
      row: ({ userId, sequence }) => void seen.push(`${userId} ${sequence}`),
      endUser: (stored) => {
        ended.push(stored);
        seen.push(`${stored.userId} end`);
        return undefined;
      },
      endUsers: (userIds) => {
        between.push([...userIds]);
        return Promise.resolve([]);
      },
    };
    const { counted, told, failed } = await pass([logCheck('seen', () => listener)]);
    const expected = Object.entries(ROWS_OF).flatMap(([userId, rows]) => [
      ...Array.from({ length: rows }, (_, i) => `${userId} ${i + 1}`),
      `${userId} end`,
    ]);
    expect(seen).toEqual(expected);
    expect(failed).toEqual([]);
    expect(counted).toEqual({ rows: 6_503, users: 5 });
    expect(told.at(-1)).toBe(6_503);
    expect(between.flat()).toEqual(Object.keys(ROWS_OF));
    expect(ended.map(({ account }) => account?.logSequence)).toEqual([3, undefined, undefined, undefined, undefined]);
  });

  test('hands rows over as the ledger has them, in one snapshot', async () => {
    const rows: Posting[] = [];
    await pass([logCheck('rows', () => ({ row: (row) => void rows.push(row) }))]);
    const { hash, requestHash, ...rest } = rows[0] as Posting;
    expect([hash.toString(), requestHash.toString()]).toEqual(['h'.repeat(32), 'h'.repeat(32)]);
    expect(rest).toEqual({
      ...{ userId: 'a', sequence: 1, origin: 'system', requestId: 'r-1', type: 'GRANT', amount: 1, units: 1 },
      ...{ quotaRemaining: 1, lots: [[1, 1]], consumeSequence: null, taskId: '', taskType: '', description: '' },
      ...{ actor: 'me', createTime: new Date('2026-01-01T00:00:00.123Z'), hashVersion: 1 },
    });
  });

  test('gives what is found to its own check, and goes on without one that throws', async () => {
    const { found, failed, counted } = await pass([
      logCheck('throws', () => ({
        row: ({ sequence }) => {
          if (sequence === 2) throw new Error('can not');
          return undefined;
        },
      })),
      logCheck('can not start', () => {
        throw new Error('no');
      }),
      logCheck('finds', () => ({
        row: ({ userId }) => (userId === 'd' ? [{ evidence: { userId } }] : undefined),
        endUser: ({ userId }) => (userId === 'e' ? [{ evidence: { userId } }] : undefined),
        end: () => Promise.resolve([{ evidence: { userId: 'all' } }]),
      })),
    ]);
    expect(found.map(([id, { evidence }]) => [id, evidence['userId']])).toEqual([
      ...[
        ['finds', 'd'],
        ['finds', 'e'],
        ['finds', 'all'],
      ],
    ]);
    expect(failed).toEqual([
      ['can not start', 'no'],
      ['throws', 'can not'],
    ]);
    expect(counted.rows).toBe(6_503);
  });

  test('names rows that can not be read as rows, of any number, and passes them', async () => {
    const far = '9223372036854775807';
    const forged = `('z', ${far}, 'system', 'r', REPEAT('h', 32), 'GRANT', 1, 1, 1, '[[1]]', NULL, '', '', '', 'me', '2026-01-01', 1, REPEAT('h', 32))`;
    await db.query(`INSERT INTO quota_logs (${COLUMNS}) VALUES ${forged}`);
    const named: string[] = [];
    const { counted } = await pass([
      logCheck('named', () => ({
        row: () => undefined,
        unreadable: ({ userId }) => void named.push(userId),
      })),
    ]);
    expect(named).toEqual(['z']);
    expect(counted.rows).toBe(6_504);
  });
});
