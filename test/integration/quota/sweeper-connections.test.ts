import { loadConfig } from '../../../src/platform/config';
import { openDatabase } from '../../../src/platform/db/database';
import { createLogger } from '../../../src/platform/log';
import { settleDueCharges, type QuotaCommits } from '../../../src/quota';
import { mustSucceed } from '../../support/clients';
import { openTestDatabase, type TestDatabase } from '../../support/database';
import { registerMember, serviceEnvironment, startHarness, type Harness } from '../../support/harness';
import { readInfra } from '../../support/infra';
import { batchConsume } from '../../support/quota-calls';

const CHARGES = 100;

let db: TestDatabase;
let h: Harness;
beforeAll(async () => {
  // A database of its own: what is due is counted here.
  db = await openTestDatabase(readInfra(), '_sweeper');
  h = await startHarness({ DATABASE_URL: db.url });
});
afterAll(async () => {
  await h.stop();
  await db.close();
});

/** Payments and reads wait in the same queue for a connection: a sweep of many charges must not stand before them. */
test('a sweep of many charges whose outcome nobody knows leaves connections to others', async () => {
  const { userId } = await registerMember(h);
  const items = Array.from({ length: CHARGES }, (_, i) => ({ requestId: `c${i}`, userId, taskId: `t${i}` }));
  await mustSucceed(batchConsume(h, items));
  const config = loadConfig({ ...serviceEnvironment(h.infra, db.url, 'http://127.0.0.1:1'), EDGE_PORT: '0' });
  const database = openDatabase(
    { ...config, DATABASE_POOL_SIZE: 6 },
    {
      transactionEnded: () => undefined,
      transactionRetried: () => undefined,
    },
  );
  const { pool } = database.knex.client as { pool: { numPendingAcquires(): number } };
  let waiting = 0;
  let isSweeping = true;
  const watch = async (): Promise<void> => {
    while (isSweeping) {
      waiting = Math.max(waiting, pool.numPendingAcquires());
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const watching = watch();
  const parts = {
    db: database,
    commits: undefined as unknown as QuotaCommits,
    taskStatus: undefined,
    log: createLogger({ level: 'fatal', role: 'worker', destination: { write: () => undefined } }),
    onSettled: () => undefined,
    onCase: () => undefined,
  };
  const now = new Date(h.clock.now().getTime() + 3 * 3_600_000);
  expect(await settleDueCharges(parts, now)).toBe(CHARGES);
  isSweeping = false;
  await watching;
  await database.knex.destroy();
  // Four connections are being made at the same time at the start; nobody waits behind a hundred.
  expect(waiting).toBeLessThanOrEqual(4);
  const sql = 'SELECT COUNT(*) AS n FROM quota_charges WHERE due_time > ?';
  expect(Number((await db.query(sql, [now]))[0]?.['n'])).toBe(CHARGES);
});
