import { chargeDisagrees } from '../../../../src/audit/review/checks/quota-charges';
import { returnedTooMuch } from '../../../../src/audit/review/checks/quota-returns';
import type { CheckContext, Evidence } from '../../../../src/audit/review/check';
import { passLog } from '../../../../src/audit/review/log-pass';
import { withSnapshot } from '../../../../src/platform/db/snapshot';
import { openTestDatabase, type TestDatabase } from '../../../support/database';
import { readInfra } from '../../../support/infra';
import { factsWith } from '../../../support/review-files';

/** More than is remembered of one user. */
const TAKES = 10_050;
const COLUMNS =
  'user_id, sequence, origin, request_id, request_hash, type, amount, units, quota_remaining, lots, consume_sequence, task_id, task_type, description, actor, create_time, hash_version, hash';

/** What a row of the log does; the rest of it is nothing that these checks look at. */
interface LogRow {
  readonly type: 'CONSUME' | 'HOLD' | 'REFUND' | 'CAPTURE' | 'RELEASE';
  readonly task: string;
  readonly of?: number;
}

interface Charge {
  readonly task: string;
  readonly sequence: number;
  readonly kind?: 'consume' | 'hold';
  readonly units?: number;
  readonly returned?: number;
  readonly state?: 'open' | 'settled' | 'released';
}

let db: TestDatabase;
beforeAll(async () => {
  db = await openTestDatabase(readInfra());
  const consumes = (many: number): LogRow[] =>
    Array.from({ length: many }, (_, i) => ({ type: 'CONSUME', task: `task-${i + 1}` }));
  const ends: LogRow[] = [
    { type: 'HOLD', task: 'captured' },
    { type: 'HOLD', task: 'released' },
    { type: 'CAPTURE', task: 'captured', of: TAKES + 1 },
    { type: 'RELEASE', task: 'released', of: TAKES + 2 },
    { type: 'REFUND', task: 'task-11', of: 11 },
  ];
  const charges = Array.from({ length: TAKES }, (_, i): Charge => ({ task: `task-${i + 1}`, sequence: i + 1 }));
  const held: Charge[] = [
    { task: 'captured', sequence: TAKES + 1, kind: 'hold' },
    { task: 'released', sequence: TAKES + 2, kind: 'hold', state: 'released', returned: 1 },
  ];
  const without = (...sequences: number[]): Charge[] => charges.filter(({ sequence }) => !sequences.includes(sequence));

  await insertLog('a-good', [...consumes(TAKES), ...ends]);
  await insertCharges('a-good', [...without(11), { task: 'task-11', sequence: 11, returned: 1 }, ...held]);

  const twice: LogRow = { type: 'REFUND', task: 'task-13', of: 13 };
  await insertLog('b-bad', [...consumes(TAKES), ...ends, twice, twice]);
  await insertCharges('b-bad', [
    ...without(7, 9, 13),
    { task: 'task-9', sequence: 9, units: 2 },
    { task: 'task-13', sequence: 13, returned: 1 },
    { task: 'ghost', sequence: 99_999 },
    { task: 'captured', sequence: TAKES + 1, kind: 'hold', state: 'open' },
    ...held.slice(1),
  ]);

  await insertLog('c-short', [...consumes(2), { type: 'REFUND', task: 'task-1', of: 1 }]);
  await insertCharges('c-short', [{ task: 'task-1', sequence: 1 }]);
}, 60_000);
afterAll(() => db.close());

async function insertLog(userId: string, rows: readonly LogRow[]): Promise<void> {
  const values = rows.map(({ type, task, of }, i) => {
    const amount = type === 'CONSUME' || type === 'HOLD' ? -1 : type === 'CAPTURE' ? 0 : 1;
    return `('${userId}', ${i + 1}, 'system', 'r-${i + 1}', REPEAT('h', 32), '${type}', ${amount}, 1, 1, '[]', ${of ?? 'NULL'}, '${task}', '', '', 'me', '2026-01-01', 1, REPEAT('h', 32))`;
  });
  for (let from = 0; from < values.length; from += 2_500) {
    await db.query(`INSERT INTO quota_logs (${COLUMNS}) VALUES ${values.slice(from, from + 2_500).join(', ')}`);
  }
}

async function insertCharges(userId: string, charges: readonly Charge[]): Promise<void> {
  const values = charges.map(({ task, sequence, kind = 'consume', units = 1, returned = 0, state = 'settled' }) => {
    return `('${userId}', '${task}', ${sequence}, '${kind}', ${units}, ${returned}, '${state}', 7)`;
  });
  for (let from = 0; from < values.length; from += 2_500) {
    await db.query(
      `INSERT INTO quota_charges (user_id, task_id, sequence, kind, units, returned, state, grace_days) VALUES ${values.slice(from, from + 2_500).join(', ')}`,
    );
  }
}

/** What the two checks find, and the users of whom the database was asked one by one. */
async function review() {
  const found: Record<string, Evidence[]> = { [chargeDisagrees.id]: [], [returnedTooMuch.id]: [] };
  const failures: unknown[] = [];
  const asked = new Set<unknown>();
  await withSnapshot(db.url, {}, (snapshot) => {
    const stream: typeof snapshot.stream = (sql, values = []) => {
      if (typeof values[0] === 'string') asked.add(values[0]);
      return snapshot.stream(sql, values);
    };
    const watched = { ...snapshot, stream };
    const context: CheckContext = { db: watched, now: new Date(), facts: factsWith(), progress: () => undefined };
    return passLog([chargeDisagrees, returnedTooMuch], context, {
      found: ({ id }, findings) => found[id]?.push(...findings.map(({ evidence }) => evidence)),
      failed: (_check, error) => failures.push(error),
      progress: () => undefined,
    });
  });
  expect(failures).toEqual([]);
  return { found, asked: [...asked] };
}

/** What is remembered of a user does not grow with his log, and nothing goes unseen for it. */
describe('of a user who took more often than is remembered', () => {
  test('the database is asked, and every fault is found as with anybody else', async () => {
    const { found, asked } = await review();
    expect(asked).toEqual(['a-good', 'b-bad']);
    const bad = (sequence: number, problem: string) => ({ user_id: 'b-bad', sequence, problem });
    const short = (sequence: number, problem: string) => ({ user_id: 'c-short', sequence, problem });
    const told = found[chargeDisagrees.id] ?? [];
    expect(told).toHaveLength(8);
    expect(told).toEqual(
      expect.arrayContaining([
        bad(7, 'has no charge'),
        bad(9, 'the log took 1 by consume'),
        bad(11, 'of it 1 came back, the charge says 0'),
        bad(13, 'of it 2 came back, the charge says 1'),
        bad(99_999, 'is a charge of nothing that the log took for the task'),
        bad(TAKES + 1, 'is open, the log says otherwise'),
        short(1, 'of it 1 came back, the charge says 0'),
        short(2, 'has no charge'),
      ]),
    );
    expect(found[returnedTooMuch.id]).toEqual([
      { user_id: 'b-bad', sequence: TAKES + 7, consume_sequence: 13, units: 2, too_much: 1 },
    ]);
  });
});
