import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Stage, orderReport, payQuietly, untilRefunded } from './support/stage';

let stage: Stage;

beforeAll(() => {
  stage = new Stage();
});
afterAll(() => stage.close());

describe('what was answered survives a kill', () => {
  test('closed orders, refunds, settings, the balance and a bill not yet fetched', async () => {
    const stateDir = stage.newStateDir();
    const first = await stage.merchant({ stateDir });
    await first.prepay('SURVIVE_01', 'http://127.0.0.1:1/notify');
    await first.close('SURVIVE_01');
    await payQuietly(first, 'SURVIVE_02');
    await first.refund('SURVIVE_02', 'S_1', 100);
    await untilRefunded(first, 'S_1', 'SUCCESS');
    await first.control('POST', '/balance', { amount: 5 });
    await first.control('POST', '/keys', { mode: 'public-key' });
    await first.control('POST', '/callbacks', { enabled: false });
    stage.clock.advance(24 * 3_600_000);
    const bill = await first.call('GET', '/v3/bill/tradebill?bill_date=2026-01-31', '');
    const { pathname, search } = new URL(String(bill.json['download_url']));
    const books = (await first.control('GET', '/books')).json;
    // A copy of the directory while the first still runs is what a kill at this moment would leave.
    const leftDir = stage.newStateDir();
    cpSync(stateDir, leftDir, { recursive: true });

    const second = await stage.merchant({ stateDir: leftDir });
    expect((await second.control('GET', '/books')).json).toEqual(books);
    expect(books).toMatchObject({ totals: { paid: 9900, refunded: 100 }, balance: 5 });
    expect((await second.query('SURVIVE_01')).json['trade_state']).toBe('CLOSED');
    expect((await second.queryRefund('S_1')).json['status']).toBe('SUCCESS');
    expect((await second.refund('SURVIVE_02', 'S_2', 9800)).json['code']).toBe('NOT_ENOUGH');
    expect((await second.call('GET', '/v3/certificates', '')).status).toBe(404);
    const told = await second.control('POST', '/pay', { order_id: 'SURVIVE_02' });
    expect(told.json['deliveries']).toEqual([]);
    expect((await second.call('GET', `${pathname}${search}`, '')).status).toBe(200);
  });

  test('a refund on its way comes to its end after the next start', async () => {
    const receiver = await stage.receiver();
    const stateDir = stage.newStateDir();
    const simulator = await stage.simulator({ stateDir });
    const first = stage.merchantOf(simulator);
    await first.control('POST', '/refunds', { delay_ms: 3_600_000 });
    await payQuietly(first, 'SURVIVE_03');
    await first.refund('SURVIVE_03', 'S_3', 1, { notify_url: receiver.url });
    await simulator.close();
    const now = (): Date => stage.clock.now();
    const anHourLater = (): Date => new Date(stage.clock.machineNow().getTime() + 3_600_000);
    const second = await stage.merchant({ stateDir, clock: { now, machineNow: anHourLater } });
    await receiver.waitFor(1);
    expect((await second.queryRefund('S_3')).json['status']).toBe('SUCCESS');
  });

  test('books of version 0.3.0 still open', async () => {
    const receiver = await stage.receiver();
    const stateDir = join(stage.newStateDir(), 'old');
    mkdirSync(stateDir);
    const { appid, mchid } = stage.material;
    const timeMs = stage.clock.now().getTime();
    const required = { appid, mchid, description: 'd', out_trade_no: 'OLD_000001', notify_url: receiver.url };
    const parameters = { ...required, amount: { total: 9900 } };
    const times = { createTimeMs: timeMs, expireTimeMs: timeMs + 60_000, codeUrlTimeMs: timeMs };
    const order = { outTradeNo: 'OLD_000001', tradeType: 'NATIVE', parameters, ...times, prepayCount: 1, codeUrl: 'c' };
    const transaction = { transactionId: `4200${'0'.repeat(24)}`, successTimeMs: timeMs, amountFen: 9900, openid: 'o' };
    const about = { outTradeNo: 'OLD_000001', transactionId: transaction.transactionId, url: receiver.url };
    const fate = { isRetried: true, state: 'pending', attempts: [], nextAttemptTimeMs: 0 };
    const ids = { deliveryId: 'D', notificationId: 'EV-1' };
    const delivery = { ...ids, ...about, resource: {}, createTime: '', serialMode: 'public-key', ...fate };
    const lines = [{ order: { ...order, transaction } }, { delivery }].map((record) => `${JSON.stringify(record)}\n`);
    writeFileSync(join(stateDir, 'journal.jsonl'), lines.join(''));
    const merchant = await stage.merchant({ stateDir });
    await receiver.waitFor(1);
    expect(JSON.parse(receiver.received[0]!.body)).toMatchObject({ event_type: 'TRANSACTION.SUCCESS' });
    expect(await orderReport(merchant, 'OLD_000001')).toMatchObject({ trade_state: 'SUCCESS', code_url: 'c' });
  });
});
