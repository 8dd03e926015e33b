import { createHmac } from 'node:crypto';
import type { CloudEvent } from '../../../src/event/envelope';
import { makeBatch } from '../../../src/event/relay-batches';
import { DELIVERY_ATTEMPTS } from '../../../src/event/sink/retry-pace';
import type { Database } from '../../../src/platform/db/database';
import { appendEvents } from '../../../src/platform/db/outbox';
import { withTx } from '../../../src/platform/db/tx';
import { createLogger } from '../../../src/platform/log';
import { type TestDatabase } from '../../support/database';
import { type HttpReceiver } from '../../support/http-receiver';
import { newId } from '../../support/harness';
import { startSmtpReceiver, type SmtpReceiver } from '../../support/smtp-receiver';
import { type TestClock } from '../../support/test-clock';
import { openSinkStage, type OpenedSinks, type SinkStage } from '../../support/sink-stage';

const SECRETS = [1, 2].map((fill) => `whsec_${Buffer.alloc(24, fill).toString('base64')}`);
const NEVER = new AbortController().signal;
const DAY_MS = 86_400_000;

/** Issue 6: signed webhooks, WeCom, e-mail and log by configuration; retries, delivery state, limits; lesson 40: sent is not delivered. */
describe('deliveries of events to sinks', () => {
  let stage: SinkStage;
  let database: TestDatabase;
  let db: Database;
  let http: HttpReceiver;
  let mail: SmtpReceiver;
  let clock: TestClock;
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) };
  const log = createLogger({ level: 'info', role: 'worker', destination });
  beforeAll(async () => {
    stage = await openSinkStage({ connections: 8, log, timeoutMs: 1_000, secrets: SECRETS });
    ({ database, db, http } = stage);
    mail = await startSmtpReceiver();
  });
  beforeEach(async () => {
    clock = await stage.begin();
    mail.messages.length = 0;
    lines.length = 0;
  });
  afterAll(async () => {
    await mail.close();
    await stage.close();
  });

  const paid = (userId: string, n: number) => ({
    type: 'order.paid',
    userId,
    payload: { order_id: `o-${n}`, final_amount: n, transaction_id: null },
  });
  /** Runs what is due, once. */
  const runDue = async ({ job }: Pick<OpenedSinks, 'job'>): Promise<readonly string[]> => {
    const due = await job.findDue(100);
    await Promise.all(due.map((id) => job.run(id, NEVER)));
    return due;
  };
  const amounts = (): unknown[] =>
    http.received.map(({ body }) => (JSON.parse(body) as CloudEvent).data['final_amount']);

  test('a webhook gets the whole event, signed with every secret over id, time and body', async () => {
    const sinks = stage.open([stage.webhook()]);
    const user = newId('u');
    await stage.tell(sinks, [paid(user, 7)]);
    expect(await runDue(sinks)).toEqual([`crm:${user}`]);
    const [message] = http.received;
    if (message === undefined) throw new Error('nothing came');
    const { headers, body } = message;
    expect(JSON.parse(body)).toMatchObject({ specversion: '1.0', type: 'order.paid', subject: user });
    expect(headers['webhook-id']).toBe((JSON.parse(body) as CloudEvent).id);
    const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`;
    const wanted = [1, 2].map(
      (fill) => `v1,${createHmac('sha256', Buffer.alloc(24, fill)).update(signed).digest('base64')}`,
    );
    expect(headers['webhook-signature']).toBe(wanted.join(' '));
    expect(Math.abs(Number(headers['webhook-timestamp']) * 1_000 - Date.now())).toBeLessThan(60_000);
    expect(await stage.deliveries()).toMatchObject([{ sink: 'crm', state: 'delivered', attempts: 1, last_error: '' }]);
    expect(await runDue(sinks)).toEqual([]);
    expect(sinks.outcomes).toEqual(['crm delivered']);
    await sinks.close();
  });

  test('sinks get the types they ask for; those for people only what there is a text for', async () => {
    const sinks = stage.open([
      stage.webhook({ types: ['order.*', 'quota.low'] }),
      { name: 'all', kind: 'log' },
      { name: 'refunds', kind: 'log', types: ['refund.succeeded'], language: 'en' },
    ]);
    const user = newId('u');
    await stage.tell(sinks, [
      paid(user, 1),
      { type: 'coupon.locked', userId: user, payload: {} },
      { type: 'quota.low', userId: user, payload: { user_id: user, quota_remaining: 3, threshold: 10 } },
      { type: 'refund.succeeded', userId: user, payload: { refund_id: 'r', order_id: 'o', amount: 1_205 } },
    ]);
    expect((await stage.deliveries()).map(({ sink, type }) => `${String(sink)} ${String(type)}`).sort()).toEqual([
      ...['all quota.low', 'all refund.succeeded', 'crm order.paid', 'crm quota.low', 'refunds refund.succeeded'],
    ]);
    await runDue(sinks);
    expect(lines.map(({ sink, msg }) => `${String(sink)}: ${String(msg)}`).sort()).toEqual([
      `all: 用户 ${user} 的剩余额度为 3，请及时充值或升级套餐。`,
      `all: 用户 ${user} 的订单 o 已退款 ¥12.05，退款单号：r。`,
      `refunds: ¥12.05 went back to user ${user} for order o (refund r).`,
    ]);
    await sinks.close();
  });

  test('a WeCom robot and people with e-mail are told in their language', async () => {
    const sinks = stage.open([
      { name: 'group', kind: 'wecom', url: `${http.url}/cgi-bin/webhook/send?key=secret` },
      { name: 'mail', kind: 'smtp', url: mail.url, from: 'billing@shop.test', to: ['ops@shop.test'], language: 'en' },
    ]);
    const user = newId('u');
    const payload = { days_left: 3, expire_time: '2026-03-01T16:30:00.000Z' };
    await stage.tell(sinks, [{ type: 'membership.expiring', userId: user, payload }]);
    await runDue(sinks);
    expect(http.received.map(({ path, body }) => [path, JSON.parse(body) as unknown])).toEqual([
      [
        '/cgi-bin/webhook/send?key=secret',
        {
          msgtype: 'text',
          text: {
            content: `会员即将到期\n用户 ${user} 的会员将在 3 天后到期，到期时间：2026-03-02 00:30（北京时间）。如需继续使用，请及时续费。`,
          },
        },
      ],
    ]);
    expect(mail.messages).toHaveLength(1);
    expect(mail.messages[0]).toContain('Subject: Membership about to expire');
    expect(mail.messages[0]).toContain('To: ops@shop.test');
    expect(mail.messages[0]?.replaceAll(/=\r\n/g, '')).toContain(`The membership of user ${user} expires in 3 day(s)`);
    expect((await stage.deliveries()).map(({ state }) => state)).toEqual(['delivered', 'delivered']);
    await sinks.close();
  });

  test('WeCom says no with 200: not delivered, and the address with its key is kept out of the reason', async () => {
    http.answer = { status: 200, body: '{"errcode":45009,"errmsg":"api freq out of limit"}' };
    const sinks = stage.open([{ name: 'group', kind: 'wecom', url: `${http.url}/send?key=secret` }]);
    await stage.tell(sinks, [{ type: 'quota.low', userId: 'u', payload: { quota_remaining: 1 } }]);
    await runDue(sinks);
    expect(await stage.deliveries()).toMatchObject([
      { state: 'pending', attempts: 1, last_error: 'WeCom errcode 45009' },
    ]);
    expect(JSON.stringify(await stage.deliveries())).not.toContain('secret');
    await sinks.close();
  });

  test("a user's events come in order: what stands behind one that waits, waits; other users' do not", async () => {
    const sinks = stage.open([stage.webhook()]);
    http.answer = { status: 500, body: '' };
    await stage.tell(sinks, [paid('slow', 1), paid('slow', 2)]);
    await runDue(sinks);
    expect(amounts()).toEqual([1]);
    http.answer = { status: 200, body: '' };
    await stage.tell(sinks, [paid('fast', 3), paid('slow', 4)]);
    expect(await runDue(sinks)).toEqual(['crm:fast']);
    expect(amounts()).toEqual([1, 3]);
    clock.advanceMs(10_000);
    expect(await runDue(sinks)).toEqual(['crm:slow']);
    expect(amounts()).toEqual([1, 3, 1, 2, 4]);
    expect(sinks.outcomes.filter((outcome) => outcome !== 'crm delivered')).toEqual(['crm retried']);
    await sinks.close();
  });

  test('pauses grow and differ; after the last attempt it has failed, is kept to be seen, and what follows goes on', async () => {
    const sinks = stage.open([stage.webhook()]);
    http.answer = { status: 503, body: '' };
    await stage.tell(sinks, [paid('u', 1)]);
    const pauses: number[] = [];
    for (let attempt = 1; attempt <= DELIVERY_ATTEMPTS; attempt += 1) {
      expect(await runDue(sinks)).toEqual(['crm:u']);
      const [row] = await stage.deliveries();
      expect(row).toMatchObject({ attempts: attempt, last_error: 'HTTP 503' });
      if (row?.['state'] === 'failed') break;
      const pauseMs = (row?.['next_attempt_time'] as Date).getTime() - clock.now().getTime();
      pauses.push(pauseMs);
      clock.advanceMs(pauseMs + 1_000);
    }
    expect(pauses).toHaveLength(DELIVERY_ATTEMPTS - 1);
    // Jitter may turn neighbours round, no more.
    for (const [i, pauseMs] of pauses.slice(2).entries()) expect(pauseMs).toBeGreaterThan(pauses[i] ?? 0);
    expect(pauses.reduce((sum, ms) => sum + ms, 0)).toBeGreaterThan(2 * DAY_MS);
    expect(await stage.deliveries()).toMatchObject([{ state: 'failed', next_attempt_time: null }]);
    http.answer = { status: 200, body: '' };
    await stage.tell(sinks, [paid('u', 2)]);
    await runDue(sinks);
    expect((await stage.deliveries()).map(({ state }) => state)).toEqual(['failed', 'delivered']);
    expect(sinks.outcomes.at(-2)).toBe('crm failed');
    await sinks.close();
  });

  test('a sink that is not there, one that does not answer in time and one that redirects have not taken it', async () => {
    const sinks = stage.open([
      stage.webhook({ name: 'gone', url: 'http://127.0.0.1:1/' }),
      stage.webhook({ name: 'moved', url: `${http.url}/moved` }),
      stage.webhook({ name: 'silent', url: `${http.url}/silent` }),
    ]);
    http.answer = { status: 302, body: '' };
    await stage.tell(sinks, [paid('u', 1)]);
    await runDue(sinks);
    expect((await stage.deliveries()).map(({ sink, last_error: error }) => [sink, error])).toEqual([
      ['gone', 'ECONNREFUSED'],
      ['moved', 'HTTP 302'],
      ['silent', 'TimeoutError'],
    ]);
    await sinks.close();
  });

  test('of ten events at once a sink of four a minute is tried four times; the rest waits for the next minutes', async () => {
    const sinks = stage.open([stage.webhook({ rate_per_minute: 4 })]);
    await stage.tell(
      sinks,
      Array.from({ length: 10 }, (_, n) => paid(`u-${n}`, n)),
    );
    await runDue(sinks);
    expect(http.received).toHaveLength(4);
    expect(sinks.outcomes.filter((outcome) => outcome === 'crm rate_limited')).toHaveLength(6);
    expect(
      (await stage.deliveries()).filter(({ state }) => state === 'pending').map(({ attempts }) => attempts),
    ).toEqual(Array.from({ length: 6 }, () => 0));
    expect(await runDue(sinks)).toEqual([]);
    clock.advanceMs(65_000);
    await runDue(sinks);
    expect(http.received).toHaveLength(8);
    clock.advanceMs(65_000);
    await runDue(sinks);
    expect(http.received).toHaveLength(10);
    await sinks.close();
  });

  test('two workers on one line at once deliver each event once', async () => {
    const sinks = stage.open([stage.webhook()]);
    await stage.tell(
      sinks,
      Array.from({ length: 5 }, (_, n) => paid('u', n)),
    );
    await Promise.all(Array.from({ length: 4 }, () => sinks.job.run('crm:u', NEVER)));
    // One that lost a race leaves the line to the other; what is left is due.
    while ((await runDue(sinks)).length > 0);
    expect(amounts()).toEqual([0, 1, 2, 3, 4]);
    await sinks.close();
  });

  test('a worker that died in an attempt: it is made again after a minute, not before', async () => {
    const sinks = stage.open([stage.webhook()]);
    await stage.tell(sinks, [paid('u', 1)]);
    const claim = 'UPDATE event_deliveries SET attempts = 1, next_attempt_time = ?';
    await database.query(claim, [new Date(clock.now().getTime() + 60_000)]);
    expect(await runDue(sinks)).toEqual([]);
    clock.advanceMs(60_001);
    expect(await runDue(sinks)).toEqual(['crm:u']);
    expect(await stage.deliveries()).toMatchObject([{ state: 'delivered', attempts: 2 }]);
    await sinks.close();
  });

  test('a sink that nobody knows is waited for a day, then what waits for it has failed', async () => {
    const before = stage.open([stage.webhook({ name: 'old' })]);
    await stage.tell(before, [paid('u', 1)]);
    await before.close();
    const after = stage.open([stage.webhook()]);
    await runDue(after);
    expect(await stage.deliveries()).toMatchObject([{ state: 'pending', attempts: 0 }]);
    clock.advanceMs(DAY_MS + 1);
    await runDue(after);
    expect(await stage.deliveries()).toMatchObject([{ state: 'failed', last_error: 'the sink is not configured' }]);
    expect(http.received).toEqual([]);
    await after.close();
  });

  test('what goes to the stream again is not delivered again', async () => {
    const sinks = stage.open([stage.webhook()]);
    await stage.tell(sinks, [paid('u', 1)]);
    await runDue(sinks);
    await withTx(db, { name: 'test' }, (tx) => appendEvents(tx, [paid('u', 2)], clock.now()));
    expect(await makeBatch(db, { ...stage.owned(), lastBatch: 0 }, sinks.wants, clock.now())).toEqual({
      outcome: 'moved',
      lastBatch: 1,
    });
    expect(await stage.deliveries()).toHaveLength(1);
    await sinks.close();
  });
});
