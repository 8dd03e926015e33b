import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { MembershipServiceClient, RegisterUserRequest } from '../../src/gen/billing/v1/membership_service.pb';
import {
  CancelOrderRequest,
  CreateOrderRequest,
  OrderServiceClient,
  PaymentChannel,
} from '../../src/gen/billing/v1/order_service.pb';
import {
  ClaimCouponRequest,
  CreatePromotionRequest,
  DiscountType,
  PromotionServiceClient,
  PromotionStatus,
  SetPromotionStatusRequest,
} from '../../src/gen/billing/v1/promotion_service.pb';
import { ConsumeQuotaRequest, QuotaServiceClient } from '../../src/gen/billing/v1/quota_service.pb';
import type { BenchInfra } from '../runner/infra';

/** What a user did, for whom the service wrote every row itself; each is one user with one order. */
export const STORIES = ['paid', 'coupon', 'cancelled'] as const;
export type StoryName = (typeof STORIES)[number];

/** Of ten users, so many did this. */
export const SHARES: Readonly<Record<StoryName, number>> = { paid: 7, coupon: 2, cancelled: 1 };

/** A story that was played. */
export interface Story {
  readonly name: StoryName;
  readonly userId: string;
  readonly orderId: string;
}

export const PROMOTION_ID = 'bench-review';
const CALL_MS = 30_000;
const POLL_MS = 100;
const WAIT_MS = 60_000;

/** The service as its callers see it. */
interface Stage {
  readonly root: Connection;
  readonly database: string;
  readonly wechatpayUrl: string;
  readonly call: <Response>(client: object, method: string, identity: string, request: object) => Promise<Response>;
}

/** Plays every story against a running service and returns when everything of them is settled and sealed. */
export async function playStories(
  infra: BenchInfra,
  root: Connection,
  service: { readonly port: number; readonly database: string; readonly wechatpayUrl: string },
  consumesOf: (story: StoryName) => number,
): Promise<readonly Story[]> {
  const { call, close } = connect(infra, service.port);
  const stage: Stage = { root, call, database: service.database, wechatpayUrl: service.wechatpayUrl };
  try {
    await openPromotion(stage);
    const stories: Story[] = [];
    for (const name of STORIES) stories.push(await play(stage, name, consumesOf(name)));
    await until('the audit log is sealed', async () => {
      const [[row]] = await root.query<RowDataPacket[]>(
        `SELECT (SELECT COUNT(*) FROM ${stage.database}.audit_logs) - (SELECT COUNT(*) FROM ${stage.database}.audit_chain) AS waiting`,
      );
      return Number(row?.['waiting']) === 0;
    });
    return stories;
  } finally {
    close();
  }
}

async function openPromotion(stage: Stage): Promise<void> {
  const promotion = {
    promotionId: PROMOTION_ID,
    name: 'bench',
    discountType: DiscountType.FIXED_AMOUNT,
    discountValue: 100,
    // For every copy of the story: its audit row says so, too.
    totalQuota: 10_000_000,
    mayBeFree: false,
    claimEndTime: inDays(60),
    couponValidDays: 30,
  };
  const create = CreatePromotionRequest.fromPartial({ requestId: 'create-promotion', promotion });
  await stage.call(PromotionServiceClient, 'createPromotion', 'operations', create);
  const status = {
    requestId: 'open-promotion',
    promotionId: PROMOTION_ID,
    status: PromotionStatus.ACTIVE,
    revision: 1,
  };
  const open = SetPromotionStatusRequest.fromPartial(status);
  // Whoever opens it did not make it: with as many coupons as there will be, two people must have agreed.
  await stage.call(PromotionServiceClient, 'setPromotionStatus', 'operations-2', open);
}

async function play(stage: Stage, name: StoryName, consumes: number): Promise<Story> {
  const userId = `template-${name}`;
  const register = RegisterUserRequest.fromPartial({ requestId: 'register', userId });
  await stage.call(MembershipServiceClient, 'registerUser', 'order-service', register);
  const couponId = name === 'coupon' ? await claim(stage, userId) : '';
  const wanted = { requestId: 'order', userId, planId: 'monthly', channel: PaymentChannel.NATIVE, couponId };
  const { order } = await stage.call<{ order?: { orderId: string } }>(
    ...([OrderServiceClient, 'createOrder', 'order-service', CreateOrderRequest.fromPartial(wanted)] as const),
  );
  const orderId = order?.orderId ?? '';
  await (name === 'cancelled' ? cancel(stage, userId, orderId) : pay(stage, orderId));
  for (let number = 1; number <= consumes; number += 1) {
    const what = { userId, requestId: `consume-${number}`, amount: 1, taskType: 'image', description: '商品图生成' };
    await stage.call(QuotaServiceClient, 'consumeQuota', 'ai-task-service', ConsumeQuotaRequest.fromPartial(what));
  }
  return { name, userId, orderId };
}

async function claim(stage: Stage, userId: string): Promise<string> {
  const request = ClaimCouponRequest.fromPartial({ requestId: 'claim', userId, promotionId: PROMOTION_ID });
  const { coupon } = await stage.call<{ coupon?: { couponId: string } }>(
    ...([PromotionServiceClient, 'claimCoupon', 'order-service', request] as const),
  );
  return coupon?.couponId ?? '';
}

async function pay({ root, database, wechatpayUrl }: Stage, orderId: string): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ order_id: orderId });
  const answer = await fetch(`${wechatpayUrl}/_control/pay`, { method: 'POST', headers, body });
  if (!answer.ok) throw new Error(`the local WeChat Pay did not take the payment: ${answer.status}`);
  await until(`order ${orderId} is paid, and its notification applied`, async () => {
    const [rows] = await root.query<RowDataPacket[]>(
      `SELECT 1 FROM ${database}.payments p JOIN ${database}.wechatpay_notifications n ON n.subject_id = p.transaction_id
      WHERE p.order_id = ? AND n.status = 'applied'`,
      [orderId],
    );
    return rows.length > 0;
  });
}

async function cancel(stage: Stage, userId: string, orderId: string): Promise<void> {
  const request = CancelOrderRequest.fromPartial({ requestId: 'cancel', userId, orderId });
  await stage.call(OrderServiceClient, 'cancelOrder', 'order-service', request);
  await until(`order ${orderId} is closed`, async () => {
    const [rows] = await stage.root.query<RowDataPacket[]>(
      `SELECT 1 FROM ${stage.database}.orders WHERE id = ? AND status = 'closed'`,
      [orderId],
    );
    return rows.length > 0;
  });
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const giveUpMs = performance.now() + WAIT_MS;
  while (!(await isSo())) {
    if (performance.now() > giveUpMs) throw new Error(`waited in vain until ${what}`);
    await pause(POLL_MS);
  }
}

function inDays(days: number): Date {
  return new Date(Math.round(performance.timeOrigin + performance.now()) + days * 86_400_000);
}

type Unary = (
  request: object,
  metadata: Metadata,
  options: { deadline: number },
  callback: (error: ServiceError | null, response: unknown) => void,
) => void;
type ClientType = new (address: string, channel: ReturnType<typeof credentials.createSsl>, options: object) => object;

/** Calls with the certificates of the local stack; clients are kept until they are closed together. */
function connect(infra: BenchInfra, port: number): Pick<Stage, 'call'> & { readonly close: () => void } {
  const open = new Map<object, Map<string, object>>();
  const read = (name: string): Buffer => readFileSync(join(infra.tlsDir, name));
  const clientOf = (Type: object, identity: string): object => {
    const known = open.get(Type) ?? new Map<string, object>();
    open.set(Type, known);
    const found = known.get(identity);
    if (found !== undefined) return found;
    const channel = credentials.createSsl(read('ca.crt'), read(`${identity}.key`), read(`${identity}.crt`));
    const options = { 'grpc.ssl_target_name_override': 'localhost' };
    const client = new (Type as ClientType)(`127.0.0.1:${port}`, channel, options);
    known.set(identity, client);
    return client;
  };
  return {
    call: <Response>(Type: object, method: string, identity: string, request: object) =>
      new Promise<Response>((resolve, reject) => {
        const client = clientOf(Type, identity) as Readonly<Record<string, Unary>>;
        const deadline = performance.timeOrigin + performance.now() + CALL_MS;
        if (client[method] === undefined) throw new Error(`there is no call ${method}`);
        client[method](request, new Metadata(), { deadline }, (error, response) => {
          if (error === null) resolve(response as Response);
          else reject(new Error(`${method}: ${error.details}`));
        });
      }),
    close: () => {
      for (const clients of open.values()) {
        for (const client of clients.values()) (client as { close(): void }).close();
      }
    },
  };
}
