import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { verifyLedgerOf } from '../../src/cli/verify-ledger';
import { monotonicMs } from '../../src/platform/clock';
import { CreateOrderRequest, PaymentChannel } from '../../src/gen/billing/v1/order_service.pb';
import { freePorts } from '../../bench/runner/free-ports';
import { call, mustSucceed } from '../support/clients';
import { newId, until } from '../support/harness';
import { startPrivateRedis, type PrivateRedis } from '../support/private-redis';
import { setStage, type Place, type ServiceProcess, type Stage } from '../support/service-process';

const DAY_MS = 86_400_000;
const MEMBERS = 12;
/** Days that pass, a round each: in the first month, in the second, after both. */
const ROUNDS = [20, 20, 30];
const ROUND_LIMIT_MS = 60_000;

/**
 * Issue 6, must show 3 (and part of 2): two workers run all schedulers, one of them is killed in every round and Redis is
 * emptied; what is due happens, and nothing has effect twice.
 */
describe('two workers with all schedulers, killed in turn, with Redis emptied under them', () => {
  let stage: Stage;
  let redis: PrivateRedis;
  let client: Redis;
  let processes: ServiceProcess[];
  /** Of a day's work, by a process that may have died. */
  const LEASE_MS = 60_000;
  const dir = mkdtempSync(join(tmpdir(), 'jobs-'));
  const clockFile = join(dir, 'clock.json');
  let days = 0;

  beforeAll(async () => {
    const [port = 0] = await freePorts(1);
    redis = await startPrivateRedis(port);
    client = new Redis(redis.url);
    const settings = {
      REDIS_URL: redis.url,
      DEV_CLOCK_FILE: clockFile,
      WORKER_POLL_INTERVAL_MS: '100',
      JOB_LOCK_MS: '2000',
    };
    stage = await setStage(settings, 2);
    processes = await Promise.all(stage.places.map((place) => place.start()));
  });
  afterAll(async () => {
    await stage.close();
    client.disconnect();
    await redis.kill();
    rmSync(dir, { recursive: true });
  });

  /** A member with a second month bought ahead. */
  async function memberOfTwoMonths(): Promise<string> {
    const { userId } = await stage.registerMember();
    const { order } = stage.as('order-service');
    const plan = { requestId: newId('order'), userId, planId: 'monthly', channel: PaymentChannel.NATIVE };
    const asked = call(order.createOrder.bind(order), CreateOrderRequest.fromPartial(plan), 20_000);
    await stage.pay((await mustSucceed(asked)).order?.orderId ?? '');
    return userId;
  }
  const count = async (sql: string, ids: readonly string[]): Promise<number> => {
    const [row] = await stage.db.query(sql, [ids]);
    return Number(row?.['n']);
  };
  const lots = (ids: readonly string[]) =>
    count("SELECT COUNT(*) AS n FROM quota_grants WHERE source = 'membership' AND user_id IN (?)", ids);
  const due = (ids: readonly string[]) => {
    const now = new Date(Date.now() + days * DAY_MS);
    const notices = 'SELECT COUNT(*) AS n FROM membership_notices WHERE user_id IN (?) AND next_time <= ?';
    const grants = 'SELECT COUNT(*) AS n FROM membership_periods WHERE user_id IN (?) AND next_grant_time <= ?';
    return Promise.all([notices, grants].map(async (sql) => Number((await stage.db.query(sql, [ids, now]))[0]?.['n'])));
  };
  const isNothingDue = (ids: readonly string[]) => async () => (await due(ids)).every((n) => n === 0);

  test(
    'every lot, every notice and every day once, the ledger exact, and no dead letter',
    async () => {
      const ids = await Promise.all(Array.from({ length: MEMBERS }, memberOfTwoMonths));
      await until('both months of all are paid', async () => {
        const periods = 'SELECT COUNT(*) AS n FROM membership_periods WHERE user_id IN (?)';
        return (await count(periods, ids)) === 2 * MEMBERS;
      });
      for (const [round, passing] of ROUNDS.entries()) {
        days += passing;
        writeFileSync(clockFile, JSON.stringify({ offsetMs: days * DAY_MS }));
        const victim = round % 2;
        processes[victim]?.kill('SIGKILL');
        await processes[victim]?.ended;
        await client.flushall();
        const startedMs = monotonicMs();
        await until('the other does what is due', isNothingDue(ids), ROUND_LIMIT_MS);
        process.stdout.write(`round ${round}: done ${Math.round(monotonicMs() - startedMs)} ms after kill and flush\n`);
        processes[victim] = await (stage.places[victim] as Place).start();
      }
      expect(await lots(ids)).toBe(2 * MEMBERS);
      const twice = await stage.db.query(
        'SELECT source_ref FROM quota_grants WHERE user_id IN (?) GROUP BY user_id, source, source_ref HAVING COUNT(*) > 1',
        [ids],
      );
      expect(twice).toEqual([]);
      const told = await stage.db.query(
        "SELECT user_id, COUNT(*) AS n FROM outbox WHERE type = 'membership.expired' AND user_id IN (?) GROUP BY user_id",
        [ids],
      );
      expect(told.map(({ n }) => Number(n))).toEqual(ids.map(() => 1));
      // One whose process was killed over it is free after its lease.
      writeFileSync(clockFile, JSON.stringify({ offsetMs: days * DAY_MS + 2 * LEASE_MS }));
      await until('a day or an hour of each job that has them is done', async () => {
        const ended = 'SELECT job FROM job_slots WHERE end_time IS NOT NULL GROUP BY job ORDER BY job';
        const jobs = (await stage.db.query(ended)).map(({ job }) => String(job));
        return jobs.join() === 'drop-old-refusals,make-anchor,trim-outbox';
      });
      expect(await stage.db.query('SELECT * FROM job_dead_letters')).toEqual([]);
      for (const userId of ids) {
        expect(await verifyLedgerOf(stage.db.url, userId, monotonicMs)).toMatchObject({ fault: undefined });
      }
    },
    ROUNDS.length * ROUND_LIMIT_MS + 60_000,
  );
});
