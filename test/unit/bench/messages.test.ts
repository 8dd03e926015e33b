import { PreparedRequest } from '../../../bench/load/prepared-request';
import { ANSWER } from '../../../bench/load/responses';
import { RPCS } from '../../../bench/load/rpcs';
import {
  claimantOf,
  HOT_PROMOTION_ID,
  ORDERED_PLAN_ID,
  requestIdOf,
  userIdOf,
  type RpcName,
} from '../../../bench/load/settings';
import { ClaimCouponRequest, ClaimCouponResponse } from '../../../src/gen/billing/v1/promotion_service.pb';
import { CreateOrderRequest, CreateOrderResponse, PaymentChannel } from '../../../src/gen/billing/v1/order_service.pb';
import { ConsumeQuotaRequest, ConsumeQuotaResponse } from '../../../src/gen/billing/v1/quota_service.pb';

/** The load generator changes digits of requests and reads answers without decoding them; the generated code agrees. */

const TAG = 'r00042';
const PREFIX_BYTES = 5;

function response(fields: Partial<ConsumeQuotaResponse>): Buffer {
  return Buffer.from(ConsumeQuotaResponse.encode(ConsumeQuotaResponse.fromPartial(fields)).finish());
}

function claimed(fields: Partial<ClaimCouponResponse>): Buffer {
  return Buffer.from(ClaimCouponResponse.encode(ClaimCouponResponse.fromPartial(fields)).finish());
}

function prepared(rpc: RpcName, batchSize: number): PreparedRequest {
  return new PreparedRequest(RPCS[rpc].templateOf(TAG, 7), batchSize);
}

/** What the load reads of an answer. */
function answersOf(rpc: RpcName, bytes: Buffer): readonly number[] {
  const answers = new Uint8Array(8);
  return [...answers.subarray(0, RPCS[rpc].read(bytes, 0, bytes.length, answers))];
}

function field(number: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([number * 8 + 2, content.length]), content]);
}

describe('the requests of the load generator', () => {
  test('are what the generated code reads', () => {
    const request = prepared('ConsumeQuota', 0);
    request.set(0, 12_345_678, 1_234_567);
    expect(request.bytes.readUInt32BE(1)).toBe(request.bytes.length - PREFIX_BYTES);
    const requestId = requestIdOf(TAG, 7, 12_345_678);
    expect(ConsumeQuotaRequest.decode(request.bytes.subarray(PREFIX_BYTES))).toEqual({
      requestId,
      userId: userIdOf(1_234_567),
      amount: 1,
      taskId: `task-${requestId}`,
      taskType: 'image',
      description: 'try-on',
    });
  });

  test('of a claim are, too', () => {
    const request = prepared('ClaimCoupon', 0);
    request.set(0, 12_345_678, 1_234_567);
    expect(request.bytes.readUInt32BE(1)).toBe(request.bytes.length - PREFIX_BYTES);
    expect(ClaimCouponRequest.decode(request.bytes.subarray(PREFIX_BYTES))).toEqual({
      requestId: requestIdOf(TAG, 7, 12_345_678),
      userId: userIdOf(1_234_567),
      promotionId: HOT_PROMOTION_ID,
    });
  });

  test('of an order are, too', () => {
    const request = prepared('CreateOrder', 0);
    request.set(0, 12_345_678, 1_234_567);
    expect(CreateOrderRequest.decode(request.bytes.subarray(PREFIX_BYTES))).toEqual(
      CreateOrderRequest.fromPartial({
        requestId: requestIdOf(TAG, 7, 12_345_678),
        userId: userIdOf(1_234_567),
        planId: ORDERED_PLAN_ID,
        channel: PaymentChannel.NATIVE,
      }),
    );
  });

  test('name each user once, where a user can do it only once', () => {
    const users = [0, 1, 2].flatMap((caller) => [0, 1, 2, 3].map((sequence) => claimantOf(3, caller, sequence)));
    expect([...users].sort((first, second) => first - second)).toEqual(Array.from({ length: 12 }, (_, n) => n + 1));
  });

  test('in a batch are its items, each with its own numbers', () => {
    const request = prepared('BatchConsumeQuota', 3);
    [5, 6, 7].forEach((sequence, index) => request.set(index, sequence, sequence * 10));
    let at = PREFIX_BYTES;
    for (const sequence of [5, 6, 7]) {
      const length = request.bytes[at + 1] ?? 0;
      expect(request.bytes[at]).toBe(0x0a);
      const item = ConsumeQuotaRequest.decode(request.bytes.subarray(at + 2, at + 2 + length));
      expect(item).toMatchObject({ requestId: requestIdOf(TAG, 7, sequence), userId: userIdOf(sequence * 10) });
      at += 2 + length;
    }
    expect(at).toBe(request.bytes.length);
  });
});

describe('the answers', () => {
  test.each([
    [false, ANSWER.NEW],
    [true, ANSWER.REPLAYED],
  ])('of a consume, a claim and an order with replayed %s are told apart', (replayed, answer) => {
    const bytes = response({ quotaRemaining: 999_999_999, replayed, log: { hash: 'f'.repeat(64) } as never });
    expect(answersOf('ConsumeQuota', bytes)).toEqual([answer]);
    const coupon = { couponId: '0'.repeat(26), claimTime: new Date(0) } as never;
    expect(answersOf('ClaimCoupon', claimed({ coupon, replayed }))).toEqual([answer]);
    const order = { orderId: '0'.repeat(26), finalAmount: 9900, createTime: new Date(0) } as never;
    const payment = { method: { $case: 'native', value: { codeUrl: 'weixin://wxpay/bizpayurl?pr=1' } } } as const;
    const created = CreateOrderResponse.fromPartial({ order, payment, replayed });
    expect(answersOf('CreateOrder', Buffer.from(CreateOrderResponse.encode(created).finish()))).toEqual([answer]);
  });

  test('of a batch are told apart item by item', () => {
    const done = response({ quotaRemaining: 3, replayed: false });
    const again = response({ quotaRemaining: 3, replayed: true });
    const results = [field(1, done), field(1, again), field(2, Buffer.from([0x08, 0x05]))];
    const bytes = Buffer.concat(results.map((result) => field(1, result)));
    expect(answersOf('BatchConsumeQuota', bytes)).toEqual([ANSWER.NEW, ANSWER.REPLAYED, ANSWER.REFUSED]);
  });
});
