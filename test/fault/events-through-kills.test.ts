import { setTimeout as pause } from 'node:timers/promises';
import { ConsumeQuotaRequest } from '../../src/gen/billing/v1/quota_service.pb';
import { freePorts } from '../../bench/runner/free-ports';
import { call } from '../support/clients';
import { expectAllCommitted, expectOrderedLives, expectWholeLogTold, firstSeenOf } from '../support/event-proof';
import { EventReader } from '../support/event-reader';
import { newId, until } from '../support/harness';
import { startPrivateRedis, type PrivateRedis } from '../support/private-redis';
import { setStage, type Place, type ServiceProcess, type Stage } from '../support/service-process';
import { untilAnswered } from '../support/until-answered';

/**
 * Must show 4: a consumer sees each committed change at least once and in order per user, and none that was rolled back,
 * while whoever delivers is killed again and again, and Redis with it, and comes back empty.
 */
describe('events, while the relay and Redis are killed', () => {
  const USERS = 6;
  const CALLERS = 12;
  const ROUNDS = 3;
  let stage: Stage;
  let redisServer: PrivateRedis;
  let reader: EventReader;
  beforeAll(async () => {
    const [port = 0] = await freePorts(1);
    redisServer = await startPrivateRedis(port);
    reader = new EventReader(redisServer.url, 'billing.events');
    const settings = { REDIS_URL: redisServer.url, EVENTS_STREAM_KEY: 'billing.events', JOB_LOCK_MS: '2000' };
    stage = await setStage(settings, 2);
  });
  afterAll(async () => {
    await stage.close();
    reader.close();
    await redisServer.kill();
  });

  const consume = (place: Place, userId: string, amount: number) => {
    const { quota } = place.as('ai-task-service');
    const request = ConsumeQuotaRequest.fromPartial({ userId, requestId: newId('event'), amount });
    return untilAnswered(
      quota,
      () => call(quota.consumeQuota.bind(quota), request, 10_000),
      () => undefined,
    );
  };
  /** How many events of these users the stream should have told by now, by the tables. */
  const sequencesOf = async (users: readonly string[]): Promise<number> => {
    const [row] = await stage.db.query('SELECT SUM(log_sequence) AS n FROM users WHERE id IN (?)', [users]);
    return Number(row?.['n']);
  };

  test('each committed change is seen, in order per user, and nothing that was rolled back', async () => {
    const [left, right] = stage.places;
    if (left === undefined || right === undefined) throw new Error('the stage has two places');
    const [newest] = await stage.db.query('SELECT COALESCE(MAX(id), 0) + 1 AS id FROM outbox');
    const from = Number(newest?.['id']);
    const processes: ServiceProcess[] = [await left.start(), await right.start()];
    const members = await Promise.all(Array.from({ length: USERS }, () => stage.registerMember()));
    const users = members.map(({ userId }) => userId);

    let isOver = false;
    const polling = (async () => {
      while (!isOver) if ((await reader.poll()) === 0) await pause(5);
    })();
    let answered = 0;
    const caller = async (index: number): Promise<void> => {
      const place = index % 2 === 0 ? left : right;
      for (let n = 0; !isOver && n < 500; n += 1) {
        // Now and then more than there is: refused, and nothing is told of it.
        await consume(place, users[index % USERS] ?? '', n % 10 === 9 ? 1_000_000 : 1);
        answered += 1;
      }
    };
    const calling = Promise.all(Array.from({ length: CALLERS }, (_, index) => caller(index)));
    const untilMore = (calls: number): Promise<void> => {
      const wanted = answered + calls;
      return until(`${calls} more calls were answered`, () => Promise.resolve(answered >= wanted), 60_000);
    };

    const currentOwner = async (): Promise<string | undefined> => {
      const [row] = await stage.db.query('SELECT owner FROM event_relay WHERE lease_until > UTC_TIMESTAMP(3)');
      const name = row?.['owner'];
      return typeof name === 'string' ? name : undefined;
    };
    const owners = new Set<string>();
    for (let round = 0; round < ROUNDS; round += 1) {
      await untilMore(40);
      let owner = -1;
      await until('one of the processes delivers', async () => {
        const name = await currentOwner();
        const said = 'this process delivers events';
        owner = processes.findIndex(({ logs }) => logs.some((line) => line['msg'] === said && line['owner'] === name));
        return owner >= 0;
      });
      const place = stage.places[owner];
      expect(place).toBeDefined();
      processes[owner]?.kill('SIGKILL');
      await processes[owner]?.ended;
      await untilMore(20);
      if (round !== 1) {
        await redisServer.kill();
        await untilMore(20);
        await redisServer.start();
        reader.beginAnew();
      }
      if (place !== undefined) processes[owner] = await place.start();
      await until('somebody else delivers', async () => {
        const name = await currentOwner();
        return name !== undefined && !owners.has(name) && owners.add(name).size > 0;
      });
    }
    await untilMore(40);
    isOver = true;
    await calling;
    await polling;

    const last = await sequencesOf(users);
    await until('everything was seen', async () => {
      await reader.poll();
      const told = users
        .flatMap((user) => firstSeenOf(reader.seen, user))
        .filter(({ type }) => type === 'quota.changed');
      const rows = told.map(({ data }) => Number(data['last_sequence']) - Number(data['first_sequence']) + 1);
      return rows.reduce((sum, count) => sum + count, 0) >= last;
    });
    for (const user of users) {
      await expectWholeLogTold(stage.db, reader.seen, user);
      const types = firstSeenOf(reader.seen, user).map(({ type }) => type);
      expect(types.filter((type) => type.startsWith('order.') || type === 'user.registered')).toEqual([
        ...['user.registered', 'order.created', 'order.pending', 'order.paid'],
      ]);
    }
    expectOrderedLives(reader);
    await expectAllCommitted(stage.db, reader.seen, from);
    expect(reader.lives.length).toBe(3);
    // Three owners were killed at least, and somebody went on each time.
    expect(owners.size).toBe(ROUNDS);
  }, 180_000);
});
