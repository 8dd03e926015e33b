import { Redis } from 'ioredis';
import { openEventStream, startEventRelay } from '../../../src/event';
import type { EventStream } from '../../../src/event/event-stream';
import { systemClock } from '../../../src/platform/clock';
import type { Database } from '../../../src/platform/db/database';
import { createLogger } from '../../../src/platform/log';
import { openRedis } from '../../../src/platform/redis';
import { freePorts } from '../../../bench/runner/free-ports';
import { type TestDatabase } from '../../support/database';
import { type EventReader } from '../../support/event-reader';
import { newId, until } from '../../support/harness';
import { startPrivateRedis } from '../../support/private-redis';
import { startTcpProxy } from '../../support/tcp-proxy';
import { numbersOf, openRelayStage, STREAM, type RelayStage } from '../../support/relay-stage';

/** Design §7, at least once: a Redis that changes under the relay's feet, and an owner who alone can not reach it. */
describe('the relay of events in hardship', () => {
  let stage: RelayStage;
  let database: TestDatabase;
  let db: Database;
  let redis: Redis;
  let reader: EventReader;
  beforeAll(async () => {
    stage = await openRelayStage(6);
    ({ database, db, redis } = stage);
  });
  beforeEach(async () => {
    reader = await stage.begin();
  });
  afterEach(() => reader.close());
  afterAll(() => stage.close());

  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) };
  const log = createLogger({ level: 'info', role: 'worker', destination });
  const lags = new Map<string, number>();
  const start = (owner: string, stream: EventStream = openEventStream(redis, STREAM)) =>
    startEventRelay({
      ...{ db, log, owner, stream, clock: systemClock, wants: () => [], intervalMs: 5, keepDays: 7 },
      observer: { published: () => undefined, lag: (ms) => void lags.set(owner, ms) },
    });
  const append = (userId: string, n: number): Promise<void> => stage.append(userId, n);
  const numbers = (userId: string): unknown[] => numbersOf(reader, userId);

  test('a stream that was deleted, or evicted, and that a consumer made again with its group, is filled again', async () => {
    const user = newId('u');
    const relay = start('first');
    for (let n = 1; n <= 5; n += 1) await append(user, n);
    await reader.untilSeen(5);
    // In one step, as a consumer of docs/events.md is faster than any look: the number beside the stream is still there.
    await redis.multi().del(STREAM).xgroup('CREATE', STREAM, 'crm', '0', 'MKSTREAM').exec();
    reader.beginAnew();
    await append(user, 6);
    await reader.untilSeen(5 + 6);
    await relay.stop();
    expect(numbers(user).slice(5)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('entries that were let go of, all of them, are no new stream: nothing comes again', async () => {
    const user = newId('u');
    const relay = start('first');
    await append(user, 1);
    await reader.untilSeen(1);
    await redis.xtrim(STREAM, 'MAXLEN', 0);
    await append(user, 2);
    await reader.untilSeen(2);
    await relay.stop();
    expect(numbers(user)).toEqual([1, 2]);
    expect(await redis.xlen(STREAM)).toBe(1);
  });

  test('Redis fails over and what was its master only reads now: the relay connects anew, to the new one', async () => {
    const user = newId('u');
    const [port = 0] = await freePorts(1);
    const former = await startPrivateRedis(port);
    const proxy = await startTcpProxy(port);
    const connection = openRedis(`redis://127.0.0.1:${proxy.port}/0`, 2_000, log);
    const relay = start('first', openEventStream(connection, STREAM));
    const admin = new Redis(former.url);
    try {
      await append(user, 1);
      await until('the former master has it', async () => (await admin.xlen(STREAM)) === 1);
      // The connections that there are stay with it.
      proxy.switchTo(stage.redisPort);
      await admin.replicaof('127.0.0.1', stage.redisPort);
      await append(user, 2);
      await reader.untilSeen(2);
      expect(numbers(user)).toEqual([1, 2]);
    } finally {
      await relay.stop();
      connection.disconnect();
      admin.disconnect();
      await proxy.close();
      await former.kill();
    }
  });

  test('an owner who alone can not reach Redis makes way for one who can, and says once that it can not', async () => {
    const user = newId('u');
    const away = () => Promise.reject(new Error('no way to Redis from here'));
    lines.length = 0;
    const cut = start('cut off', { take: away, add: away, rewind: away });
    await until('it has the lease', async () => {
      const [row] = await database.query('SELECT owner FROM event_relay');
      return row?.['owner'] === 'cut off';
    });
    await append(user, 1);
    const well = start('well');
    await reader.untilSeen(1);
    await append(user, 2);
    await reader.untilSeen(2);
    // What the other delivers is no lag of the one who can not.
    await until('no lag is left', () => Promise.resolve(lags.get('cut off') === 0));
    await Promise.all([cut.stop(), well.stop()]);
    expect(numbers(user)).toEqual([1, 2]);
    expect(lines.filter(({ msg }) => msg === 'events can not go out; they wait in the database')).toHaveLength(1);
  });

  test('alone without Redis it goes on trying, tells the lag, and does not fill the log', async () => {
    const away = () => Promise.reject(new Error('no way to Redis from here'));
    lines.length = 0;
    const relay = start('alone', { take: away, add: away, rewind: away });
    await append('u', 1);
    await until('it has had the lease again and again', async () => {
      const [row] = await database.query('SELECT epoch FROM event_relay');
      return Number(row?.['epoch'] ?? 0) >= 2;
    });
    expect(lags.get('alone')).toBeGreaterThan(1_000);
    await relay.stop();
    expect(lines.map(({ msg }) => msg)).toEqual([
      'this process delivers events',
      'events can not go out; they wait in the database',
    ]);
  });
});
