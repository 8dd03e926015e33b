import { trimOutbox } from '../../../src/event';
import { makeBatch } from '../../../src/event/relay-batches';
import { acquireRelay } from '../../../src/event/relay-lease';
import { dailyJobs } from '../../../src/composition/worker-jobs';
import type { Foundation } from '../../../src/composition/foundation';
import { runTurn } from '../../../src/platform/jobs/batch-job';
import type { Database } from '../../../src/platform/db/database';
import { appendEvents } from '../../../src/platform/db/outbox';
import { withTx } from '../../../src/platform/db/tx';
import { openTestDatabase, type TestDatabase } from '../../support/database';
import { readInfra } from '../../support/infra';
import { openServiceDatabase } from '../../support/service-database';
import { TestClock } from '../../support/test-clock';

const NEVER = new AbortController().signal;
const WEEK_MS = 7 * 86_400_000;

/** Events that were kept long enough end; one that may not have reached the stream does not, however old it is. */
describe('trimming events', () => {
  let database: TestDatabase;
  let db: Database;
  let clock: TestClock;
  beforeAll(async () => {
    const infra = readInfra();
    database = await openTestDatabase(infra);
    db = openServiceDatabase(infra, database, { pool: { size: 4, multipleStatements: true } });
  });
  beforeEach(async () => {
    await database.query('TRUNCATE TABLE event_relay');
    await database.query('TRUNCATE TABLE outbox');
    await database.query('TRUNCATE TABLE event_deliveries');
    clock = new TestClock();
  });
  afterAll(async () => {
    await db.knex.destroy();
    await database.close();
  });

  const batch = async (n: number): Promise<void> => {
    const event = { type: 'test.happened', userId: 'u', payload: { n } };
    await withTx(db, { name: 'test' }, (tx) => appendEvents(tx, [event], clock.now()));
    const lease = 'UPDATE event_relay SET lease_until = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND';
    await database.query(lease);
    const owned = await acquireRelay(db, 'test', 0);
    if (owned === undefined) throw new Error('the lease is taken');
    expect((await makeBatch(db, owned, () => [], clock.now())).outcome).toBe('made');
  };
  const numbers = async () =>
    (await database.query('SELECT payload FROM outbox ORDER BY id')).map((row) => row['payload']);

  test('the last batch stays: nobody knows whether it went out before Redis did', async () => {
    for (const n of [1, 2, 3]) await batch(n);
    clock.advanceMs(WEEK_MS + 1);
    await trimOutbox(db, clock.now());
    expect(await numbers()).toEqual(['{"n":3}']);
    // Its successor was made after it had gone out.
    await batch(4);
    await trimOutbox(db, clock.now());
    expect(await numbers()).toEqual(['{"n":4}']);
  });

  test('a day of any length is trimmed in a day: the job goes on as long as it finds full batches', async () => {
    await batch(1);
    const old = new Date(clock.now().getTime() - WEEK_MS - 1);
    const tens =
      '(SELECT 0 i UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)';
    await database.query(
      `INSERT INTO outbox (type, user_id, payload, create_time, batch_no)
       SELECT 'test.happened', 'u', '{}', ?, 1 FROM ${tens} a, ${tens} b, ${tens} c, (SELECT 0 UNION SELECT 1 UNION SELECT 2) d`,
      [old],
    );
    await database.query('UPDATE event_relay SET last_batch = 2');
    const count = async () => (await numbers()).length;
    const parts = { db, clock } as unknown as Foundation;
    const { batchSize, run } = dailyJobs(parts)['trim-outbox'];
    expect(batchSize).toBeDefined();
    clock.advanceMs(WEEK_MS + 1);
    const once = await run(NEVER);
    expect(once).toBeGreaterThanOrEqual(batchSize ?? 0);
    expect(await count()).toBe(3_001 - once);
    await runTurn({ name: 'trim-outbox', batchSize: batchSize ?? 0, run }, NEVER);
    expect(await count()).toBe(0);
  });
});
