import { grantDuePeriods } from '../../../src/membership';
import type { Database } from '../../../src/platform/db/database';
import { call, mustSucceed } from '../../support/clients';
import { createOrder, newId, registerMember, registerUser } from '../../support/harness';
import { startHarness, until, type Harness } from '../../support/harness';
import { countAllRows, expectBalanced, readUserRows } from '../../support/user-rows';
import { runDue } from '../../support/membership-shop';
import { openServiceDatabase } from '../../support/service-database';
import { TestClock } from '../../support/test-clock';

const DAY_MS = 86_400_000;
const MONTHLY_FEATURES = ['image.generate', 'image.matting', 'image.try_on', 'image.upscale'];

let h: Harness;
let database: Database;

beforeEach(async () => {
  // The job is run by the tests, so that "twice" is what they say it is.
  h = await startHarness({ WORKER_POLL_INTERVAL_MS: '600000' });
  database = openServiceDatabase(h.infra, h.db);
});
afterEach(async () => {
  await database.knex.destroy();
  await h.stop();
});

const getMembership = (userId: string) => {
  const { membership } = h.as('auditor');
  return call(membership.getMembership.bind(membership), { userId });
};
const check = (userId: string, feature: string, amount: number) => {
  const { membership } = h.as('auditor');
  return call(membership.checkEntitlement.bind(membership), { userId, feature, amount });
};

async function buyAgain(userId: string): Promise<string> {
  const orderId = await createOrder(h, userId);
  await h.control('/_control/pay', { order_id: orderId });
  await until('the order is paid', async () => {
    const [order] = await h.db.query('SELECT status FROM orders WHERE id = ?', [orderId]);
    return order?.['status'] === 'paid';
  });
  return orderId;
}

const periodsOf = (userId: string) =>
  h.db.query('SELECT * FROM membership_periods WHERE user_id = ? ORDER BY period_no', [userId]);
const membershipLotsOf = (userId: string) =>
  h.db.query("SELECT * FROM quota_grants WHERE user_id = ? AND source = 'membership' ORDER BY grant_id", [userId]);

/** Gives what is due at an instant. */
function grantDueAt(instant: Date): Promise<number> {
  const clock = new TestClock();
  clock.stopAt(instant);
  return runDue(grantDuePeriods({ db: database, clock }, 1));
}

function msUntil(instant: unknown): number {
  return (instant as Date).getTime() - h.clock.now().getTime();
}

/** Lessons 8, 20, 27, 29, 31. */
describe('a membership bought twice', () => {
  test('has two periods that follow without a gap, and one lot until the second begins', async () => {
    const { userId, orderId } = await registerMember(h);
    const second = await buyAgain(userId);
    const [one, two] = await periodsOf(userId);
    expect(two?.['start_time']).toEqual(one?.['end_time']);
    expect(two?.['anchor_time']).toEqual(one?.['start_time']);
    expect([one?.['order_id'], two?.['order_id']]).toEqual([orderId, second]);
    expect([one?.['next_grant_time'], two?.['next_grant_time']]).toEqual([null, two?.['start_time']]);
    expect(await membershipLotsOf(userId)).toHaveLength(1);
    expect(await expectBalanced(h.db, userId)).toBe(510);
    const { membership } = await mustSucceed(getMembership(userId));
    expect(membership).toMatchObject({ active: true, startTime: one?.['start_time'], expireTime: two?.['end_time'] });
  });

  test('gets its second lot when the second period begins: not a moment before, and once however often', async () => {
    const { userId } = await registerMember(h);
    const second = await buyAgain(userId);
    const [, two] = await periodsOf(userId);
    const start = two?.['start_time'] as Date;
    const before = await readUserRows(h.db, userId);
    await grantDueAt(new Date(start.getTime() - 1));
    expect(await readUserRows(h.db, userId)).toEqual(before);

    h.clock.advanceMs(msUntil(start));
    await Promise.all(Array.from({ length: 4 }, () => grantDueAt(h.clock.now())));
    const given = await readUserRows(h.db, userId);
    const lots = await membershipLotsOf(userId);
    expect(lots.map((lot) => [lot['order_id'], lot['amount'], lot['expire_time']]).at(-1)).toEqual([
      second,
      500,
      two?.['end_time'],
    ]);
    expect(lots).toHaveLength(2);
    // The first month's units and the registration's ended with the first month; that is booked before the new lot.
    expect(await expectBalanced(h.db, userId)).toBe(500);
    await grantDueAt(h.clock.now());
    expect(await readUserRows(h.db, userId)).toEqual(given);
  });

  test('after the first has ended starts now, with its lot at once', async () => {
    const { userId } = await registerMember(h);
    h.clock.advanceMs(40 * DAY_MS);
    expect((await mustSucceed(getMembership(userId))).membership).toMatchObject({ active: false, planId: '' });
    await buyAgain(userId);
    const [one, two] = await periodsOf(userId);
    expect((two?.['start_time'] as Date).getTime()).toBeGreaterThan((one?.['end_time'] as Date).getTime());
    expect(two?.['next_grant_time']).toBeNull();
    expect(await membershipLotsOf(userId)).toHaveLength(2);
    expect(await expectBalanced(h.db, userId)).toBe(500);
  });
});

describe('GetMembership', () => {
  test('of a user who bought nothing is not active and has only what everybody has', async () => {
    const userId = await registerUser(h);
    expect((await mustSucceed(getMembership(userId))).membership).toMatchObject({
      active: false,
      planId: '',
      planName: '',
      startTime: undefined,
      expireTime: undefined,
      features: ['image.generate'],
    });
  });

  test('of a member tells the plan and its features, to the last millisecond of the period', async () => {
    const { userId } = await registerMember(h);
    const { membership } = await mustSucceed(getMembership(userId));
    expect(membership).toMatchObject({
      active: true,
      planId: 'monthly',
      planName: '月度会员',
      features: MONTHLY_FEATURES,
    });
    h.clock.advanceMs(msUntil(membership?.expireTime) + 1);
    expect((await mustSucceed(getMembership(userId))).membership).toMatchObject({ active: false });
  });

  test('of an unknown user is USER_NOT_FOUND, and makes none', async () => {
    const before = await countAllRows(h.db);
    const refused = { code: 'NOT_FOUND', reason: 'USER_NOT_FOUND' };
    expect(await getMembership(newId('nobody'))).toMatchObject(refused);
    expect(await check(newId('nobody'), 'image.generate', 1)).toMatchObject(refused);
    expect(await countAllRows(h.db)).toEqual(before);
  });
});

describe('ListPlans', () => {
  test('shows what is on sale with its price in fen, and not what everybody has anyway', async () => {
    const { membership } = h.as('auditor');
    const { plans, nextPageToken } = await mustSucceed(
      call(membership.listPlans.bind(membership), { pageSize: 0, pageToken: '' }),
    );
    expect(plans.find((plan) => plan.planId === 'monthly')).toMatchObject({
      name: '月度会员',
      price: 9_900,
      listPrice: 9_900,
      currency: 'CNY',
      periodCount: 1,
      quotaUnits: 500,
      features: MONTHLY_FEATURES,
    });
    expect(plans.map((plan) => plan.planId)).not.toContain('basic');
    expect(nextPageToken).toBe('');
  });
});
