import { appendFileSync, cpSync } from 'node:fs';
import { join } from 'node:path';
import { Stage, orderReport, untilReport } from './support/stage';

let stage: Stage;

beforeAll(() => {
  stage = new Stage();
});
afterAll(() => stage.close());

describe('a notification is repeated until it is accepted', () => {
  test('200 and 204 alone are acceptance; each repeat is the same notification, signed afresh', async () => {
    const statuses = [500, 401, 201, 302, 204];
    const receiver = await stage.receiver((index) => statuses[index] ?? 500);
    const merchant = await stage.merchant({ retryDelaysMs: [1, 1, 1, 1, 1, 1] });
    await merchant.prepay('RETRY_0001', receiver.url);
    const paid = await merchant.control('POST', '/pay', { order_id: 'RETRY_0001' });
    expect(paid.json).toMatchObject({ deliveries: [{ status: 500, body: '{"code":"FAIL","message":"失败"}' }] });
    await receiver.waitFor(5);
    const report = await untilReport(merchant, 'RETRY_0001', ({ deliveries }) => deliveries[0]?.state !== 'pending');
    expect(report.deliveries).toMatchObject([{ state: 'delivered', attempts: statuses.map((status) => ({ status })) }]);
    const seen = (pick: (index: number) => unknown): number => new Set(statuses.map((_, index) => pick(index))).size;
    expect(seen((index) => (JSON.parse(receiver.received[index]?.body ?? '') as { id: string }).id)).toBe(1);
    expect(seen((index) => receiver.received[index]?.headers.get('wechatpay-nonce'))).toBe(5);
    for (const { headers, body } of receiver.received) {
      expect(merchant.verifiedSerial(headers, body)).toBe(stage.material.publicKeyId);
    }
  });

  test('it is given up when the schedule is spent', async () => {
    const receiver = await stage.receiver(() => 503);
    const merchant = await stage.merchant({ retryDelaysMs: [1, 1] });
    await merchant.prepay('RETRY_0002', receiver.url);
    await merchant.control('POST', '/pay', { order_id: 'RETRY_0002' });
    const report = await untilReport(merchant, 'RETRY_0002', ({ deliveries }) => deliveries[0]?.state !== 'pending');
    expect(report.deliveries).toMatchObject([{ state: 'abandoned' }]);
    expect(receiver.received).toHaveLength(3);
  });

  test('a merchant that does not answer in time, or not at all, is asked again', async () => {
    const receiver = await stage.receiver((index) => (index === 0 ? 'never' : 204));
    const merchant = await stage.merchant({ retryDelaysMs: [1], callbackTimeoutMs: 50 });
    await merchant.prepay('RETRY_0003', receiver.url);
    const paid = await merchant.control('POST', '/pay', { order_id: 'RETRY_0003' });
    expect(paid.json).toMatchObject({ deliveries: [{ status: 0, body: 'TimeoutError' }] });
    await untilReport(merchant, 'RETRY_0003', ({ deliveries }) => deliveries[0]?.state === 'delivered');
    await merchant.prepay('RETRY_0004', 'http://127.0.0.1:1/notify');
    const refused = await merchant.control('POST', '/pay', { order_id: 'RETRY_0004' });
    expect(refused.json).toMatchObject({ deliveries: [{ status: 0, body: 'ECONNREFUSED' }] });
  });

  test('a corrupted one is sent once; with retry, its repeat is true', async () => {
    const receiver = await stage.receiver((index) => (index < 2 ? 401 : 204));
    const merchant = await stage.merchant({ retryDelaysMs: [1] });
    await merchant.prepay('RETRY_0005', receiver.url);
    await merchant.control('POST', '/pay', { order_id: 'RETRY_0005', corrupt: 'signtest' });
    expect((await orderReport(merchant, 'RETRY_0005')).deliveries).toMatchObject([{ state: 'abandoned' }]);
    await merchant.control('POST', '/pay', { order_id: 'RETRY_0005', corrupt: 'signtest', retry: true });
    await receiver.waitFor(3);
    const verified = receiver.received.map(({ headers, body }) => merchant.verifiedSerial(headers, body) !== undefined);
    expect(verified).toEqual([false, false, true]);
  });

  test('a payment that was replaced is no longer told', async () => {
    const receiver = await stage.receiver(() => 409);
    const merchant = await stage.merchant({ retryDelaysMs: [3_600_000] });
    await merchant.prepay('RETRY_0006', receiver.url);
    await merchant.control('POST', '/pay', { order_id: 'RETRY_0006', amount: 1 });
    await merchant.control('POST', '/pay', { order_id: 'RETRY_0006' });
    const report = await orderReport(merchant, 'RETRY_0006');
    expect(report.deliveries.map(({ state }) => state)).toEqual(['superseded', 'pending']);
  });
});

describe('copies and timing', () => {
  test('duplicates are all under way before the first is answered', async () => {
    let openGate = (): void => undefined;
    const everyCopyIsHere = new Promise<void>((resolve) => (openGate = resolve));
    const receiver = await stage.receiver(async (index) => {
      if (index === 19) openGate();
      await everyCopyIsHere;
      return 204;
    });
    const merchant = await stage.merchant();
    await merchant.prepay('COPIES_0001', receiver.url);
    const paid = await merchant.control('POST', '/pay', { order_id: 'COPIES_0001', duplicates: 20 });
    expect(paid.json['deliveries']).toEqual(Array(20).fill({ status: 204, body: '' }));
    const ids = receiver.received.map(({ body }) => merchant.decrypt(body)['transaction_id']);
    expect(new Set(ids)).toEqual(new Set([paid.json['transaction_id']]));
  });

  test('a delayed notification comes after the payment was answered', async () => {
    const receiver = await stage.receiver();
    const merchant = await stage.merchant();
    await merchant.prepay('DELAY_0001', receiver.url);
    const paid = await merchant.control('POST', '/pay', { order_id: 'DELAY_0001', delay_ms: 20 });
    expect(paid.json['deliveries']).toEqual([]);
    expect((await merchant.query('DELAY_0001')).json['trade_state']).toBe('SUCCESS');
    await receiver.waitFor(1);
  });

  test('a dropped notification never exists, yet the order is paid', async () => {
    const merchant = await stage.merchant();
    await merchant.prepay('DROP_0001', 'http://127.0.0.1:1/notify');
    await merchant.control('POST', '/pay', { order_id: 'DROP_0001', drop: true });
    expect(await orderReport(merchant, 'DROP_0001')).toMatchObject({ trade_state: 'SUCCESS', deliveries: [] });
  });
});

describe('what was answered survives a kill', () => {
  test('orders, transactions and pending notifications are there again, though the last line was torn', async () => {
    const receiver = await stage.receiver((index) => (index === 0 ? 503 : 204));
    const stateDir = stage.newStateDir();
    const first = await stage.merchant({ stateDir, retryDelaysMs: [3_600_000] });
    await first.prepay('KILL_0001', receiver.url);
    await first.prepay('KILL_0002', receiver.url);
    const paid = await first.control('POST', '/pay', { order_id: 'KILL_0001' });
    // A copy of the directory while the first still runs is what a kill at this moment would leave.
    const leftDir = stage.newStateDir();
    cpSync(stateDir, leftDir, { recursive: true });
    appendFileSync(join(leftDir, 'journal.jsonl'), '{"order":{"outTradeNo":"KILL_00');
    stage.clock.advance(1_000);
    const second = await stage.merchant({ stateDir: leftDir, retryDelaysMs: [1] });
    expect((await second.query('KILL_0001')).json['transaction_id']).toBe(paid.json['transaction_id']);
    expect((await second.query('KILL_0002')).json['trade_state']).toBe('NOTPAY');
    expect((await second.prepay('KILL_0002', receiver.url)).status).toBe(200);
    expect((await orderReport(second, 'KILL_0001')).deliveries).toMatchObject([
      { state: 'pending', attempts: [{ status: 503 }] },
    ]);
  });

  test('a notification that was due while nobody ran is sent at the next start', async () => {
    const receiver = await stage.receiver();
    const stateDir = stage.newStateDir();
    const simulator = await stage.simulator({ stateDir });
    const first = stage.merchantOf(simulator);
    await first.prepay('KILL_0003', receiver.url);
    await first.control('POST', '/pay', { order_id: 'KILL_0003', delay_ms: 3_600_000 });
    await simulator.close();
    const now = (): Date => stage.clock.now();
    const anHourLater = (): Date => new Date(stage.clock.machineNow().getTime() + 3_600_000);
    const second = await stage.merchant({ stateDir, clock: { now, machineNow: anHourLater } });
    await receiver.waitFor(1);
    await untilReport(second, 'KILL_0003', ({ deliveries }) => deliveries[0]?.state === 'delivered');
    expect(receiver.received).toHaveLength(1);
  });
});
