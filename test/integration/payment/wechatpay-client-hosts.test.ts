import type { WechatpayClient } from '../../../src/payment/wechatpay/client/client';
import type { WechatpayOptions } from '../../../src/payment/wechatpay/wechatpay';
import { monotonicMs } from '../../../src/platform/clock';
import {
  authorizationItems,
  isSignedBy,
  startAnsweringServer,
  type Answer,
  type AnsweringServer,
} from './answering-server';
import {
  bare,
  budget,
  dropped,
  merchant,
  ok,
  openClient,
  opened,
  prepay,
  unavailable,
  type Lines,
} from './client-under-test';
import { until } from '../../support/harness';

let main: AnsweringServer;
let backup: AnsweringServer;
let lines: Lines;
let clients: WechatpayClient[];
beforeAll(async () => {
  [main, backup] = await Promise.all([startAnsweringServer(), startAnsweringServer()]);
});
beforeEach(() => {
  lines = [];
  clients = [];
  main.answerWith(ok);
  backup.answerWith(ok);
});
afterEach(() => Promise.all(clients.map((client) => client.close())));
afterAll(() => Promise.all([main.close(), backup.close()]));

function clientOf(change: Partial<WechatpayOptions> = {}, baseUrl = main.url): WechatpayClient {
  const { client } = openClient(baseUrl, lines, { backupBaseUrl: backup.url, ...change });
  clients.push(client);
  return client;
}
const failure: Answer = bare(500, '{"code":"SYSTEM_ERROR"}');

describe('the backup host', () => {
  test('is left alone while the main one answers', async () => {
    const client = clientOf();
    await expect(client.prepay(prepay, budget)).resolves.toEqual(opened);
    expect([main.received.length, backup.received.length]).toEqual([1, 0]);
  });

  test.each<[string, Answer]>([
    ['502', bare(502, '<html>Bad Gateway</html>')],
    ['503', bare(503, '{"code":"SERVICE_UNAVAILABLE"}')],
  ])('gets the identical body under a signature of its own after %s', async (_, answer) => {
    main.answerWith(answer);
    await expect(clientOf().prepay(prepay, budget)).resolves.toEqual(opened);
    const [first, second] = [main.received[0]!, backup.received[0]!];
    expect(second.body.equals(first.body)).toBe(true);
    expect(isSignedBy(merchant.publicKey, second)).toBe(true);
    expect(authorizationItems(second)['nonce_str']).not.toBe(authorizationItems(first)['nonce_str']);
    expect(lines.map(({ host }) => host)).toEqual([main.url, backup.url]);
  });

  test('is called when the main one can not be reached', async () => {
    const gone = await startAnsweringServer();
    await gone.close();
    await expect(clientOf({}, gone.url).prepay(prepay, budget)).resolves.toEqual(opened);
  });

  test.each<[string, Answer]>([
    ['500', failure],
    ['a dropped connection', dropped],
    ['429', bare(429, '{"code":"FREQUENCY_LIMITED"}')],
  ])('is not called after %s: the main host may have acted, and is asked again', async (_, answer) => {
    main.answerWith(answer, ok);
    await expect(clientOf().prepay(prepay, budget)).resolves.toEqual(opened);
    expect([main.received.length, backup.received.length]).toEqual([2, 0]);
  });

  test('failing too leads back to the main one: three attempts in all', async () => {
    main.answerWith(bare(502, ''), ok);
    backup.answerWith(bare(503, ''));
    await expect(clientOf().prepay(prepay, budget)).resolves.toEqual(opened);
    expect([main.received.length, backup.received.length]).toEqual([2, 1]);
  });
});

describe('the circuit breaker', () => {
  const impatient = { backupBaseUrl: undefined, breakerFailuresMax: 3, breakerOpenMs: 300 };

  test('opens after a run of failures: the next call is told at once and nothing is sent', async () => {
    main.answerWith(failure);
    const client = clientOf({ ...impatient, breakerOpenMs: 60_000 });
    await expect(client.prepay(prepay, budget)).rejects.toMatchObject(unavailable);
    const startedMs = monotonicMs();
    await expect(client.prepay(prepay, budget)).rejects.toMatchObject({ ...unavailable, retryAfterMs: 2_000 });
    expect(monotonicMs() - startedMs).toBeLessThan(100);
    expect(main.received).toHaveLength(3);
    expect(lines.filter((line) => 'state' in line)).toEqual([{ host: main.url, state: 'open' }]);
  });

  test('after a pause one call finds out, and when it works everybody may call again', async () => {
    main.answerWith(failure, failure, failure, ok);
    const client = clientOf(impatient);
    await expect(client.prepay(prepay, budget)).rejects.toMatchObject(unavailable);
    await until('the breaker lets a call through', () =>
      client.prepay(prepay, budget).then(
        () => true,
        () => false,
      ),
    );
    const calls = Array.from({ length: 5 }, () => client.prepay(prepay, budget));
    await expect(Promise.all(calls)).resolves.toEqual(Array(5).fill(opened));
    expect(lines.filter((line) => 'state' in line).map(({ state }) => state)).toEqual(['open', 'closed']);
  });

  test('counts no refusal, however many: they prove that WeChat Pay is there', async () => {
    main.answerWith(bare(400, '{"code":"PARAM_ERROR"}'));
    const client = clientOf(impatient);
    for (let i = 0; i < 10; i += 1) {
      await expect(client.prepay(prepay, budget)).rejects.toMatchObject({ code: 'PARAM_ERROR' });
    }
    expect(main.received).toHaveLength(10);
  });

  test('counts no caller who gave up or had no time', async () => {
    main.answerWith(() => undefined);
    const client = clientOf(impatient);
    for (let i = 0; i < 4; i += 1) {
      const signal = AbortSignal.timeout(20);
      await expect(client.prepay(prepay, { ...budget, signal })).rejects.toMatchObject(unavailable);
      await expect(client.prepay(prepay, { timeoutMs: 20 })).rejects.toMatchObject(unavailable);
    }
    main.answerWith(ok);
    await expect(client.prepay(prepay, budget)).resolves.toEqual(opened);
  });

  test('of the main host leads to the backup host at once', async () => {
    main.answerWith(failure);
    const client = clientOf({ ...impatient, backupBaseUrl: backup.url, breakerOpenMs: 60_000 });
    await expect(client.prepay(prepay, budget)).rejects.toMatchObject(unavailable);
    await expect(client.prepay(prepay, budget)).resolves.toEqual(opened);
    expect([main.received.length, backup.received.length]).toEqual([3, 1]);
  });
});
