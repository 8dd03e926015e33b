import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { takeTurn } from '../../../src/event/sink/rate';
import type { Database } from '../../../src/platform/db/database';
import { createLogger } from '../../../src/platform/log';
import { type TestDatabase } from '../../support/database';
import { type HttpReceiver } from '../../support/http-receiver';
import { newId, until } from '../../support/harness';
import { type TestClock } from '../../support/test-clock';
import { openSinkStage, type OpenedSinks, type SinkStage } from '../../support/sink-stage';

const SECRETS = [`whsec_${Buffer.alloc(24, 1).toString('base64')}`];
const NEVER = new AbortController().signal;
/** Longer than what is slow. */
const TIMEOUT_MS = 1_500;

/** Issue 6, sinks: one that is slow, or that changed, harms neither the others nor the pace; clocks may differ. */
describe('sinks in hardship', () => {
  let stage: SinkStage;
  let db: Database;
  let database: TestDatabase;
  let http: HttpReceiver;
  let clock: TestClock;
  const log = createLogger({ level: 'silent', role: 'worker' });
  beforeAll(async () => {
    stage = await openSinkStage({ connections: 16, log, timeoutMs: TIMEOUT_MS, secrets: SECRETS });
    ({ database, db, http } = stage);
  });
  beforeEach(async () => {
    clock = await stage.begin();
  });
  afterAll(() => stage.close());

  const tell = (sinks: Pick<OpenedSinks, 'wants'>, types: readonly (readonly [string, string])[]): Promise<void> =>
    stage.tell(
      sinks,
      types.map(([userId, type]) => ({ type, userId, payload: { quota_remaining: 1 } })),
    );
  /** As a queue of so many at a time does. */
  const runDue = async ({ job }: Pick<OpenedSinks, 'job'>, width: number, signal = NEVER): Promise<void> => {
    const due = [...(await job.findDue(500))];
    const work = async (): Promise<void> => {
      for (let id = due.shift(); id !== undefined; id = due.shift()) await job.run(id, signal);
    };
    await Promise.all(Array.from({ length: width }, work));
  };

  test('a receiver that hangs does not take all the room: another sink is told meanwhile', async () => {
    const sinks = stage.open(
      [stage.webhook({ name: 'silent', url: `${http.url}/silent` }), { name: 'people', kind: 'log' }],
      4,
    );
    const users = (name: string, count: number) =>
      Array.from({ length: count }, (_, i) => [`${name}-${i}`, 'order.paid'] as const);
    await tell(sinks, users('a', 4));
    // Nobody could know.
    await runDue(sinks, 4);
    sinks.outcomes.length = 0;
    await tell(sinks, [...users('b', 12), [newId('u'), 'quota.low']]);
    await runDue(sinks, 4);
    expect(sinks.outcomes[0]).toBe('people delivered');
    // What found no room was not tried, and is due again soon.
    const waiting = (await stage.deliveries()).filter(
      ({ user_id: id, attempts }) => /^b-/.test(String(id)) && attempts === 0,
    );
    expect(waiting.length).toBeGreaterThan(0);
    clock.advanceMs(15_000);
    http.received.length = 0;
    await runDue(sinks, 4);
    expect(http.received.length).toBeGreaterThan(0);
    await sinks.close();
  });

  test('one that is quick has all the room there is, whatever other sinks there are', async () => {
    const sinks = stage.open([stage.webhook(), stage.webhook({ name: 'other', types: ['user.registered'] })], 8);
    await tell(
      sinks,
      Array.from({ length: 40 }, (_, i) => [`u-${i}`, 'order.paid'] as const),
    );
    await runDue(sinks, 8);
    expect(http.received).toHaveLength(40);
    await sinks.close();
  });

  describe('a mail server that never comes to an end', () => {
    let server: Server;
    const sockets = new Set<Socket>();
    let connections = 0;
    beforeAll(async () => {
      server = createServer((socket) => {
        connections += 1;
        sockets.add(socket);
        socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
        socket.write('220 mail.test ready\r\n');
        // Each line of the answer says that more follow: it is never silent for long.
        const drip = setInterval(() => socket.write('250-still here\r\n'), 100);
        socket.resume().on('close', () => clearInterval(drip));
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    });
    afterAll(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const mail = () => ({
      ...{ name: 'mail', kind: 'smtp', from: 'billing@shop.test', to: ['ops@shop.test'] },
      url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}?ignoreTLS=true`,
    });

    test('is left after the time-out: nobody else begins before, and no connection stays', async () => {
      const sinks = stage.open([mail()]);
      await tell(sinks, [['u', 'quota.low']]);
      await runDue(sinks, 1);
      expect(await stage.deliveries()).toMatchObject([{ state: 'pending', attempts: 1, last_error: 'TimeoutError' }]);
      await until('the connection is closed', () => Promise.resolve(connections > 0 && sockets.size === 0));
      await sinks.close();
    });

    test('is left at once when the process stops', async () => {
      const sinks = stage.open([mail()]);
      await tell(sinks, [['u', 'quota.low']]);
      const stopping = new AbortController();
      const before = connections;
      const running = runDue(sinks, 1, stopping.signal);
      await until('it is connected', () => Promise.resolve(connections > before));
      stopping.abort();
      await running;
      const [row] = await stage.deliveries();
      expect(row).toMatchObject({ state: 'pending', last_error: 'AbortError' });
      await sinks.close();
    });
  });

  test('what no attempt can mend has failed at once, and holds nobody up: no text for it, or its event is gone', async () => {
    const before = stage.open([stage.webhook()]);
    await tell(before, [
      ['u', 'order.paid'],
      ['v', 'quota.low'],
      ['u', 'quota.low'],
    ]);
    await before.close();
    await database.query('DELETE FROM outbox WHERE id = 2');
    const after = stage.open([{ name: 'crm', kind: 'log' }]);
    await runDue(after, 2);
    expect((await stage.deliveries()).map(({ state, last_error: error }) => [state, error])).toEqual([
      ['failed', 'there is no text for order.paid'],
      ['failed', 'the event is not kept any more'],
      ['delivered', ''],
    ]);
    await after.close();
  });

  test('the rate holds while the clocks of two workers lie on both sides of a minute; one far ahead stops nothing', async () => {
    const [late, early] = [new Date('2026-03-01T00:00:59.900Z'), new Date('2026-03-01T00:01:00.100Z')];
    const taken = [];
    for (let i = 0; i < 20; i += 1) taken.push(await takeTurn(db, 's', 3, i % 2 === 0 ? late : early));
    // Three within the minute that ended, three within the one that began.
    expect(taken.filter((comeBack) => comeBack === undefined).length).toBeLessThanOrEqual(6);
    const next = new Date('2026-03-01T00:01:00.000Z').getTime();
    for (const comeBack of taken) expect(comeBack?.getTime() ?? next).toBeGreaterThanOrEqual(next);
    const wrong = new Date('2030-01-01T00:00:00.000Z');
    for (let i = 0; i < 3; i += 1) await takeTurn(db, 's', 3, wrong);
    expect(await takeTurn(db, 's', 3, new Date('2026-03-01T00:05:00.000Z'))).toBeUndefined();
  });

  test('a sink that is away with a long line behind its head costs no look at the whole line', async () => {
    const sinks = stage.open([stage.webhook()]);
    http.answer = { status: 500, body: '' };
    await tell(
      sinks,
      Array.from({ length: 400 }, () => ['u', 'order.paid'] as const),
    );
    await runDue(sinks, 1);
    expect(await sinks.job.findDue(100)).toEqual([]);
    const due = "SELECT COUNT(*) AS n FROM event_deliveries WHERE state = 'pending' AND next_attempt_time <= ?";
    const [row] = await database.query(due, [clock.now()]);
    expect(Number(row?.['n'])).toBe(0);
    // Nothing waits too long for a worker, so the gauge says nothing.
    expect(await sinks.job.oldestDue?.()).toBeUndefined();
    http.answer = { status: 200, body: '' };
    clock.advanceMs(10_000);
    while ((await sinks.job.findDue(500)).length > 0) await runDue(sinks, 1);
    expect((await stage.deliveries()).every(({ state }) => state === 'delivered')).toBe(true);
    expect(http.received).toHaveLength(401);
    await sinks.close();
  });
});
