import { CreateOrderRequest, OrderServiceService, PaymentChannel } from '../../src/gen/billing/v1/order_service.pb';
import { ClaimCouponRequest, PromotionServiceService } from '../../src/gen/billing/v1/promotion_service.pb';
import { ConsumeQuotaRequest, QuotaServiceService } from '../../src/gen/billing/v1/quota_service.pb';
import type { Template } from './prepared-request';
import { readBatchResponse, readClaimResponse, readConsumeResponse, readOrderResponse } from './responses';
import { HOT_PROMOTION_ID, ORDERED_PLAN_ID, requestIdOf, userIdOf, type RpcName } from './settings';

/** What is particular to an RPC that the load calls. */
export interface Rpc {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** Whom the load calls as: a role that may. */
  readonly identity: string;
  /** Whether a user does it only once. */
  readonly isOncePerUser: boolean;
  /** A caller's message, or an item of its batch. */
  templateOf(tag: string, caller: number): Template;
  /** Reads the answers to the items of a call. Returns how many there are. */
  read(bytes: Buffer, start: number, end: number, answers: Uint8Array): number;
}

/** Makes the reader of a call that has one item. */
function one(read: (bytes: Buffer, start: number, end: number) => number): Rpc['read'] {
  return (bytes, start, end, answers) => {
    answers[0] = read(bytes, start, end);
    return 1;
  };
}

function consumeTemplate(tag: string, caller: number): Template {
  const ids = { requestId: requestIdOf(tag, caller, 0), userId: userIdOf(0) };
  const fields = { ...ids, amount: 1, taskId: `task-${ids.requestId}`, taskType: 'image', description: 'try-on' };
  return { message: ConsumeQuotaRequest.encode(ConsumeQuotaRequest.fromPartial(fields)).finish(), ...ids };
}

function claimTemplate(tag: string, caller: number): Template {
  const ids = { requestId: requestIdOf(tag, caller, 0), userId: userIdOf(0) };
  return { message: ClaimCouponRequest.encode({ ...ids, promotionId: HOT_PROMOTION_ID }).finish(), ...ids };
}

function orderTemplate(tag: string, caller: number): Template {
  const ids = { requestId: requestIdOf(tag, caller, 0), userId: userIdOf(0) };
  const fields = { ...ids, planId: ORDERED_PLAN_ID, channel: PaymentChannel.NATIVE };
  return { message: CreateOrderRequest.encode(CreateOrderRequest.fromPartial(fields)).finish(), ...ids };
}

const CONSUMES = { identity: 'ai-task-service', isOncePerUser: false, templateOf: consumeTemplate } as const;

export const RPCS: Readonly<Record<RpcName, Rpc>> = {
  ConsumeQuota: { ...CONSUMES, path: QuotaServiceService.consumeQuota.path, read: one(readConsumeResponse) },
  // Written down, because this may run against a service that does not have it yet.
  BatchConsumeQuota: { ...CONSUMES, path: '/billing.v1.QuotaService/BatchConsumeQuota', read: readBatchResponse },
  ClaimCoupon: {
    path: PromotionServiceService.claimCoupon.path,
    identity: 'order-service',
    isOncePerUser: true,
    templateOf: claimTemplate,
    read: one(readClaimResponse),
  },
  CreateOrder: {
    path: OrderServiceService.createOrder.path,
    identity: 'order-service',
    isOncePerUser: true,
    templateOf: orderTemplate,
    read: one(readOrderResponse),
  },
};
