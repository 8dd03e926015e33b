import { TaskOutcome } from '../../../src/gen/billing/v1/quota_service.pb';
import type { Database } from '../../../src/platform/db/database';
import { readerOf } from '../../../src/platform/db/statements';
import { withTx } from '../../../src/platform/db/tx';
import { lockAccounts } from '../../../src/quota/account-reader';
import { mustSucceed } from '../../support/clients';
import { consume, registerMember, startHarness, type Harness } from '../../support/harness';
import { batchConsume, hold, reportOutcome } from '../../support/quota-calls';
import { expectBalanced } from '../../support/user-rows';
import { openServiceDatabase } from '../../support/service-database';

const CHARGES = 400;

let h: Harness;
let database: Database;
beforeAll(async () => {
  h = await startHarness();
  database = openServiceDatabase(h.infra, h.db);
});
afterAll(async () => {
  await database.knex.destroy();
  await h.stop();
});

/** A member of whose task `t` hundreds of consumes were settled, and three charges are open. */
async function memberWithBusyTask(): Promise<string> {
  const { userId } = await registerMember(h);
  const items = Array.from({ length: CHARGES }, (_, i) => ({ requestId: `c${i}`, userId, taskId: 't' }));
  await mustSucceed(batchConsume(h, items));
  await mustSucceed(reportOutcome(h, { requestId: 'o1', userId, taskId: 't', outcome: TaskOutcome.SUCCEEDED }));
  await mustSucceed(consume(h, { requestId: 'late', userId, amount: 2, taskId: 't' }));
  await mustSucceed(hold(h, { requestId: 'held', userId, amount: 3, taskId: 't' }));
  await mustSucceed(consume(h, { requestId: 'later', userId, amount: 4, taskId: 't' }));
  return userId;
}

/** A task that takes quota again and again is reported at the same cost each time. */
describe('a task that was settled hundreds of times', () => {
  test('is reported on what is open, and what was settled stays', async () => {
    const userId = await memberWithBusyTask();
    const report = { requestId: 'o2', userId, taskId: 't', outcome: TaskOutcome.FAILED };
    const answer = await mustSucceed(reportOutcome(h, report));
    expect(answer).toMatchObject({ chargesSettled: 3, quotaRemaining: 510 - CHARGES, replayed: false });
    expect(answer.logs.map(({ type, amount }) => [type, amount])).toHaveLength(3);
    expect(await mustSucceed(reportOutcome(h, report))).toEqual({ ...answer, replayed: true });
    expect(await mustSucceed(reportOutcome(h, { ...report, requestId: 'o3' }))).toMatchObject({ chargesSettled: 0 });
    expect(await expectBalanced(h.db, userId)).toBe(510 - CHARGES);
  });

  test('is read for it as far as it is open, and not as a whole', async () => {
    const userId = await memberWithBusyTask();
    const command = { kind: 'ReportTaskOutcome', requestId: 'o2', userId, taskId: 't', outcome: 'FAILED' } as const;
    const { accounts } = await withTx(database, { name: 'Test' }, (tx) =>
      lockAccounts(readerOf(tx), [{ ...command, actor: 'a' }], 'wait'),
    );
    const { charges = [], rows = [] } = accounts.get(userId) ?? {};
    // The three, and the task's first: that it has any.
    expect([charges.length, rows.length]).toEqual([4, 4]);
  });
});
