import fc from 'fast-check';
import { openTestDatabase, type TestDatabase } from '../../support/database';
import { readInfra } from '../../support/infra';
import { LedgerWorld, type Sent } from '../../support/ledger-world';
import { callerIntent, otherIntent, pick } from '../../support/quota-intents';
import { soak, soakTimeoutMs } from '../../support/soak';

const CI_MS = 15_000;
const USERS = 5;

jest.setTimeout(soakTimeoutMs(120_000));

const user = fc.nat({ max: USERS - 1 });

/** Between rounds things happen to users; in a round their commands come all at once, with something in the way. */
const round = fc.record({
  others: fc.array(fc.record({ user, intent: otherIntent }), { maxLength: 5 }),
  calls: fc.array(
    fc.record({ user, intent: callerIntent, settles: fc.option(fc.nat({ max: 63 }), { freq: 1, nil: undefined }) }),
    { minLength: 1, maxLength: 60, size: 'max' },
  ),
  inTheWay: fc.constantFrom('nothing', 'nothing', 'nothing', 'row lock', 'Redis lock'),
});
const episode = fc.array(round, { minLength: 8, maxLength: 12, size: 'max' });

type Round = typeof round extends fc.Arbitrary<infer Value> ? Value : never;

/** R3.1–R3.6: many users' commands in batches, on the real database, come to what the naive rules say for each. */
describe('any commands of many users at once, in batches', () => {
  let database: TestDatabase;
  let world: LedgerWorld;
  beforeAll(async () => {
    const infra = readInfra();
    database = await openTestDatabase(infra);
    world = new LedgerWorld(infra, database);
  });
  afterAll(async () => {
    await world.close();
    await database.close();
  });

  /** Holds a user's row locked until the lane waits for it apart from the others, or is through with everybody. */
  async function lockRowOf(userId: string): Promise<(isOver: () => boolean) => Promise<void>> {
    const holder = await database.connect('root');
    await holder.query('START TRANSACTION');
    await holder.query('SELECT 1 FROM users WHERE id = ? FOR UPDATE', [userId]);
    const waits = world.lane.batches.wait.length;
    return async (isOver) => {
      while (world.lane.batches.wait.length === waits && !isOver()) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      await holder.query('ROLLBACK');
      await holder.end();
    };
  }

  async function between({ others }: Round): Promise<void> {
    for (const { user: nth, intent } of others) {
      if (intent.kind === 'settle') continue;
      if (intent.kind !== 'sweep') await world.happen(world.userAt(nth), intent);
      else await world.run(await world.sweeping(world.userAt(nth), intent.outcome));
    }
  }

  async function inRound({ calls, inTheWay }: Round): Promise<void> {
    const sent = calls.map(({ user: nth, intent, settles }): Sent => {
      const caller = world.userAt(nth);
      const settling =
        settles === undefined || settles % 5 > 0
          ? undefined
          : world.settling(caller, settles, settles % 2 === 0 ? 'FAILED' : 'SUCCEEDED');
      if (settling !== undefined) return settling;
      const command = caller.caller.next(intent);
      return { user: caller, command, expected: caller.oracle.decide(command) };
    });
    const victim = pick(sent, calls.length)?.user.id ?? '';
    if (inTheWay === 'Redis lock') await world.lane.redis.set(`billing:lock:user:${victim}`, 'other', 'PX', 2_000);
    const unlock = inTheWay === 'row lock' ? await lockRowOf(victim) : undefined;
    let isOver = false;
    const running = world.run(sent).finally(() => (isOver = true));
    await Promise.all([running, unlock?.(() => isOver)]);
    await world.compare();
  }

  test('every answer, every table and the proof from the log agree with the oracle', async () => {
    await soak('database model', CI_MS, async (seed) => {
      const [rounds = []] = fc.sample(episode, { seed, numRuns: 1 });
      await world.begin(USERS);
      for (const each of rounds) {
        await between(each);
        await inRound(each);
      }
      await world.verify('these');
    });
    await world.verify('all');
    expect(Math.max(...world.lane.batches.skip)).toBeGreaterThan(20);
    expect(world.lane.batches.wait.length).toBeGreaterThan(0);
  });
});
