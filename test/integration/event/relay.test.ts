import { type Redis } from 'ioredis';
import { openEventStream, startEventRelay } from '../../../src/event';
import { acquireRelay, renewRelay } from '../../../src/event/relay-lease';
import { makeBatch, readBatches } from '../../../src/event/relay-batches';
import { stateKeyOf } from '../../../src/event/event-stream';
import { systemClock } from '../../../src/platform/clock';
import type { Database } from '../../../src/platform/db/database';
import { appendEvents } from '../../../src/platform/db/outbox';
import { withTx } from '../../../src/platform/db/tx';
import { createLogger } from '../../../src/platform/log';
import { type TestDatabase } from '../../support/database';
import { type EventReader } from '../../support/event-reader';
import { newId } from '../../support/harness';
import { numbersOf, openRelayStage, STREAM, type RelayStage } from '../../support/relay-stage';

const nobody = (): readonly string[] => [];
const NOW = new Date('2026-03-01T00:00:00.000Z');

/** Design §7: in order per user, at least once, never before commit; whoever delivers, and whatever Redis forgot. */
describe('the relay of events', () => {
  let stage: RelayStage;
  let database: TestDatabase;
  let db: Database;
  let redis: Redis;
  let reader: EventReader;
  beforeAll(async () => {
    stage = await openRelayStage(4);
    ({ database, db, redis } = stage);
  });
  beforeEach(async () => {
    reader = await stage.begin();
  });
  afterEach(() => reader.close());
  afterAll(() => stage.close());

  const log = createLogger({ level: 'silent', role: 'worker' });
  const start = (owner: string) =>
    startEventRelay({
      ...{ db, log, owner, clock: systemClock, wants: nobody, intervalMs: 5, keepDays: 7 },
      stream: openEventStream(redis, STREAM),
      observer: { published: () => undefined, lag: () => undefined },
    });
  const append = (userId: string, n: number): Promise<void> => stage.append(userId, n);
  const numbers = (userId: string): unknown[] => numbersOf(reader, userId);

  test('takes what is committed, once, in order, and nothing that was rolled back', async () => {
    const user = newId('u');
    const relay = start('first');
    await append(user, 1);
    await withTx(db, { name: 'test' }, async (tx) => {
      await appendEvents(tx, [{ type: 'test.happened', userId: user, payload: { n: -1 } }], NOW);
      throw new Error('rolled back');
    }).catch(() => undefined);
    for (let n = 2; n <= 50; n += 1) await append(user, n);
    await reader.untilSeen(50);
    await relay.stop();
    await reader.poll();
    expect(numbers(user)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
  });

  test('sees a row that commits after one with a higher id: it comes later, and is not passed over', async () => {
    const [slow, fast] = [newId('slow'), newId('fast')];
    const relay = start('first');
    await withTx(db, { name: 'test' }, async (tx) => {
      await appendEvents(tx, [{ type: 'test.happened', userId: slow, payload: { n: 1 } }], NOW);
      await append(fast, 1);
      await reader.untilSeen(1);
      expect(numbers(fast)).toEqual([1]);
    });
    await reader.untilSeen(2);
    await relay.stop();
    expect(numbers(slow)).toEqual([1]);
    const ids = reader.seen.map(({ id }) => Number(id));
    expect(ids[0]).toBeGreaterThan(ids[1] ?? 0);
  });

  test('of two, one delivers; when it stops, the other goes on at once and repeats nothing', async () => {
    const user = newId('u');
    const relays = [start('one'), start('two')];
    await append(user, 1);
    await reader.untilSeen(1);
    const [row] = await database.query('SELECT owner FROM event_relay');
    const owner = row?.['owner'] === 'one' ? 0 : 1;
    await relays[owner]?.stop();
    await append(user, 2);
    await reader.untilSeen(2);
    await relays[1 - owner]?.stop();
    expect(numbers(user)).toEqual([1, 2]);
  });

  test('an owner whose lease went to another adds nothing: Redis refuses its epoch', async () => {
    const user = newId('u');
    const stream = openEventStream(redis, STREAM);
    const stale = await acquireRelay(db, 'stale', 0);
    if (stale === undefined) throw new Error('nobody else has the lease');
    await append(user, 1);
    const made = await makeBatch(db, stale, nobody, NOW);
    expect(made.outcome).toBe('made');
    await database.query('UPDATE event_relay SET lease_until = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND');
    const relay = start('next');
    await reader.untilSeen(1);
    // What the stale owner still believes is its own to send.
    const refused = await stream.add(stale.epoch, 0, 1, ['"late"'], 0);
    expect(refused).toMatchObject({ outcome: 'fenced', epoch: stale.epoch + 1 });
    expect(await stream.rewind(stale.epoch, 0)).toMatchObject({ outcome: 'fenced' });
    expect(await renewRelay(db, stale.epoch)).toBe(false);
    expect(await makeBatch(db, stale, nobody, NOW)).toEqual({ outcome: 'lost' });
    await append(user, 2);
    await reader.untilSeen(2);
    await relay.stop();
    expect(numbers(user)).toEqual([1, 2]);
    expect(await redis.xlen(STREAM)).toBe(2);
  });

  test('a batch that was made and not sent is sent first by the next owner, before anything new', async () => {
    const user = newId('u');
    const dead = await acquireRelay(db, 'dead', 0);
    if (dead === undefined) throw new Error('nobody else has the lease');
    await append(user, 1);
    await makeBatch(db, dead, nobody, NOW);
    await append(user, 2);
    await database.query('UPDATE event_relay SET lease_until = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND');
    const relay = start('next');
    await reader.untilSeen(2);
    await relay.stop();
    expect(numbers(user)).toEqual([1, 2]);
  });

  test('a batch that was sent and not heard of is not sent again', async () => {
    const user = newId('u');
    const stream = openEventStream(redis, STREAM);
    const dead = await acquireRelay(db, 'dead', 0);
    if (dead === undefined) throw new Error('nobody else has the lease');
    await append(user, 1);
    await makeBatch(db, dead, nobody, NOW);
    const batches = await readBatches(db, 0);
    const texts = (batches?.events ?? []).map((event) => JSON.stringify(event));
    expect(await stream.add(dead.epoch, 0, 1, texts, 0)).toMatchObject({ outcome: 'done', batch: 1 });
    expect(await stream.add(dead.epoch, 0, 1, texts, 0)).toMatchObject({ outcome: 'out-of-step', batch: 1 });
    await database.query('UPDATE event_relay SET lease_until = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND');
    const relay = start('next');
    await append(user, 2);
    await reader.untilSeen(2);
    await relay.stop();
    expect(numbers(user)).toEqual([1, 2]);
  });

  test.each(['emptied', 'without its stream', 'killed'])(
    'Redis %s: old events come first, then new ones, in order',
    async (how) => {
      const user = newId('u');
      const relay = start('first');
      for (let n = 1; n <= 20; n += 1) await append(user, n);
      await reader.untilSeen(20);
      if (how === 'emptied') await redis.flushall();
      else if (how === 'without its stream') await redis.del(STREAM);
      else {
        await stage.redisServer.kill();
        // They wait in the database.
        for (let n = 21; n <= 25; n += 1) await append(user, n);
        await stage.redisServer.start();
      }
      for (let n = how === 'killed' ? 26 : 21; n <= 40; n += 1) await append(user, n);
      reader.beginAnew();
      await reader.untilSeen(20 + 40);
      await relay.stop();
      await reader.poll();
      expect(numbers(user).slice(20)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
    },
  );

  test('a stream that is emptied while nothing happens is filled again without waiting for news', async () => {
    const user = newId('u');
    const relay = start('first');
    await append(user, 1);
    await reader.untilSeen(1);
    await redis.flushall();
    reader.beginAnew();
    await reader.untilSeen(2);
    await relay.stop();
    expect(numbers(user)).toEqual([1, 1]);
  });

  test('a database restored from a backup goes on: the stream is ahead of it, and loses nothing that comes', async () => {
    const user = newId('u');
    await redis.hset(stateKeyOf(STREAM), { epoch: 9, batch: 100 });
    await redis.xadd(STREAM, '*', 'event', '{"subject":"other","data":{}}');
    const relay = start('first');
    await append(user, 1);
    await reader.untilSeen(2);
    await relay.stop();
    expect(numbers(user)).toEqual([1]);
    const [row] = await database.query('SELECT epoch, last_batch FROM event_relay');
    expect(row).toEqual({ epoch: 10, last_batch: 101 });
  });

  test('events older than they are kept are no gap: what is new goes out', async () => {
    const user = newId('u');
    const relay = start('first');
    await append(user, 1);
    await reader.untilSeen(1);
    await database.query('TRUNCATE TABLE outbox');
    await redis.flushall();
    reader.beginAnew();
    await append(user, 2);
    await reader.untilSeen(2);
    await relay.stop();
    expect(numbers(user)).toEqual([1, 2]);
  });

  test('the database refuses to change an event, to take it out of its batch, and to delete one that was not delivered', async () => {
    await append('u', 1);
    const refused = /outbox/;
    await expect(database.query('DELETE FROM outbox')).rejects.toThrow(refused);
    await expect(database.query("UPDATE outbox SET payload = '{}'")).rejects.toThrow(refused);
    await expect(database.query('UPDATE outbox SET batch_no = 0')).rejects.toThrow(/outbox_batch/);
    await database.query('UPDATE outbox SET batch_no = 1');
    await expect(database.query('UPDATE outbox SET batch_no = 2')).rejects.toThrow(refused);
    await expect(database.query('UPDATE outbox SET batch_no = NULL')).rejects.toThrow(refused);
    expect(await database.query('SELECT batch_no, payload FROM outbox')).toEqual([{ batch_no: 1, payload: '{"n":1}' }]);
    await database.query('INSERT INTO event_relay VALUES (?, ?, 5, UTC_TIMESTAMP(3), 7)', ['x', 'y']);
    await expect(database.query("UPDATE event_relay SET epoch = 4 WHERE name = 'x'")).rejects.toThrow(/event_relay/);
    await expect(database.query("UPDATE event_relay SET last_batch = 6 WHERE name = 'x'")).rejects.toThrow(
      /event_relay/,
    );
  });

  test('many rows, and rows that tell of hundreds of users, go out in bounded batches', async () => {
    const changes = Array.from({ length: 300 }, (_, i) => [`many-${i}`, 1, 1, 9]);
    await withTx(db, { name: 'test' }, (tx) =>
      appendEvents(
        tx,
        Array.from({ length: 4 }, () => ({ type: 'quota.changed', userId: null, payload: { changes } })),
        NOW,
      ),
    );
    await withTx(db, { name: 'test' }, (tx) =>
      appendEvents(
        tx,
        Array.from({ length: 1_200 }, (_, n) => ({ type: 'test.happened', userId: 'lone', payload: { n } })),
        NOW,
      ),
    );
    const relay = start('first');
    await reader.untilSeen(4 * 300 + 1_200);
    await relay.stop();
    const batches = await database.query(
      'SELECT batch_no, COUNT(*) AS n FROM outbox GROUP BY batch_no ORDER BY batch_no',
    );
    expect(batches.map(({ n }) => n)).toEqual([1, 1, 1, 201, 500, 500]);
    expect(numbers('lone')).toEqual(Array.from({ length: 1_200 }, (_, n) => n));
    expect(reader.seen[0]).toEqual({
      specversion: '1.0',
      id: '1.0',
      source: 'urn:billing-guard',
      type: 'quota.changed',
      subject: 'many-0',
      time: NOW.toISOString(),
      datacontenttype: 'application/json',
      dataschema: 'urn:billing-guard:event:quota.changed:v1',
      data: { user_id: 'many-0', first_sequence: 1, last_sequence: 1, quota_remaining: 9 },
    });
  });
});
