import type { Knex } from 'knex';
import { MIGRATIONS, migrateToLatest } from '../../../migrations';
import { migrate } from '../../../src/cli/migrate';
import { verifyLedgerOf } from '../../../src/cli/verify-ledger';
import { TaskOutcome } from '../../../src/gen/billing/v1/quota_service.pb';
import { monotonicMs } from '../../../src/platform/clock';
import type { LotChange } from '../../../src/quota/account';
import { Book } from '../../../src/quota/book';
import { commandHash } from '../../../src/quota/commands';
import { CHAIN_START } from '../../../src/quota/log-chain';
import { mustSucceed } from '../../support/clients';
import { openEmptyDatabase, type TestDatabase } from '../../support/database';
import { migrateConfigOf } from '../../support/database-server';
import { consume, newId, refund, startHarness, type Harness } from '../../support/harness';
import { readInfra } from '../../support/infra';
import { connectMigrator } from '../../support/migrator';
import { getQuota, reportOutcome } from '../../support/quota-calls';
import { expectBalanced, readChargeWords, readUserRows } from '../../support/user-rows';

const DAY_MS = 86_400_000;
const ACTOR = 'spiffe://billing/ai-task-service/ai-task-service';
/** The last migration of 0.1.0, which knew no charges. */
const BEFORE_CHARGES = MIGRATIONS.findIndex(({ name }) => name.startsWith('0016_'));

let db: TestDatabase;
let h: Harness;
/** Each had 10 units and consumed 6 for task `t` under `c`, of which 2 came back under `r1`. */
const inTime = newId('u');
/** Also had the lot expire before that refund, whose units got a grace of seven days, of which three are over. */
const late = newId('u');
const graceEnd = new Date(Date.now() + 4 * DAY_MS);

/** The books that 0.1.0 wrote, in the form of its rows, which is still the one of today. */
function bookOf(userId: string): Book {
  const account = { userId, quotaRemaining: 0, logSequence: 0, logHash: CHAIN_START, logTime: new Date(0) };
  const now = new Date(graceEnd.getTime() - 7 * DAY_MS);
  const book = new Book({ ...account, lots: [], rows: [], charges: [], outcomes: [] }, now);
  const expireTime = userId === late ? new Date(now.getTime() - 1) : new Date(now.getTime() + 30 * DAY_MS);
  const registration = { source: 'registration', sourceRef: 'registration', orderId: null, units: 10 } as const;
  book.grant({ ...registration, expireTime, actor: 'test', description: '' });
  const ids = { userId, actor: ACTOR };
  const c = {
    kind: 'ConsumeQuota',
    ...ids,
    requestId: 'c',
    amount: 6,
    taskId: 't',
    taskType: '',
    description: '',
  } as const;
  const r = { kind: 'RefundQuota', ...ids, requestId: 'r1', consumeRequestId: 'c', amount: 2, reason: '' } as const;
  const post = (command: typeof c | typeof r, type: 'CONSUME' | 'REFUND', lots: readonly LotChange[]) =>
    book.post({
      origin: 'caller',
      requestId: command.requestId,
      requestHash: commandHash(command),
      type,
      lots,
      actor: ACTOR,
      taskId: 't',
      consumeSequence: type === 'REFUND' ? 2 : null,
    });
  post(c, 'CONSUME', [[1, -6]]);
  post(r, 'REFUND', [[1, 2]]);
  if (userId === late) {
    book.end('EXPIRE', 1, 2, 'expire:1:refund:3', 'test');
    const grace = { source: 'compensation', sourceRef: '3:1', orderId: null, units: 2, expireTime: graceEnd } as const;
    book.grant({ ...grace, actor: 'test', description: '' });
  }
  return book;
}

/** Writes a book into the tables as they were. */
async function writeOldBook(root: Knex, book: Book): Promise<void> {
  const { userId, quotaRemaining, logSequence, logHash, now } = book;
  const [id, create_time] = [userId, now];
  const head = { quota_remaining: quotaRemaining, log_sequence: logSequence, log_hash: logHash, log_time: now };
  await root('users').insert({ id, ...head, create_time });
  for (const row of book.postings) {
    await root('quota_logs').insert({
      ...{ user_id: id, sequence: row.sequence, origin: row.origin, request_id: row.requestId },
      ...{ request_hash: row.requestHash, type: row.type, amount: row.amount, units: row.units },
      ...{ quota_remaining: row.quotaRemaining, lots: JSON.stringify(row.lots), consume_sequence: row.consumeSequence },
      ...{ task_id: row.taskId, task_type: row.taskType, description: row.description, actor: row.actor },
      ...{ create_time: row.createTime, hash_version: row.hashVersion, hash: row.hash },
    });
  }
  for (const born of book.bornLots) {
    const lot = { user_id: id, grant_id: born.grantId, source: born.source, source_ref: born.sourceRef };
    const times = { expire_time: born.expireTime, create_time };
    await root('quota_grants').insert({ ...lot, amount: born.amount, remaining: born.amount, ...times });
    await root('quota_grants')
      .where({ user_id: id, grant_id: born.grantId })
      .update({ remaining: book.lot(born.grantId).remaining });
  }
  const payload = JSON.stringify({ first_sequence: 1, last_sequence: logSequence, quota_remaining: quotaRemaining });
  await root('outbox').insert({ type: 'quota.changed', user_id: id, payload, create_time });
}

beforeAll(async () => {
  const infra = readInfra();
  db = await openEmptyDatabase(infra);
  const config = migrateConfigOf(infra, db.name);
  const owner = await connectMigrator(infra, db.name);
  await migrateToLatest(owner, MIGRATIONS.slice(0, BEFORE_CHARGES));
  for (const userId of [inTime, late]) await writeOldBook(owner, bookOf(userId));
  // Cut off between two statements of 0016, and between each migration and the note that it ran.
  await owner.raw('ALTER TABLE quota_logs DROP INDEX quota_logs_by_time');
  for (const { up } of MIGRATIONS.slice(BEFORE_CHARGES)) await up(owner);
  await owner.destroy();
  await migrate(config);
  h = await startHarness({ DATABASE_URL: db.url });
});
afterAll(async () => {
  await h.stop();
  await db.close();
});

/** Migration 0018: what was consumed before there were charges is charged with what came back of it. */
describe('a database of 0.1.0 that was migrated', () => {
  test('has one settled charge for each consume, with what was returned of it', async () => {
    for (const userId of [inTime, late]) {
      expect(await readChargeWords(db, userId)).toEqual(['2 consume settled 2/6']);
      await expectBalanced(db, userId);
    }
    expect((await verifyLedgerOf(db.url, undefined, monotonicMs)).fault).toBeUndefined();
  });

  test('recognises a repeat of what was done before, and refuses other content', async () => {
    const before = await readUserRows(db, inTime);
    const again = { requestId: 'c', userId: inTime, amount: 6, taskId: 't' };
    expect(await mustSucceed(consume(h, again))).toMatchObject({ replayed: true, quotaRemaining: 4 });
    expect(await consume(h, { ...again, amount: 5 })).toMatchObject({ reason: 'REQUEST_ID_REUSED' });
    const refunded = { requestId: 'r1', userId: inTime, consumeRequestId: 'c', amount: 2 };
    expect(await mustSucceed(refund(h, refunded))).toMatchObject({ replayed: true, quotaRemaining: 6 });
    expect(await readUserRows(db, inTime)).toEqual(before);
  });

  test('goes on with a partial refund where it stood, and returns no more than was taken', async () => {
    const report = { requestId: 'o', userId: inTime, taskId: 't', outcome: TaskOutcome.FAILED };
    expect(await mustSucceed(reportOutcome(h, report))).toMatchObject({ chargesSettled: 0, logs: [] });
    const of = (requestId: string, amount: number) =>
      refund(h, { requestId, userId: inTime, consumeRequestId: 'c', amount });
    expect(await of('r2', 5)).toMatchObject({ reason: 'REFUND_EXCEEDS_CONSUMED', metadata: { units_left: '4' } });
    expect(await mustSucceed(of('r2', 0))).toMatchObject({ quotaRemaining: 10, log: { amount: 4 } });
    expect(await of('r3', 0)).toMatchObject({ reason: 'REFUND_EXCEEDS_CONSUMED' });
    expect(await expectBalanced(db, inTime)).toBe(10);
  });

  test('keeps the deadline of units that came back too late: a later refund prolongs nothing (lesson 28)', async () => {
    await mustSucceed(refund(h, { requestId: 'r2', userId: late, consumeRequestId: 'c', amount: 3 }));
    const { grants } = await getQuota(h, late);
    expect(grants.map(({ remaining, expireTime }) => [remaining, expireTime])).toEqual([
      [2, graceEnd],
      [3, graceEnd],
    ]);
    await expectBalanced(db, late);
    expect((await verifyLedgerOf(db.url, undefined, monotonicMs)).fault).toBeUndefined();
  });
});
