import { brokenInvariants } from '../../support/invariants';
import { runDue, openMembershipShop, type MembershipShop } from '../../support/membership-shop';
import { expectBalanced, readUserRows } from '../../support/user-rows';

let shop: MembershipShop;
let monthly: string;
beforeAll(async () => {
  shop = await openMembershipShop();
  monthly = await shop.plan({ periodUnit: 'month', quotaUnits: 500 });
});
afterAll(() => shop.close());

async function member(boughtAt: string): Promise<{ userId: string; orderId: string }> {
  shop.at(boughtAt);
  const userId = await shop.register();
  return { userId, orderId: await shop.buy(userId, monthly) };
}

/** Lets the job run at an instant; returns what the user was told in all. */
async function toldAt(userId: string, instant: string): Promise<readonly string[]> {
  shop.at(instant);
  await runDue(shop.remind);
  return shop.events(userId);
}

/** R8.4: reminders before a membership ends, and its end. */
describe('a member', () => {
  test('is told 7, 3 and 1 days before at 10:00 in Shanghai, and at the very end, each once', async () => {
    const { userId } = await member('2027-01-31T04:00:00.000Z');
    expect(await toldAt(userId, '2027-02-21T01:59:59.999Z')).toEqual(['started']);
    expect(await toldAt(userId, '2027-02-21T02:00:00.000Z')).toEqual(['started', 'expiring 7']);
    const told = await readUserRows(shop.db, userId);
    expect(await toldAt(userId, '2027-02-25T01:59:59.999Z')).toEqual(['started', 'expiring 7']);
    expect(await readUserRows(shop.db, userId)).toEqual(told);
    expect(await toldAt(userId, '2027-02-25T02:00:00.000Z')).toEqual(['started', 'expiring 7', 'expiring 3']);
    expect((await toldAt(userId, '2027-02-27T09:00:00.000Z')).at(-1)).toBe('expiring 1');
    expect((await toldAt(userId, '2027-02-28T03:59:59.999Z')).at(-1)).toBe('expiring 1');
    expect(await expectBalanced(shop.db, userId)).toBe(510);
    expect((await toldAt(userId, '2027-02-28T04:00:00.000Z')).slice(-2)).toEqual(['expiring 1', 'expired']);
    // What ended with it is booked then, whether anybody comes again or not.
    expect(await expectBalanced(shop.db, userId)).toBe(10);
    expect(await toldAt(userId, '2028-01-01T00:00:00.000Z')).toHaveLength(5);
    const sql = "SELECT payload FROM outbox WHERE user_id = ? AND type = 'membership.expired'";
    const [expired] = await shop.db.query(sql, [userId]);
    expect(JSON.parse(String(expired?.['payload']))).toEqual({
      ...{ plan_id: monthly, plan_name: '会员', expire_time: '2027-02-28T04:00:00.000Z' },
    });
  });

  test('is told once, however many do it at once', async () => {
    const { userId } = await member('2027-01-31T04:00:00.000Z');
    await toldAt(userId, '2027-02-01T00:00:00.000Z');
    shop.at('2027-02-21T02:00:00.000Z');
    const signal = new AbortController().signal;
    await Promise.all(Array.from({ length: 8 }, () => shop.remind.run(userId, signal)));
    expect(await shop.events(userId)).toEqual(['started', 'expiring 7']);
  });

  test('is not told what is stale: of several that are due only the last, after an end only that', async () => {
    const { userId } = await member('2027-01-31T04:00:00.000Z');
    expect(await toldAt(userId, '2027-02-26T00:00:00.000Z')).toEqual(['started', 'expiring 3']);
    expect(await toldAt(userId, '2027-03-20T00:00:00.000Z')).toEqual(['started', 'expiring 3', 'expired']);
  });

  test('who buys ahead is reminded of the new end, not of the old one', async () => {
    const { userId } = await member('2027-01-31T04:00:00.000Z');
    expect(await toldAt(userId, '2027-02-21T03:00:00.000Z')).toEqual(['started', 'expiring 7']);
    await shop.buy(userId, monthly);
    expect(await toldAt(userId, '2027-02-28T04:00:00.000Z')).toEqual(['started', 'expiring 7', 'started']);
    expect(await toldAt(userId, '2027-03-24T02:00:00.000Z')).toEqual([
      'started',
      'expiring 7',
      'started',
      'expiring 7',
    ]);
  });

  test('whose next month is refunded is reminded of the first end again, of what has not passed', async () => {
    const { userId } = await member('2027-01-31T04:00:00.000Z');
    await toldAt(userId, '2027-02-21T03:00:00.000Z');
    const ahead = await shop.buy(userId, monthly);
    await toldAt(userId, '2027-02-22T00:00:00.000Z');
    await shop.endRefund(await shop.refund(userId, ahead, 0), 'SUCCESS');
    const told = ['started', 'expiring 7', 'started', 'revoked'];
    expect(await toldAt(userId, '2027-02-25T01:00:00.000Z')).toEqual(told);
    expect(await toldAt(userId, '2027-02-25T02:00:00.000Z')).toEqual([...told, 'expiring 3']);
  });

  test('whose membership a refund ended is told of that, and of no other end', async () => {
    const { userId, orderId } = await member('2027-01-31T04:00:00.000Z');
    shop.at('2027-02-10T00:00:00.000Z');
    await shop.endRefund(await shop.refund(userId, orderId, 0), 'SUCCESS');
    expect(await toldAt(userId, '2027-06-01T00:00:00.000Z')).toEqual(['started', 'revoked']);
  });

  test('with a gap that a refund left is told of both ends', async () => {
    const { userId, orderId } = await member('2027-01-31T04:00:00.000Z');
    await shop.buy(userId, monthly);
    shop.at('2027-02-14T04:00:00.000Z');
    // Half the money, half of the two weeks that are left.
    await shop.endRefund(await shop.refund(userId, orderId, 6_000), 'SUCCESS');
    const told = ['started', 'started', 'shortened'];
    expect(await toldAt(userId, '2027-02-21T04:00:00.000Z')).toEqual([...told, 'expired']);
    expect((await toldAt(userId, '2027-03-24T02:00:00.000Z')).at(-1)).toBe('expiring 7');
    expect((await toldAt(userId, '2027-03-31T04:00:00.000Z')).at(-1)).toBe('expired');
  });
});

describe('an end that nobody told of in time', () => {
  test('is told all the same, and so is that of a month after a gap that is over by then', async () => {
    const { userId, orderId } = await member('2027-01-31T04:00:00.000Z');
    await shop.buy(userId, monthly);
    shop.at('2027-02-14T04:00:00.000Z');
    await shop.endRefund(await shop.refund(userId, orderId, 6_000), 'SUCCESS');
    const told = ['started', 'started', 'shortened'];
    expect(await toldAt(userId, '2027-06-01T00:00:00.000Z')).toEqual([...told, 'expired']);
    expect(await toldAt(userId, '2027-06-01T00:00:00.000Z')).toEqual([...told, 'expired', 'expired']);
    expect(await toldAt(userId, '2027-06-01T00:00:00.000Z')).toHaveLength(5);
    expect(await brokenInvariants(shop.db)).toEqual([]);
  });

  test('is told by whoever buys again before the job came', async () => {
    const { userId } = await member('2027-01-31T04:00:00.000Z');
    shop.at('2027-02-28T04:00:01.000Z');
    await shop.buy(userId, monthly);
    expect(await shop.events(userId)).toEqual(['started', 'expired', 'started']);
    expect(await toldAt(userId, '2027-02-28T05:00:00.000Z')).toEqual(['started', 'expired', 'started']);
    expect((await toldAt(userId, '2027-03-28T04:00:01.000Z')).at(-1)).toBe('expired');
  });
});

/** As a process of 0.4.0 leaves it, which knows of no notices: the membership moved on, what is noted did not. */
async function forgetNotice(userId: string, change: () => Promise<unknown>): Promise<void> {
  const read = 'SELECT expire_time, next_kind, next_time FROM membership_notices WHERE user_id = ?';
  const [noted] = await shop.db.query(read, [userId]);
  await change();
  await shop.db.query('UPDATE membership_notices SET ? WHERE user_id = ?', [noted, userId]);
}

describe('a member whose membership a process of 0.4.0 changed, so that the notice is of an end that is none', () => {
  test('who bought ahead there is told of the new end, and not of the old one', async () => {
    const { userId } = await member('2027-01-31T04:00:00.000Z');
    expect(await toldAt(userId, '2027-02-21T02:00:00.000Z')).toEqual(['started', 'expiring 7']);
    await forgetNotice(userId, () => shop.buy(userId, monthly));
    const told = ['started', 'expiring 7', 'started'];
    expect(await toldAt(userId, '2027-02-28T04:00:00.000Z')).toEqual(told);
    expect(await toldAt(userId, '2027-03-24T02:00:00.000Z')).toEqual([...told, 'expiring 7']);
    expect((await toldAt(userId, '2027-03-31T04:00:00.000Z')).slice(-2)).toEqual(['expiring 7', 'expired']);
    expect(await brokenInvariants(shop.db)).toEqual([]);
  });

  test('nor is he told of the old one by whoever sells to him after it', async () => {
    const { userId } = await member('2027-01-31T04:00:00.000Z');
    await toldAt(userId, '2027-02-01T02:00:00.000Z');
    await forgetNotice(userId, () => shop.buy(userId, monthly));
    shop.at('2027-03-01T04:00:00.000Z');
    await shop.buy(userId, monthly);
    expect(await shop.events(userId)).toEqual(['started', 'started', 'started']);
    expect((await toldAt(userId, '2027-04-30T04:00:00.000Z')).slice(-1)).toEqual(['expired']);
    expect(await brokenInvariants(shop.db)).toEqual([]);
  });

  test('whose order was refunded there in full is told of no end', async () => {
    const { userId, orderId } = await member('2027-01-31T04:00:00.000Z');
    await toldAt(userId, '2027-02-01T02:00:00.000Z');
    const refundId = await shop.refund(userId, orderId, 0);
    await forgetNotice(userId, () => shop.endRefund(refundId, 'SUCCESS'));
    expect(await toldAt(userId, '2027-02-28T04:00:00.000Z')).toEqual(['started', 'revoked']);
    expect(await brokenInvariants(shop.db)).toEqual([]);
  });
});

test('who was a member before there were reminders is planned for by the migration’s row', async () => {
  const { userId } = await member('2027-01-31T04:00:00.000Z');
  await shop.db.query(
    "UPDATE membership_notices SET expire_time = NULL, next_kind = 'plan', next_time = '2027-02-01' WHERE user_id = ?",
    [userId],
  );
  expect(await toldAt(userId, '2027-02-21T02:00:00.000Z')).toEqual(['started', 'expiring 7']);
  expect((await toldAt(userId, '2027-02-28T04:00:00.000Z')).at(-1)).toBe('expired');
});
