import { z } from 'zod';
import {
  DiscountType,
  PromotionServiceService,
  PromotionStatus,
  SuspicionReason,
  type Promotion,
} from '../gen/billing/v1/promotion_service.pb';
import type { Clock } from '../platform/clock';
import type { CommandResult } from '../platform/db/command';
import type { Database } from '../platform/db/database';
import { platformErrors } from '../platform/errors';
import * as rules from '../platform/request-rules';
import { defineService, type Handlers, type RpcService } from '../platform/rpc/service';
import { couponHandlers, type CouponHandlersParts } from './coupon.rpc';
import { createPromotion } from './create-promotion';
import { FIELD_NAMES, fieldOf, fromColumns, type FieldName, type PromotionFields } from './promotion-fields';
import type { PromotionRow, PromotionStatus as StoredStatus } from './promotion.model';
import { listPromotions, readPromotion } from './promotion.queries';
import { conversionBasisPoints, readPromotionStats } from './promotion-stats.queries';
import { refuseViolations } from '../platform/field-rules';
import { fieldViolations, relationViolations } from './promotion-terms';
import type { PromotionPolicy } from './require-second-person';
import { setPromotionStatus } from './set-promotion-status';
import { listSuspiciousClaimers, type SuspicionReason as FoundReason } from './suspicious-claimers.queries';
import { updatePromotion } from './update-promotion';

const STATUSES: Readonly<Record<StoredStatus, PromotionStatus>> = {
  draft: PromotionStatus.DRAFT,
  active: PromotionStatus.ACTIVE,
  paused: PromotionStatus.PAUSED,
  ended: PromotionStatus.ENDED,
};

const DISCOUNT_TYPES: Readonly<Record<PromotionFields['discountType'], DiscountType>> = {
  fixed_amount: DiscountType.FIXED_AMOUNT,
  percentage: DiscountType.PERCENTAGE,
};

const REASONS: Readonly<Record<FoundReason, SuspicionReason>> = {
  shared_identity: SuspicionReason.SHARED_IDENTITY,
  claims_without_orders: SuspicionReason.CLAIMS_WITHOUT_ORDERS,
};

/** A message that must be there; its fields have their own rules. */
const promotionMessage = z.custom<Promotion>((value) => value !== undefined, 'is required');

const revision = z.number().int('must be a whole number').min(0, 'must not be negative');

const writeRequest = z.object({ requestId: rules.opaqueId, promotion: promotionMessage });
const updateRequest = z.object({ requestId: rules.opaqueId, promotion: promotionMessage, revision });
/** Its id: one that is made where it is empty, or one that is known. */
const newPromotion = z.object({ promotion: z.object({ promotionId: rules.optionalOpaqueId }) });
const knownPromotion = z.object({ promotion: z.object({ promotionId: rules.opaqueId }) });

const statusRequest = z.object({
  requestId: rules.opaqueId,
  promotionId: rules.opaqueId,
  status: z.number().transform((value, context): StoredStatus => {
    const status = rules.nameOf(STATUSES, value);
    if (status !== undefined) return status;
    context.addIssue('is not a known value');
    return z.NEVER;
  }),
  revision,
});

const promotionRequest = z.object({ promotionId: rules.opaqueId });

const pagingRequest = z.object({ pageSize: rules.pageSize, pageToken: rules.pageToken });

const listRequest = z.object({
  status: rules.enumFilter(Object.values(STATUSES)),
  pageSize: rules.pageSize,
  pageToken: rules.pageToken,
});

/** What a message says about the fields that people decide about; not judged yet. */
function readFields(message: Promotion): Record<FieldName, unknown> {
  const values: Readonly<Record<string, unknown>> = {
    ...message,
    discountType: rules.nameOf(DISCOUNT_TYPES, message.discountType),
  };
  return Object.fromEntries(FIELD_NAMES.map((field) => [field, values[field]])) as Record<FieldName, unknown>;
}

/** The fields that are set in a message: what differs from a message of nothing. */
function setFields(message: Promotion): FieldName[] {
  const nothing: unknown[] = ['', 0, false, undefined];
  const isSet = (value: unknown): boolean => (Array.isArray(value) ? value.length > 0 : !nothing.includes(value));
  const values: Readonly<Record<string, unknown>> = { ...message };
  return FIELD_NAMES.filter((field) => isSet(values[field]));
}

/** The fields that an update names, by its mask or else by setting them. Throws INVALID_REQUEST. */
function namedFields(message: Promotion, mask: readonly string[]): FieldName[] {
  if (mask.length === 0) return setFields(message);
  return mask.map((path) => {
    const field = fieldOf(path);
    if (field !== undefined) return field;
    const description = 'names what is no field of a promotion, or is read only';
    throw platformErrors.INVALID_REQUEST({ fieldViolations: [{ field: 'update_mask', description }] });
  });
}

/** The fields of a message that are named, judged each alone. Throws INVALID_REQUEST. */
function judgeFields<Name extends FieldName>(message: Promotion, names: readonly Name[]): Pick<PromotionFields, Name> {
  const values = readFields(message);
  const named = Object.fromEntries(names.map((field) => [field, values[field]]));
  refuseViolations(fieldViolations(named));
  return named as Pick<PromotionFields, Name>;
}

function toPromotionMessage(row: PromotionRow): Promotion {
  const { id: promotionId, status, claimedCount, budgetUsed, createdBy, createTime, revision: current } = row;
  const { discountType, planIds, ...fields } = fromColumns(row);
  return {
    promotionId,
    ...fields,
    discountType: DISCOUNT_TYPES[discountType],
    planIds: [...planIds],
    status: STATUSES[status],
    claimedCount,
    budgetUsed,
    createdBy,
    createTime,
    revision: current,
  };
}

/** What PromotionService is built from. */
export interface PromotionServiceParts extends CouponHandlersParts, PromotionPolicy {
  readonly db: Database;
  readonly clock: Clock;
}

/** PromotionService: decode, call, encode. */
export function createPromotionService(parts: PromotionServiceParts): RpcService {
  return defineService(PromotionServiceService, { ...writes(parts), ...reads(parts), ...couponHandlers(parts) });
}

type PromotionHandlers = Omit<Handlers<typeof PromotionServiceService>, keyof ReturnType<typeof couponHandlers>>;
type Writes = 'createPromotion' | 'setPromotionStatus' | 'updatePromotion';

/** The RPCs that change promotions. Each answers with the promotion as it is now. */
function writes({ db, clock, costLimit }: PromotionServiceParts): Pick<PromotionHandlers, Writes> {
  const policy = { costLimit };
  const answer = async ({ response, replayed }: CommandResult<{ readonly promotionId: string }>) => {
    return { promotion: toPromotionMessage(await readPromotion(db, response.promotionId)), replayed };
  };
  return {
    createPromotion: async ({ caller, signal }, request) => {
      const { requestId, promotion } = writeRequest.parse(request);
      const { promotionId } = newPromotion.parse(request).promotion;
      const fields = judgeFields(promotion, FIELD_NAMES);
      refuseViolations(relationViolations(fields, FIELD_NAMES));
      const command = { requestId, promotionId, fields, caller, signal, now: clock.now() };
      return answer(await createPromotion(db, command));
    },
    setPromotionStatus: async ({ caller, signal }, request) => {
      const command = { ...statusRequest.parse(request), caller, signal, now: clock.now() };
      return answer(await setPromotionStatus(db, command, policy));
    },
    updatePromotion: async ({ caller, signal }, request) => {
      const { requestId, promotion, revision: seen } = updateRequest.parse(request);
      const { promotionId } = knownPromotion.parse(request).promotion;
      const fields = judgeFields(promotion, namedFields(promotion, request.updateMask ?? []));
      const command = { requestId, promotionId, fields, revision: seen, caller, signal, now: clock.now() };
      return answer(await updatePromotion(db, command, policy));
    },
  };
}

/** The RPCs that look at promotions. */
function reads({ db, clock }: PromotionServiceParts): Omit<PromotionHandlers, Writes> {
  return {
    getPromotion: async (_context, request) => {
      const { promotionId } = promotionRequest.parse(request);
      return { promotion: toPromotionMessage(await readPromotion(db, promotionId)) };
    },
    listPromotions: async (_context, request) => {
      const { status, pageSize, pageToken } = listRequest.parse(request);
      const page = await listPromotions(db, rules.nameOf(STATUSES, status), pageSize, pageToken);
      return { promotions: page.rows.map(toPromotionMessage), nextPageToken: page.nextPageToken };
    },
    getPromotionStats: async (_context, request) => {
      const { promotionId } = promotionRequest.parse(request);
      const stats = await readPromotionStats(db, promotionId, clock.now());
      return { ...stats, conversionBasisPoints: conversionBasisPoints(stats) };
    },
    listSuspiciousClaimers: async (_context, request) => {
      const { pageSize, pageToken } = pagingRequest.parse(request);
      const page = await listSuspiciousClaimers(db, pageSize, pageToken);
      const claimers = page.rows.map((claimer) => ({
        ...claimer,
        reasons: claimer.reasons.map((reason) => REASONS[reason]),
      }));
      return { claimers, nextPageToken: page.nextPageToken };
    },
  };
}
