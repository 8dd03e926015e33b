import {
  DiscountType,
  Promotion,
  PromotionStatus,
  type ListPromotionsRequest,
  type SetPromotionStatusResponse,
} from '../../src/gen/billing/v1/promotion_service.pb';
import { call, mustSucceed, type BillingClient, type Identity, type Reply } from './clients';
import { newId, type Harness } from './harness';
import { CHANGED_BY_ITSELF, digestTables } from './table-digest';

/** PromotionService as people of operations call it. What is about coupons: promotions.ts. */

/** Whoever has clients: a harness, or a place of several processes. */
export interface Callers {
  as(identity: Identity): BillingClient;
}

/** Who calls, under which request id; a new one unless given. */
export interface CallAs {
  readonly as?: Identity;
  readonly requestId?: string;
  /** The revision that was looked at; any unless given. */
  readonly revision?: number;
}

/** ¥10 off for a month after the claim, a stock of 10, but for the fields given. */
export function aPromotion(fields: Partial<Promotion> = {}): Promotion {
  const usual = { name: '新人立减 10 元', discountType: DiscountType.FIXED_AMOUNT, discountValue: 1_000 };
  return Promotion.fromPartial({ ...usual, totalQuota: 10, couponValidDays: 30, ...fields });
}

/** CreatePromotion of a promotion as it is given. */
export function createPromotionCall(h: Callers, promotion: Promotion | undefined, by: CallAs = {}) {
  const { as = 'operations', requestId = newId('create') } = by;
  const { promotion: client } = h.as(as);
  return call(client.createPromotion.bind(client), { requestId, promotion });
}

/** Makes a draft and returns it as it was answered. */
export async function makeDraft(h: Callers, fields: Partial<Promotion> = {}, by: CallAs = {}): Promise<Promotion> {
  const { promotion } = await mustSucceed(createPromotionCall(h, aPromotion(fields), by));
  if (promotion === undefined) throw new Error('no promotion was answered');
  return promotion;
}

export function setStatusCall(
  h: Callers,
  promotionId: string,
  status: PromotionStatus,
  by: CallAs = {},
): Promise<Reply<SetPromotionStatusResponse>> {
  const { as = 'operations', requestId = newId('status'), revision = 0 } = by;
  const { promotion: client } = h.as(as);
  return call(client.setPromotionStatus.bind(client), { requestId, promotionId, status, revision });
}

/** Makes a promotion and has the second person of operations activate it. Returns its id. */
export async function makeActive(h: Callers, fields: Partial<Promotion> = {}): Promise<string> {
  const { promotionId } = await makeDraft(h, fields);
  await mustSucceed(setStatusCall(h, promotionId, PromotionStatus.ACTIVE, { as: 'operations-2' }));
  return promotionId;
}

/** UpdatePromotion with these fields; without a mask those that are set. */
export function updateCall(h: Callers, fields: Partial<Promotion>, updateMask?: string[], by: CallAs = {}) {
  const { as = 'operations', requestId = newId('update'), revision = 0 } = by;
  const { promotion: client } = h.as(as);
  return call(client.updatePromotion.bind(client), {
    requestId,
    promotion: Promotion.fromPartial(fields),
    updateMask,
    revision,
  });
}

export function getPromotionCall(h: Callers, promotionId: string) {
  const { promotion: client } = h.as('order-service');
  return call(client.getPromotion.bind(client), { promotionId });
}

export function listPromotionsCall(h: Callers, fields: Partial<ListPromotionsRequest> = {}) {
  const { promotion: client } = h.as('order-service');
  const request = { status: PromotionStatus.UNSPECIFIED, pageSize: 0, pageToken: '', ...fields };
  return call(client.listPromotions.bind(client), request);
}

export function statsCall(h: Callers, promotionId: string) {
  const { promotion: client } = h.as('finance');
  return call(client.getPromotionStats.bind(client), { promotionId });
}

export function suspectsCall(h: Callers, pageSize = 0, pageToken = '') {
  const { promotion: client } = h.as('auditor');
  return call(client.listSuspiciousClaimers.bind(client), { pageSize, pageToken });
}

/** A digest of everything that a call about promotions may write: equal means that nothing changed. */
export function promotionState(h: Harness): Promise<Readonly<Record<string, string>>> {
  const tables = ['promotions', 'user_coupons', 'orders', 'request_keys', 'audit_logs', 'outbox'];
  return digestTables(h.db, tables, CHANGED_BY_ITSELF);
}

/** The row of a promotion, its audit rows and its events, oldest first. */
export async function readTraces(h: Harness, promotionId: string) {
  const [row] = await h.db.query('SELECT * FROM promotions WHERE id = ?', [promotionId]);
  const audit = await h.db.query(
    "SELECT * FROM audit_logs WHERE subject_type = 'promotion' AND subject_id = ? ORDER BY id",
    [promotionId],
  );
  // But for the batch in which they go to the stream: that comes by itself.
  const events = await h.db.query(
    "SELECT id, type, user_id, payload, create_time FROM outbox WHERE type LIKE 'promotion.%' AND JSON_VALUE(payload, '$.promotion_id') = ? ORDER BY id",
    [promotionId],
  );
  return { row, audit, events };
}
