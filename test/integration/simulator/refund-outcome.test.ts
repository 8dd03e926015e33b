import { createPublicKey, publicEncrypt, constants } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Merchant } from './support/merchant';
import { Stage, orderReport, payQuietly, untilRefunded, untilReport } from './support/stage';

let stage: Stage;
let merchant: Merchant;

beforeAll(async () => {
  stage = new Stage();
  merchant = await stage.merchant();
});
afterAll(() => stage.close());
afterEach(() => merchant.control('POST', '/refunds', { outcome: 'SUCCESS', delay_ms: 0, notify_url: 'derived' }));

describe('the end of a refund is told in a notification', () => {
  test.each(['SUCCESS', 'CLOSED', 'ABNORMAL'])('%s, to the notify_url of the refund', async (outcome) => {
    const receiver = await stage.receiver();
    await merchant.control('POST', '/refunds', { outcome });
    const transactionId = await payQuietly(merchant, `TOLD_${outcome}`);
    const created = await merchant.refund(`TOLD_${outcome}`, `T_${outcome}`, 500, { notify_url: receiver.url });
    expect(created.json['status']).toBe('PROCESSING');
    await receiver.waitFor(1);
    const [received] = receiver.received;
    expect(merchant.verifiedSerial(received!.headers, received!.body)).toBe(stage.material.publicKeyId);
    expect(JSON.parse(received!.body)).toMatchObject({
      event_type: `REFUND.${outcome}`,
      resource: { original_type: 'refund', associated_data: 'refund' },
    });
    expect(merchant.decrypt(received!.body)).toEqual({
      mchid: stage.material.mchid,
      transaction_id: transactionId,
      out_trade_no: `TOLD_${outcome}`,
      refund_id: created.json['refund_id'],
      out_refund_no: `T_${outcome}`,
      refund_status: outcome,
      ...(outcome === 'SUCCESS' ? { success_time: '2026-01-31T23:59:59+08:00' } : {}),
      user_received_account: '支付用户零钱',
      amount: { total: 9900, refund: 500, payer_total: 9900, payer_refund: 500 },
    });
    expect((await merchant.queryRefund(`T_${outcome}`)).json['status']).toBe(outcome);
  });

  test('without one, to the address of the portal: by default the payment’s own host, or none at all', async () => {
    const receiver = await stage.receiver();
    await merchant.prepay('PORTAL_0001', receiver.url);
    await merchant.control('POST', '/pay', { order_id: 'PORTAL_0001', drop: true });
    await merchant.refund('PORTAL_0001', 'P_1', 1);
    await receiver.waitFor(1);
    expect(receiver.paths).toEqual(['/wechatpay/notify/refund']);
    await merchant.control('POST', '/refunds', { notify_url: receiver.url });
    await merchant.control('POST', '/refund', { order_id: 'PORTAL_0001', amount: 1 });
    expect(receiver.paths).toEqual(['/wechatpay/notify/refund', '/notify']);
    await merchant.control('POST', '/refunds', { notify_url: 'none' });
    const silent = await merchant.control('POST', '/refund', { order_id: 'PORTAL_0001', amount: 1 });
    expect(silent.json).toMatchObject({ status: 'SUCCESS', deliveries: [] });
  });

  test('after the delay that was set', async () => {
    await merchant.control('POST', '/refunds', { delay_ms: 3_600_000 });
    await payQuietly(merchant, 'LATE_0001');
    await merchant.refund('LATE_0001', 'L_1', 1);
    await merchant.control('POST', '/refunds', { delay_ms: 20 });
    await payQuietly(merchant, 'LATE_0002');
    await merchant.refund('LATE_0002', 'L_2', 1);
    await untilRefunded(merchant, 'L_2', 'SUCCESS');
    expect((await merchant.queryRefund('L_1')).json['status']).toBe('PROCESSING');
  });
});

describe('fate decides a refund', () => {
  test('that waits to be told, once for all', async () => {
    const receiver = await stage.receiver();
    await merchant.control('POST', '/refunds', { outcome: 'PROCESSING' });
    await payQuietly(merchant, 'FATE_0001');
    await merchant.refund('FATE_0001', 'F_1', 9900, { notify_url: receiver.url });
    expect((await merchant.queryRefund('F_1')).json['status']).toBe('PROCESSING');
    const decide = (outcome: string, more: object = {}) =>
      merchant.control('POST', '/refund', { order_id: 'FATE_0001', out_refund_no: 'F_1', outcome, ...more });
    expect((await decide('CLOSED', { duplicates: 2 })).json).toMatchObject({
      status: 'CLOSED',
      deliveries: [{ status: 204 }, { status: 204 }],
    });
    expect((await decide('CLOSED')).json['deliveries']).toHaveLength(1);
    expect((await decide('SUCCESS')).json['code']).toBe('REFUND_FINISHED');
    // A closed refund gave nothing, so all of it can be refunded again.
    stage.clock.advance(60_000);
    expect((await merchant.refund('FATE_0001', 'F_2', 9900)).status).toBe(200);
  });

  test('an abnormal one succeeds by another way when the merchant asks for it', async () => {
    await merchant.control('POST', '/refunds', { outcome: 'ABNORMAL' });
    await payQuietly(merchant, 'HELP_0001');
    const { json } = await merchant.refund('HELP_0001', 'H_1', 100);
    await untilRefunded(merchant, 'H_1', 'ABNORMAL');
    const target = `/v3/refund/domestic/refunds/${String(json['refund_id'])}/apply-abnormal-refund`;
    const help = (card: object) =>
      merchant.call('POST', target, JSON.stringify({ out_refund_no: 'H_1', type: 'USER_BANK_CARD', ...card }));
    expect((await help({})).json['detail']).toMatchObject({ field: '/bank_type' });
    const clear = { bank_type: 'ICBC_DEBIT', bank_account: '6222020000000000000', real_name: '张三' };
    expect((await help(clear)).json['detail']).toMatchObject({ field: '/bank_account' });
    const sealed = { bank_type: 'ICBC_DEBIT', bank_account: seal('6222020000000000000'), real_name: seal('张三') };
    const helped = await help(sealed);
    expect(helped.json).toMatchObject({ status: 'PROCESSING', channel: 'OTHER_BANKCARD' });
    await untilRefunded(merchant, 'H_1', 'SUCCESS');
    expect((await help(sealed)).json['code']).toBe('INVALID_REQUEST');
  });

  /** RSA-OAEP for the key that the request names. */
  function seal(plain: string): string {
    const key = createPublicKey(readFileSync(join(stage.material.materialDir, 'public.key')));
    const options = { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' };
    return publicEncrypt(options, Buffer.from(plain)).toString('base64');
  }
});

describe('a refund made in the merchant portal', () => {
  test('is one the merchant learns of: all that is left, or a part', async () => {
    const receiver = await stage.receiver();
    await merchant.prepay('BYHAND_0001', receiver.url);
    await merchant.control('POST', '/pay', { order_id: 'BYHAND_0001', drop: true });
    const part = await merchant.control('POST', '/refund', { order_id: 'BYHAND_0001', amount: 900 });
    expect(part.json).toMatchObject({ amount: 900, status: 'SUCCESS', deliveries: [{ status: 204 }] });
    expect(merchant.decrypt(receiver.received[0]!.body)).toMatchObject({ out_refund_no: part.json['out_refund_no'] });
    const rest = await merchant.control('POST', '/refund', { order_id: 'BYHAND_0001', drop: true });
    expect(rest.json).toMatchObject({ amount: 9000, deliveries: [] });
    const none = await merchant.control('POST', '/refund', { order_id: 'BYHAND_0001' });
    expect([none.status, none.json['code']]).toEqual([409, 'REFUND_TOO_LARGE']);
    expect((await merchant.queryRefund(String(rest.json['out_refund_no']))).json['status']).toBe('SUCCESS');
  });

  test('is spoilt, delayed or repeated like any notification', async () => {
    const receiver = await stage.receiver((index) => (index === 0 ? 401 : 204));
    await merchant.prepay('BYHAND_0002', receiver.url);
    await merchant.control('POST', '/pay', { order_id: 'BYHAND_0002', drop: true });
    const refund = (more: object) =>
      merchant.control('POST', '/refund', { order_id: 'BYHAND_0002', amount: 1, ...more });
    expect((await refund({ corrupt: 'signature' })).json['deliveries']).toMatchObject([{ status: 401 }]);
    expect((await refund({ delay_ms: 10 })).json['deliveries']).toEqual([]);
    await receiver.waitFor(2);
    await untilReport(merchant, 'BYHAND_0002', ({ deliveries }) => deliveries[1]?.state === 'delivered');
    expect((await orderReport(merchant, 'BYHAND_0002')).deliveries[0]?.state).toBe('abandoned');
  });

  test('needs a paid order', async () => {
    expect((await merchant.control('POST', '/refund', { order_id: 'NEVER_MADE' })).status).toBe(404);
    await merchant.prepay('BYHAND_0003', 'https://merchant.example/notify');
    expect((await merchant.control('POST', '/refund', { order_id: 'BYHAND_0003' })).json['code']).toBe(
      'ORDER_NOT_PAID',
    );
  });
});
