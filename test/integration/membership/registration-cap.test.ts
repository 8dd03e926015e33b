import { verifyLedgerOf } from '../../../src/cli/verify-ledger';
import { GetMembershipRequest } from '../../../src/gen/billing/v1/membership_service.pb';
import { monotonicMs } from '../../../src/platform/clock';
import { businessDay } from '../../../src/platform/time';
import { call, mustSucceed, type Reply } from '../../support/clients';
import { newId, startHarness, type Harness } from '../../support/harness';
import { outcomeOf, registerWith } from '../../support/registrations';
import { checksums } from '../../support/schema-facts';

const GRANTS_MAX = 20;
const DAY_MS = 86_400_000;
/** Midnight in Shanghai is 16:00 UTC. */
const SHANGHAI_MS = 8 * 3_600_000;

let h: Harness;
beforeAll(async () => {
  const settings = { REGISTRATION_GRANTS_PER_DAY_MAX: String(GRANTS_MAX), DATABASE_ACQUIRE_TIMEOUT_MS: '20000' };
  // No worker: nothing but the calls below writes.
  h = await startHarness({ ...settings, BILLING_ROLE: 'rpc' });
});
afterAll(() => h.stop());

/** Moves the clock to an instant around the next midnight in Shanghai. */
function goToMidnight(offsetMs: number): void {
  const sinceMidnightMs = (h.clock.now().getTime() + SHANGHAI_MS) % DAY_MS;
  h.clock.advanceMs(DAY_MS - sinceMidnightMs + offsetMs);
}

/** The caller's grants of today, as they are counted. */
async function countedToday(): Promise<number | undefined> {
  const sql = 'SELECT granted FROM registration_grant_days WHERE caller = ? AND business_day = ?';
  const [row] = await h.db.query(sql, ['spiffe://billing/order-service/order-service', businessDay(h.clock.now())]);
  return row === undefined ? undefined : Number(row['granted']);
}

async function useUpToday(): Promise<void> {
  const left = GRANTS_MAX - ((await countedToday()) ?? 0);
  await Promise.all(Array.from({ length: left }, () => mustSucceed(registerWith(h, newId('u'), []))));
  expect(await countedToday()).toBe(GRANTS_MAX);
}

const reasonOf = (reply: Reply<unknown>): string => (reply.ok ? 'ok' : reply.reason);

/** R1.3: what a farmer with as many phones as he likes, or a caller gone mad, can cost on one day. */
describe('registration grants of one caller on one business day', () => {
  beforeEach(() => goToMidnight(1_000));

  test('are counted exactly when the first ones of the day come at once, and never exceed the cap (R1.3)', async () => {
    expect(await countedToday()).toBeUndefined();
    const userIds = Array.from({ length: GRANTS_MAX + 10 }, () => newId('u'));
    const replies = await Promise.all(userIds.map((userId) => registerWith(h, userId, [newId('phone')])));
    expect(replies.map(reasonOf).sort()).toEqual([
      ...Array.from({ length: 10 }, () => 'RATE_LIMITED'),
      ...Array.from({ length: GRANTS_MAX }, () => 'ok'),
    ]);
    expect(await countedToday()).toBe(GRANTS_MAX);
    const users = await h.db.query('SELECT id FROM users WHERE id IN (?)', [userIds]);
    expect(users).toHaveLength(GRANTS_MAX);
  });

  test('that are used up refuse one more as a whole: no user, no identity, no key is left behind (R1.3)', async () => {
    await useUpToday();
    const before = await checksums(h.db);
    const [userId, phone] = [newId('u'), newId('phone')];
    const reply = await registerWith(h, userId, [phone]);
    expect(reply).toMatchObject({
      ok: false,
      code: 'RESOURCE_EXHAUSTED',
      reason: 'RATE_LIMITED',
      metadata: {
        limit: 'registration_grants_per_day',
        max: String(GRANTS_MAX),
        business_day: businessDay(h.clock.now()),
      },
    });
    expect(await checksums(h.db)).toEqual(before);
    const { membership } = h.as('order-service');
    const asked = call(membership.getMembership.bind(membership), GetMembershipRequest.create({ userId }));
    expect(reasonOf(await asked)).toBe('USER_NOT_FOUND');
  });

  test('begin anew at midnight in Shanghai: the same request is then taken, with its grant (R1.3)', async () => {
    goToMidnight(-60_000);
    await useUpToday();
    const [userId, phone] = [newId('u'), newId('phone')];
    expect(reasonOf(await registerWith(h, userId, [phone]))).toBe('RATE_LIMITED');
    goToMidnight(0);
    const reply = await mustSucceed(registerWith(h, userId, [phone]));
    expect([outcomeOf(reply), reply.quotaRemaining, reply.replayed]).toEqual(['granted', 10, false]);
    expect(await countedToday()).toBe(1);
  });

  test('are not needed for what gives none: known users, known identities, repeats (R1.3)', async () => {
    const [userId, phone] = [newId('u'), newId('phone')];
    const first = await mustSucceed(registerWith(h, userId, [phone]));
    await useUpToday();
    expect(await mustSucceed(registerWith(h, userId, [phone]))).toEqual({ ...first, replayed: true });
    expect(outcomeOf(await mustSucceed(registerWith(h, userId, [], 'again')))).toBe('user known');
    expect(outcomeOf(await mustSucceed(registerWith(h, newId('u'), [phone])))).toBe('identity known');
    expect(await countedToday()).toBe(GRANTS_MAX);
  });

  test('are one for an identity also when the cap is reached in between (R1.3)', async () => {
    const phones = Array.from({ length: 3 }, () => newId('phone'));
    const sent = Array.from({ length: 30 }, (_, i) => registerWith(h, newId('u'), [phones[i % 3] ?? '']));
    const others = Array.from({ length: GRANTS_MAX }, () => registerWith(h, newId('u'), []));
    const replies = await Promise.all([...sent, ...others]);
    const words = replies.map((reply) => (reply.ok ? outcomeOf(reply.response) : reply.reason));
    expect(words.filter((word) => word === 'granted')).toHaveLength(GRANTS_MAX);
    expect(new Set(words.filter((word) => word !== 'granted' && word !== 'identity known'))).toEqual(
      new Set(['RATE_LIMITED']),
    );
    expect(await countedToday()).toBe(GRANTS_MAX);
    expect((await verifyLedgerOf(h.db.url, undefined, monotonicMs)).fault).toBeUndefined();
  });
});
