import type { Merchant } from './support/merchant';
import { Stage, untilReport } from './support/stage';

const NOTIFY_URL = 'https://merchant.example/notify';
const CALLS = 40;

let stage: Stage;

beforeAll(() => {
  stage = new Stage();
});
afterAll(() => stage.close());

describe('a seeded mix of faults', () => {
  /** What a fresh simulator answers to the same sequence of calls. */
  async function answers(chaos: object, callbacks = 0): Promise<string[]> {
    const merchant = await stage.merchant({ retryDelaysMs: [] });
    const receiver = await stage.receiver();
    await merchant.prepay('CHAOS_PAID', receiver.url);
    expect((await merchant.control('POST', '/chaos', chaos)).status).toBe(200);
    const seen: string[] = [];
    for (let n = 0; n < callbacks; n++) {
      const { json } = await merchant.control('POST', '/pay', { order_id: 'CHAOS_PAID' });
      seen.push(JSON.stringify(json['deliveries']));
    }
    for (let n = 0; n < CALLS; n++) seen.push(await outcome(merchant, `CHAOS_${n}_0001`));
    await merchant.control('DELETE', '/chaos');
    for (let n = 0; n < 5; n++) expect(await outcome(merchant, 'CHAOS_AFTER')).toBe('200 verified');
    return seen;
  }

  async function outcome(merchant: Merchant, outTradeNo: string): Promise<string> {
    try {
      const { status, headers, text } = await merchant.prepay(outTradeNo, NOTIFY_URL);
      return `${status} ${merchant.verifiedSerial(headers, text) === undefined ? 'unverified' : 'verified'}`;
    } catch {
      return 'no answer';
    }
  }

  test('is the same for the same seed and calls, and another for another seed', async () => {
    const chaos = { seed: 7, api_rate: 0.5, callback_rate: 0, ms: 1 };
    const first = await answers(chaos);
    expect(await answers(chaos)).toEqual(first);
    expect(await answers({ ...chaos, seed: 8 })).not.toEqual(first);
    const spoilt = first.filter((seen) => seen !== '200 verified').length;
    expect(spoilt).toBeGreaterThan(CALLS / 10);
    expect(spoilt).toBeLessThan((CALLS * 9) / 10);
  });

  test('what calls meet does not depend on how many notifications came between', async () => {
    const chaos = { seed: 7, api_rate: 0.5, callback_rate: 0.5, ms: 1 };
    expect((await answers(chaos, 5)).slice(5)).toEqual(await answers(chaos));
  });

  test('keeps to the names it is given', async () => {
    const seen = await answers({ seed: 1, api_rate: 1, callback_rate: 1, names: ['429', 'callback-lost'] }, 3);
    expect(new Set(seen.slice(0, 3))).toEqual(new Set(['[{"status":0,"body":"LOST"}]']));
    expect(new Set(seen.slice(3))).toEqual(new Set(['429 verified']));
  });

  test('a planned fault goes before chance', async () => {
    const merchant = await stage.merchant();
    await merchant.control('POST', '/chaos', { seed: 1, api_rate: 1, callback_rate: 0, names: ['500'] });
    await merchant.control('POST', '/fault', { name: '429' });
    expect([await outcome(merchant, 'CHAOS_NEXT'), await outcome(merchant, 'CHAOS_NEXT')]).toEqual([
      '429 verified',
      '500 unverified',
    ]);
  });

  test('notifications arrive in the end, as each repeat meets a chance of its own', async () => {
    const merchant = await stage.merchant({ retryDelaysMs: Array<number>(30).fill(1) });
    const receiver = await stage.receiver(() => 204);
    await merchant.prepay('CHAOS_END1', receiver.url);
    await merchant.control('POST', '/chaos', { seed: 3, api_rate: 0, callback_rate: 0.9, names: ['callback-lost'] });
    await merchant.control('POST', '/pay', { order_id: 'CHAOS_END1' });
    await untilReport(merchant, 'CHAOS_END1', ({ deliveries }) => deliveries[0]?.state === 'delivered');
  });

  test.each([{ seed: -1 }, { api_rate: 1.1 }, { names: ['earthquake'] }])('%j is refused', async (wrong) => {
    const merchant = await stage.merchant();
    const chaos = { seed: 1, api_rate: 0, callback_rate: 0, ...wrong };
    expect((await merchant.control('POST', '/chaos', chaos)).status).toBe(400);
  });
});
