import type { Connection } from 'mysql2/promise';
import { openTestDatabase, type TestDatabase } from '../../support/database';
import { readInfra } from '../../support/infra';
import { LedgerWorld } from '../../support/ledger-world';
import { commandOf } from '../../support/quota-account';

/**
 * Lesson 53, design §3. Wrong before: on tables of few rows the server updated by reading whole tables, and so waited for
 * rows of users that the batch had nothing to do with; a young service stood still for everybody.
 */
describe('in a database of few users, one of whom is locked elsewhere', () => {
  let database: TestDatabase;
  let world: LedgerWorld;
  let holder: Connection;
  beforeAll(async () => {
    const infra = readInfra();
    database = await openTestDatabase(infra);
    world = new LedgerWorld(infra, database);
    await world.begin(2);
    holder = await database.connect('root');
  });
  afterAll(async () => {
    await holder.end();
    await world.close();
    await database.close();
  });

  test('the other is served at once: no statement of a batch looks at rows of strangers', async () => {
    const [locked, other] = [world.userAt(0), world.userAt(1)];
    const { commits } = world.lane;
    const task = { userId: locked.id, taskId: 'task-1' };
    await commits.submit(commandOf.consume(task));
    // As everybody here: rows, not the gaps between them.
    await holder.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
    await holder.query('START TRANSACTION');
    for (const [table, column] of Object.entries({ users: 'id', quota_grants: 'user_id', quota_charges: 'user_id' })) {
      await holder.query(`SELECT 1 FROM ${table} FORCE INDEX (PRIMARY) WHERE ${column} = ? FOR UPDATE`, [locked.id]);
    }
    const waiting = commits.submit(commandOf.consume({ ...task, requestId: 'c-2' }));
    const about = { userId: other.id, taskId: 'task-1' };
    const startedMs = performance.now();
    await commits.submit(commandOf.consume(about));
    await commits.submit(commandOf.hold(about));
    await commits.submit(commandOf.capture({ userId: other.id }));
    expect(await commits.submit(commandOf.outcome(about))).toMatchObject({ chargesSettled: 1 });
    // A lock wait time-out is two seconds and more.
    expect(performance.now() - startedMs).toBeLessThan(1_500);
    await holder.query('ROLLBACK');
    expect(await waiting).toMatchObject({ replayed: false });
  });
});
