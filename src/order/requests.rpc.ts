import { isIP } from 'node:net';
import { z } from 'zod';
import * as rules from '../platform/request-rules';
import { CHANNELS, KINDS, STATUSES } from './messages.rpc';
import { OrderKind } from '../gen/billing/v1/order_service.pb';
import type { OrderChannel, OrderKind as StoredKind } from './order.model';

/** What OrderService may be asked. A violation becomes INVALID_REQUEST with the field's path. */

const channel = z.number().transform((value, context): OrderChannel => {
  const known = rules.nameOf(CHANNELS, value);
  if (known !== undefined) return known;
  context.addIssue('is not a known value');
  return z.NEVER;
});

/** Clients that know of no kinds name none: they purchase. */
const UNNAMED: number = OrderKind.UNSPECIFIED;
const kind = z.number().transform((value, context): StoredKind => {
  const known = value === UNNAMED ? 'purchase' : rules.nameOf(KINDS, value);
  if (known !== undefined) return known;
  context.addIssue('is not a known value');
  return z.NEVER;
});

/** The payer as an app knows him at WeChat; WeChat Pay takes no other characters. */
const openid = z.string().regex(/^[\x21-\x7e]{0,128}$/, 'must be at most 128 printable ASCII characters');

/** An address without a zone, which means something on one machine only. */
const clientIp = z
  .string()
  .refine((text) => text === '' || (isIP(text) !== 0 && !text.includes('%')), 'must be an IPv4 or IPv6 address');

/** Fields that one channel needs and no other takes: what WeChat Pay does not ask for is not kept. */
const PAYER_FIELDS = { openid: 'jsapi', clientIp: 'h5' } as const;

export const createRequest = z
  .object({
    requestId: rules.opaqueId,
    userId: rules.opaqueId,
    planId: rules.opaqueId,
    couponId: rules.optionalOpaqueId,
    channel,
    kind,
    openid,
    clientIp,
  })
  .superRefine((request, context) => {
    for (const field of ['openid', 'clientIp'] as const) {
      const only = PAYER_FIELDS[field];
      const isNeeded = request.channel === only;
      if (isNeeded === (request[field] !== '')) continue;
      const name = `PAYMENT_CHANNEL_${only.toUpperCase()}`;
      context.addIssue({
        code: 'custom',
        path: [field],
        message: isNeeded ? `is required for ${name}` : `is for ${name} only`,
      });
    }
  })
  .transform(({ openid: payerId, clientIp: address, ...request }) => ({
    ...request,
    payer: payerId === '' ? address : payerId,
  }));

export const quoteRequest = z.object({
  userId: rules.opaqueId,
  planId: rules.opaqueId,
  couponId: rules.optionalOpaqueId,
  kind,
});

export const orderRequest = z.object({ userId: rules.opaqueId, orderId: rules.orderId });

export const getRequest = z.object({ userId: rules.opaqueId, orderId: rules.orderId, refresh: z.boolean() });

export const listRequest = z.object({
  userId: rules.opaqueId,
  status: rules.enumFilter(Object.values(STATUSES)),
  pageSize: rules.pageSize,
  pageToken: rules.pageToken,
});

export const cancelRequest = z.object({ requestId: rules.opaqueId, userId: rules.opaqueId, orderId: rules.orderId });

export const attachInvoiceRequest = z.object({
  requestId: rules.opaqueId,
  userId: rules.opaqueId,
  orderId: rules.orderId,
  invoiceReference: rules.opaqueId,
});
