import type { Database } from '../../../src/platform/db/database';
import { withTx } from '../../../src/platform/db/tx';
import type { Book } from '../../../src/quota/book';
import { endFreeze, freezeUnits, revokeLots, type FreezeEnd } from '../../../src/quota/freeze';
import { lockUser, openBook, writeBook } from '../../../src/quota/posting';
import { verifyLedgerOf } from '../../../src/cli/verify-ledger';
import { monotonicMs } from '../../../src/platform/clock';
import { mustSucceed } from '../../support/clients';
import type { TestDatabase } from '../../support/database';
import { consume, refund, registerMember, startHarness, type Harness } from '../../support/harness';
import { capture, getQuota, hold, release } from '../../support/quota-calls';
import { expectBalanced, readLogWords, readUserRows } from '../../support/user-rows';
import { openServiceDatabase } from '../../support/service-database';

const DAY_MS = 86_400_000;
const POLICY = { compensationGraceDays: 7 };
/** The member's registration grant, and what the order paid for. */
const [FREE, PAID] = [1, 2];

let db: TestDatabase;
let h: Harness;
let database: Database;
beforeAll(async () => {
  h = await startHarness();
  db = h.db;
  database = openServiceDatabase(h.infra, db);
});
afterAll(async () => {
  await database.knex.destroy();
  await h.stop();
});

/** Changes a user's book in a transaction, as the refund of an order will. */
function inBook<Result>(
  userId: string,
  change: (book: Book) => Result,
  also: { grantIds?: readonly number[]; freezes?: readonly number[] } = {},
): Promise<Result> {
  return withTx(database, { name: 'Test' }, async (tx) => {
    const book = await openBook(tx, await lockUser(tx, userId), h.clock.now(), { grantIds: [PAID], ...also });
    const result = change(book);
    await writeBook(tx, book);
    return result;
  });
}

const freeze = (userId: string, units: number, ref = 'refund-1') =>
  inBook(userId, (book) => freezeUnits(book, { ref, grantIds: [PAID], units }, POLICY));

const end = (userId: string, sequence: number | undefined, how: FreezeEnd) =>
  inBook(userId, (book) => endFreeze(book, 'refund-1', sequence ?? 0, how), { freezes: [sequence ?? 0] });

async function expectProved(userId: string): Promise<number> {
  expect((await verifyLedgerOf(db.url, userId, monotonicMs)).fault).toBeUndefined();
  return expectBalanced(db, userId);
}

/** Design §6: a refund of an order freezes units first, and what the money did decides what becomes of them. */
describe('units that are frozen', () => {
  test('are at most what the named lots have, and nobody can use, capture or release them', async () => {
    const { userId } = await registerMember(h);
    await mustSucceed(consume(h, { requestId: 'c', userId, amount: 110 }));
    expect(await freeze(userId, 450)).toEqual({ units: 400, sequence: 4 });
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 0, quotaHeld: 400 });
    const before = await readUserRows(db, userId);
    expect(await consume(h, { requestId: 'c2', userId })).toMatchObject({ reason: 'QUOTA_INSUFFICIENT' });
    for (const settle of [capture, release]) {
      expect(await settle(h, { requestId: 'k', userId, holdId: 'freeze:refund-1' })).toMatchObject({
        reason: 'HOLD_NOT_FOUND',
      });
    }
    expect(await readUserRows(db, userId)).toEqual(before);
    expect(await expectProved(userId)).toBe(0);
  });

  test('of a lot that has none are none, and write nothing', async () => {
    const { userId } = await registerMember(h);
    await mustSucceed(hold(h, { requestId: 'h', userId, amount: 510 }));
    const before = await readUserRows(db, userId);
    expect(await freeze(userId, 10)).toEqual({ units: 0, sequence: undefined });
    expect(await readUserRows(db, userId)).toEqual(before);
  });

  test('are refused a second freeze under the same name by the database', async () => {
    const { userId } = await registerMember(h);
    await freeze(userId, 10);
    const before = await readUserRows(db, userId);
    await expect(freeze(userId, 10)).rejects.toMatchObject({ errno: 1062 });
    expect(await readUserRows(db, userId)).toEqual(before);
  });

  test('come back when they are thawed', async () => {
    const { userId } = await registerMember(h);
    const { sequence } = await freeze(userId, 450);
    await end(userId, sequence, 'thaw');
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 510, quotaHeld: 0 });
    expect((await readLogWords(db, userId)).slice(2)).toEqual(['system HOLD -450', 'system RELEASE 450']);
    await expect(end(userId, sequence, 'thaw')).rejects.toThrow('is not frozen');
    expect(await expectProved(userId)).toBe(510);
  });

  test('end for good when they are revoked, and what is consumed is left as it is', async () => {
    const { userId } = await registerMember(h);
    await mustSucceed(consume(h, { requestId: 'c', userId, amount: 30 }));
    const { sequence } = await freeze(userId, 450);
    await end(userId, sequence, 'revoke');
    expect((await readLogWords(db, userId)).slice(3)).toEqual([
      'system HOLD -450',
      'system RELEASE 450',
      'system REVOKE -450',
    ]);
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 30, quotaHeld: 0 });
    expect(await expectProved(userId)).toBe(30);
  });

  test('do not expire while they are frozen, and thawed after their lot expired come back with a grace', async () => {
    const { userId } = await registerMember(h);
    const { sequence } = await freeze(userId, 450);
    h.clock.advanceMs(40 * DAY_MS);
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 0, quotaHeld: 450 });
    await end(userId, sequence, 'thaw');
    expect((await getQuota(h, userId)).grants).toMatchObject([{ source: 'compensation', remaining: 450 }]);
    expect(await expectProved(userId)).toBe(450);
  });
});

describe('a lot that is revoked', () => {
  test('ends with what it has left, and with what comes back to it later', async () => {
    const { userId } = await registerMember(h);
    await mustSucceed(consume(h, { requestId: 'c', userId, amount: 20 }));
    await mustSucceed(hold(h, { requestId: 'h', userId, amount: 5 }));
    await inBook(userId, (book) => revokeLots(book, 'refund-1', [PAID]));
    expect(await expectProved(userId)).toBe(0);
    const first = await mustSucceed(refund(h, { requestId: 'r', userId, consumeRequestId: 'c' }));
    expect(first).toMatchObject({ quotaRemaining: 10, log: { amount: 20 } });
    expect(await mustSucceed(refund(h, { requestId: 'r', userId, consumeRequestId: 'c' }))).toEqual({
      ...{ ...first, replayed: true },
    });
    await mustSucceed(capture(h, { requestId: 'k', userId, holdId: 'h', amount: 2 }));
    expect((await readLogWords(db, userId)).slice(4)).toEqual([
      ...['system REVOKE -485', 'caller REFUND 20', 'system REVOKE -10', 'caller CAPTURE 3', 'system REVOKE -3'],
    ]);
    const { grants } = await getQuota(h, userId);
    expect(grants).toMatchObject([{ grantId: FREE, remaining: 10 }]);
    expect(await expectProved(userId)).toBe(10);
  });
});
