import { commandOf } from '../../support/quota-account';
import { openEntitlementStage, type EntitlementStage } from '../../support/entitlement-stage';
import { until } from '../../support/harness';
import { readUserRows } from '../../support/user-rows';

const DAY_MS = 86_400_000;
const UPSCALE = { units: 2, feature: 'image.upscale' };

let stage: EntitlementStage;
beforeAll(async () => {
  stage = await openEntitlementStage();
  stage.shop.at('2027-03-01T04:00:00.000Z');
  await stage.list('upscale', UPSCALE);
});
afterAll(() => stage.close());

/** A user with a month of 100 units, of which upscaling may take at most so many. */
async function member(upscaleMost?: number): Promise<string> {
  const { shop } = stage;
  const userId = await shop.register();
  const featureLimits = upscaleMost === undefined ? {} : { featureLimits: { 'image.upscale': upscaleMost } };
  await shop.buy(userId, await shop.plan({ periodUnit: 'month', quotaUnits: 100, ...featureLimits }));
  return userId;
}

describe('a listed task type', () => {
  test('takes its tariff, by consume and by hold; any other amount is malformed and changes nothing', async () => {
    const userId = await member();
    expect(await stage.take(userId, 'upscale', 2)).toBe('ok');
    expect(await stage.send(commandOf.hold({ userId, amount: 2, taskType: 'upscale' }))).toBe('ok');
    const before = await readUserRows(stage.shop.db, userId);
    for (const amount of [1, 3]) expect(await stage.take(userId, 'upscale', amount)).toBe('INVALID_REQUEST amount');
    const hold = commandOf.hold({ userId, requestId: 'h-2', amount: 3, taskType: 'upscale' });
    expect(await stage.send(hold)).toBe('INVALID_REQUEST amount');
    expect(await readUserRows(stage.shop.db, userId)).toEqual(before);
  });

  test('is refused to who does not hold its feature, before anybody asks whether the units suffice', async () => {
    const userId = await stage.shop.register();
    await stage.list('upscale-dear', { units: 1_000, feature: 'image.upscale' });
    const before = await readUserRows(stage.shop.db, userId);
    const refusal = 'FEATURE_NOT_ENTITLED feature=image.upscale why=not_in_plan';
    expect(await stage.take(userId, 'upscale', 2)).toBe(refusal);
    expect(await stage.take(userId, 'upscale-dear', 1_000)).toBe(refusal);
    expect(await stage.send(commandOf.hold({ userId, amount: 2, taskType: 'upscale' }))).toBe(refusal);
    expect(await readUserRows(stage.shop.db, userId)).toEqual(before);
    expect(await stage.take(await member(), 'upscale-dear', 1_000)).toMatch(/^QUOTA_INSUFFICIENT/);
  });

  test('of a feature that everybody has needs no membership', async () => {
    await stage.list('generate', { units: 1, feature: 'image.generate' });
    expect(await stage.take(await stage.shop.register(), 'generate', 1)).toBe('ok');
  });

  test('is asked of nobody before its instant, and of everybody from it on', async () => {
    const userId = await member();
    const from = await stage.announce('later', { units: 5, feature: 'image.upscale' });
    stage.shop.clock.stopAt(new Date(from.getTime() - 1));
    expect(await stage.take(userId, 'later', 1)).toBe('ok');
    stage.shop.clock.stopAt(from);
    expect(await stage.take(userId, 'later', 1)).toBe('INVALID_REQUEST amount');
    expect(await stage.take(userId, 'later', 5, { lane: stage.other })).toBe('ok');
  });

  test('passes as sent once it is unlisted again, like one that never was listed', async () => {
    const userId = await stage.shop.register();
    await stage.list('brief', { units: 9, feature: 'nobody.has' });
    expect(await stage.take(userId, 'brief', 9)).toMatch(/not_in_plan/);
    await stage.list('brief', null);
    expect(await stage.take(userId, 'brief', 1)).toBe('ok');
    expect(await stage.take(userId, 'never listed', 1)).toBe('ok');
    expect(await stage.take(userId, '', 1)).toBe('ok');
    expect(await stage.used(userId)).toEqual([]);
  });

  test('asks a user who does not exist first whether he does', async () => {
    expect(await stage.take('nobody', 'upscale', 3)).toBe('USER_NOT_FOUND user_id=nobody');
  });
});

describe('a repeat', () => {
  test('is replayed whatever the tariff is now, and whatever its user holds now (lesson 30)', async () => {
    const userId = await member(2);
    const fields = { requestId: 'once', taskId: 't-1' };
    await stage.list('changing', { units: 2, feature: 'image.upscale' });
    expect(await stage.take(userId, 'changing', 2, fields)).toBe('ok');
    const hold = commandOf.hold({ userId, requestId: 'held', amount: 1, taskType: 'grew' });
    expect(await stage.send(hold)).toBe('ok');
    await stage.list('changing', { units: 7, feature: 'nobody.has' });
    await stage.list('grew', { units: 7, feature: 'nobody.has' });
    const before = await readUserRows(stage.shop.db, userId);
    expect(await stage.take(userId, 'changing', 2, fields)).toBe('replayed');
    expect(await stage.send(hold)).toBe('replayed');
    // Another content is a reused id, even where the tariff would refuse it too.
    expect(await stage.take(userId, 'changing', 3, fields)).toMatch(/^REQUEST_ID_REUSED/);
    expect(await readUserRows(stage.shop.db, userId)).toEqual(before);
  });

  test('of what a limit refused is judged afresh (lesson 5)', async () => {
    const userId = await member(2);
    const fields = { requestId: 'again' };
    expect(await stage.take(userId, 'upscale', 2, { requestId: 'first', taskId: 't-1' })).toBe('ok');
    expect(await stage.take(userId, 'upscale', 2, fields)).toMatch(/limit_reached/);
    expect(await stage.send(commandOf.outcome({ userId, outcome: 'FAILED' }))).toBe('ok');
    expect(await stage.take(userId, 'upscale', 2, fields)).toBe('ok');
  });
});

describe('a limit', () => {
  test('lets so many units of its feature be taken in a period, whatever task types take them', async () => {
    const userId = await member(5);
    await stage.list('upscale-4x', { units: 3, feature: 'image.upscale' });
    expect(await stage.take(userId, 'upscale', 2)).toBe('ok');
    expect(await stage.take(userId, 'upscale-4x', 3)).toBe('ok');
    const before = await readUserRows(stage.shop.db, userId);
    const refusal = 'FEATURE_NOT_ENTITLED feature=image.upscale why=limit_reached limit=5 used=5';
    expect(await stage.take(userId, 'upscale', 2)).toBe(refusal);
    expect(await stage.take(userId, 'upscale', 2, { lane: stage.other })).toBe(refusal);
    expect(await readUserRows(stage.shop.db, userId)).toEqual(before);
    expect(await stage.used(userId)).toEqual(['image.upscale in 1: 5']);
  });

  test('is freed by what comes back: a refund, a release, what a capture leaves, a failed task', async () => {
    const userId = await member(4);
    const back = async (word: Promise<string>, used: number): Promise<void> => {
      expect(await word).toBe('ok');
      expect(await stage.used(userId)).toEqual([`image.upscale in 1: ${used}`]);
    };
    const hold = (requestId: string) => commandOf.hold({ userId, requestId, amount: 2, taskType: 'upscale' });
    await back(stage.take(userId, 'upscale', 2, { requestId: 'c-1' }), 2);
    await back(stage.send(hold('h-1')), 4);
    expect(await stage.send(hold('h-2'))).toMatch(/limit_reached limit=4 used=4/);
    await back(stage.send(commandOf.capture({ userId, amount: 1 })), 3);
    await back(stage.send(commandOf.refund({ userId, amount: 1 })), 2);
    await back(stage.send(hold('h-2')), 4);
    await back(stage.send(commandOf.release({ userId, requestId: 'l-1', holdId: 'h-2' })), 2);
    await back(stage.take(userId, 'upscale', 2, { requestId: 'c-2', taskId: 't-1' }), 4);
    await back(stage.send(commandOf.outcome({ userId })), 2);
  });

  test('is the next period anew', async () => {
    const { shop } = stage;
    const userId = await shop.register();
    const planId = await shop.plan({ periodUnit: 'month', quotaUnits: 100, featureLimits: { 'image.upscale': 2 } });
    await shop.buy(userId, planId);
    await shop.buy(userId, planId);
    expect(await stage.take(userId, 'upscale', 2)).toBe('ok');
    const [first] = await shop.periods(userId);
    const end = first?.['end_time'] as Date;
    shop.clock.stopAt(new Date(end.getTime() - 1));
    expect(await stage.take(userId, 'upscale', 2)).toMatch(/limit_reached/);
    shop.clock.stopAt(end);
    for (const due of await shop.grantDue.findDue(1_000)) await shop.grantDue.run(due, new AbortController().signal);
    expect(await stage.take(userId, 'upscale', 2)).toBe('ok');
    expect(await stage.used(userId)).toEqual(['image.upscale in 1: 2', 'image.upscale in 2: 2']);
  });

  test('holds when 60 calls reach for it at once through two processes: none too many, none too few (lesson 21)', async () => {
    const userId = await member(30);
    const words = await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        stage.take(userId, 'upscale', 2, { lane: i % 2 === 0 ? stage.lane : stage.other }),
      ),
    );
    expect(words.filter((word) => word === 'ok')).toHaveLength(15);
    expect(new Set(words)).toEqual(
      new Set(['ok', 'FEATURE_NOT_ENTITLED feature=image.upscale why=limit_reached limit=30 used=30']),
    );
    expect(await stage.used(userId)).toEqual(['image.upscale in 1: 30']);
  });

  test('is judged right where units came back earlier in the same batch, and where they come back after', async () => {
    const userId = await member(2);
    expect(await stage.take(userId, 'upscale', 2, { taskId: 't-1' })).toBe('ok');
    const batches = stage.lane.batches.skip.length;
    const words = await Promise.all([
      stage.take(userId, 'upscale', 2, { requestId: 'too soon' }),
      stage.send(commandOf.outcome({ userId, outcome: 'FAILED' })),
      stage.take(userId, 'upscale', 2, { requestId: 'in time' }),
      stage.take(userId, 'upscale', 2, { requestId: 'too late' }),
    ]);
    const reached = 'FEATURE_NOT_ENTITLED feature=image.upscale why=limit_reached limit=2 used=2';
    expect(words).toEqual([reached, 'ok', 'ok', reached]);
    expect(stage.lane.batches.skip.slice(batches)).toEqual([4]);
    expect(await stage.used(userId)).toEqual(['image.upscale in 1: 2']);
  });
});

describe('a tariff that changes while calls run', () => {
  test('is applied from its instant on: each row says by its time which one it took', async () => {
    const { shop } = stage;
    const userId = await shop.register();
    await shop.buy(userId, await shop.plan({ periodUnit: 'month', quotaUnits: 1_000_000 }));
    await stage.list('moving', { units: 2, feature: 'image.upscale' });
    const from = await stage.announce('moving', { units: 3, feature: 'image.upscale' });
    // One instant in the middle of the calls: the clock stands until then, as callers know no better.
    shop.clock.stopAt(new Date(from.getTime() - 1));
    const send = async (i: number): Promise<void> => {
      const lane = i % 2 === 0 ? stage.lane : stage.other;
      if ((await stage.take(userId, 'moving', 2, { lane })) !== 'ok') await stage.take(userId, 'moving', 3, { lane });
    };
    const running = Array.from({ length: 100 }, (_, i) => send(i));
    await until('some calls took effect', async () => (await rowsOf(userId)).length > 0);
    shop.clock.stopAt(from);
    running.push(...Array.from({ length: 100 }, (_, i) => send(i)));
    await Promise.all(running);
    const rows = await rowsOf(userId);
    expect(rows).toHaveLength(200);
    for (const { units, create_time } of rows) expect(units).toBe((create_time as Date) < from ? 2 : 3);
    expect(new Set(rows.map(({ units }) => units))).toEqual(new Set([2, 3]));
  });

  test('between the cut of a batch and its turn at a locked user leaves it to the next batch, in order', async () => {
    const { shop, lane } = stage;
    const userId = await member(2);
    const from = await stage.announce('sudden', { units: 2, feature: 'image.upscale' });
    shop.clock.stopAt(new Date(from.getTime() - 1));
    expect(await stage.take(userId, 'sudden', 1, { requestId: 'before' })).toBe('ok');
    const holder = await shop.db.connect('root');
    await holder.query('START TRANSACTION');
    await holder.query('SELECT 1 FROM users WHERE id = ? FOR UPDATE', [userId]);
    const waits = lane.batches.wait.length;
    const words = Promise.all([
      stage.take(userId, 'sudden', 1, { requestId: 'a' }),
      stage.take(userId, 'sudden', 2, { requestId: 'b' }),
      stage.take(userId, 'upscale', 2, { requestId: 'c' }),
    ]);
    await until('the batch waits', () => Promise.resolve(lane.batches.wait.length > waits));
    shop.clock.stopAt(from);
    await holder.query('ROLLBACK');
    await holder.end();
    expect(await words).toEqual([
      'INVALID_REQUEST amount',
      'ok',
      'FEATURE_NOT_ENTITLED feature=image.upscale why=limit_reached limit=2 used=2',
    ]);
  });

  const rowsOf = (userId: string) =>
    stage.shop.db.query("SELECT units, create_time FROM quota_logs WHERE user_id = ? AND type = 'CONSUME'", [userId]);
});

describe('after a membership ended', () => {
  let graceful: EntitlementStage;
  beforeAll(async () => {
    graceful = await openEntitlementStage(3, '_grace');
    graceful.shop.at('2027-03-01T04:00:00.000Z');
    await graceful.list('upscale', UPSCALE);
  });
  afterAll(() => graceful.close());

  test('its features stay for the days of grace, within what its limit leaves, to the millisecond', async () => {
    const { shop } = graceful;
    const userId = await shop.register();
    const planId = await shop.plan({ periodUnit: 'day', periodCount: 1, featureLimits: { 'image.upscale': 4 } });
    await shop.buy(userId, planId);
    expect(await graceful.take(userId, 'upscale', 2)).toBe('ok');
    const [period] = await shop.periods(userId);
    const endMs = (period?.['end_time'] as Date).getTime();
    // The registration's units outlive the day.
    shop.clock.stopAt(new Date(endMs + 3 * DAY_MS - 1));
    expect(await graceful.take(userId, 'upscale', 2)).toBe('ok');
    expect(await graceful.take(userId, 'upscale', 2)).toMatch(/limit_reached limit=4 used=4/);
    shop.clock.stopAt(new Date(endMs + 3 * DAY_MS));
    expect(await graceful.take(userId, 'upscale', 2)).toMatch(/not_in_plan/);
  });

  test('by a refund in full there is no grace', async () => {
    const { shop } = graceful;
    const userId = await shop.register();
    const orderId = await shop.buy(userId, await shop.plan({ periodUnit: 'month', quotaUnits: 100 }));
    expect(await graceful.take(userId, 'upscale', 2)).toBe('ok');
    await shop.endRefund(await shop.refund(userId, orderId, 0), 'SUCCESS');
    expect(await graceful.take(userId, 'upscale', 2)).toMatch(/not_in_plan/);
  });
});
