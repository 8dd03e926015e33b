import type { Merchant } from './support/merchant';
import type { Receiver } from './support/receiver';
import { Stage, orderReport, untilReport } from './support/stage';

let stage: Stage;
let merchant: Merchant;
let receiver: Receiver;

beforeAll(() => {
  stage = new Stage();
});
afterAll(() => stage.close());
beforeEach(async () => {
  merchant = await stage.merchant({ retryDelaysMs: [1, 1, 1] });
  receiver = await stage.receiver();
  await merchant.prepay('CALLBACK_1', receiver.url);
});

const plan = (fault: object) => merchant.control('POST', '/fault', fault);
const pay = (more: object = {}) => merchant.control('POST', '/pay', { order_id: 'CALLBACK_1', ...more });
const eventTypes = (): unknown[] =>
  receiver.received.map(({ body }) => (JSON.parse(body) as { event_type: string }).event_type);

describe('a planned fault spoils the next attempt to notify', () => {
  test('lost: it is not sent, and repeated like one that was not answered', async () => {
    await plan({ name: 'callback-lost' });
    expect((await pay()).json['deliveries']).toEqual([{ status: 0, body: 'LOST' }]);
    await untilReport(merchant, 'CALLBACK_1', ({ deliveries }) => deliveries[0]?.state === 'delivered');
    expect(receiver.received).toHaveLength(1);
  });

  test('duplicated: the same notification twice at once', async () => {
    await plan({ name: 'callback-duplicated' });
    await pay();
    await receiver.waitFor(2);
    const ids = receiver.received.map(({ body }) => (JSON.parse(body) as { id: string }).id);
    expect(new Set(ids).size).toBe(1);
  });

  test('delayed: it comes later, the payment was answered before', async () => {
    await plan({ name: 'callback-delayed', ms: 20 });
    expect((await pay()).json['deliveries']).toEqual([{ status: 0, body: 'DELAYED' }]);
    await receiver.waitFor(1);
    await untilReport(merchant, 'CALLBACK_1', ({ deliveries }) => deliveries[0]?.state === 'delivered');
  });

  test('reordered: the payment is told after its refund', async () => {
    await plan({ name: 'callback-reordered' });
    expect((await pay()).json['deliveries']).toEqual([{ status: 0, body: 'HELD' }]);
    await merchant.control('POST', '/refund', { order_id: 'CALLBACK_1' });
    await receiver.waitFor(2);
    expect(eventTypes()).toEqual(['REFUND.SUCCESS', 'TRANSACTION.SUCCESS']);
  });

  test('reordered, but never refunded: it is told after its time', async () => {
    await plan({ name: 'callback-reordered', ms: 20 });
    await pay();
    await receiver.waitFor(1);
    expect(eventTypes()).toEqual(['TRANSACTION.SUCCESS']);
  });

  test.each(['body', 'signature', 'forged', 'signtest', 'serial'])(
    '%s: unverifiable, then true',
    async (corruption) => {
      await plan({ name: `callback-${corruption}`, path: '/notify' });
      const strict = await stage.receiver((index) => (index === 0 ? 401 : 204));
      await merchant.prepay('CALLBACK_2', strict.url);
      await merchant.control('POST', '/pay', { order_id: 'CALLBACK_2' });
      await strict.waitFor(2);
      const verified = strict.received.map(({ headers, body }) => merchant.verifiedSerial(headers, body) !== undefined);
      expect(verified).toEqual([false, true]);
    },
  );

  test('forged: only the key is wrong', async () => {
    const [before] = [await pay({ corrupt: 'forged' }), await pay()];
    expect(before.json['deliveries']).toHaveLength(1);
    const [forged, genuine] = receiver.received;
    expect(forged?.headers.get('wechatpay-serial')).toBe(genuine?.headers.get('wechatpay-serial'));
    expect(merchant.decrypt(forged!.body)).toEqual(merchant.decrypt(genuine!.body));
    expect(merchant.verifiedSerial(forged!.headers, forged!.body)).toBeUndefined();
  });
});

test('switched off, nothing is ever told, not even repeats', async () => {
  const patient = await stage.merchant({ retryDelaysMs: [1, 1] });
  // Switched off before the first attempt is answered, so before any repeat.
  const deaf = await stage.receiver(async () => {
    await patient.control('POST', '/callbacks', { enabled: false });
    return 500;
  });
  await patient.prepay('CALLBACK_3', deaf.url);
  await patient.control('POST', '/pay', { order_id: 'CALLBACK_3' });
  const silent = await patient.control('POST', '/pay', { order_id: 'CALLBACK_3' });
  expect(silent.json['deliveries']).toEqual([]);
  await untilReport(patient, 'CALLBACK_3', ({ deliveries }) => deliveries[0]?.state === 'abandoned');
  expect((await orderReport(patient, 'CALLBACK_3')).deliveries).toMatchObject([
    { attempts: [{ status: 500 }, { body: 'CALLBACKS_OFF' }, { body: 'CALLBACKS_OFF' }] },
  ]);
  expect(deaf.received).toHaveLength(1);
  await patient.control('POST', '/callbacks', { enabled: true });
  await patient.control('POST', '/pay', { order_id: 'CALLBACK_3' });
  expect(deaf.received.length).toBeGreaterThan(1);
});
