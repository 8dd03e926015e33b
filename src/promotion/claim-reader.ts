import type { LockMode } from '../platform/db/group-commit';
import { safeInteger, type Read, type ReadTogether, type ValueRow } from '../platform/db/statements';
import { literal, valuesTable } from '../platform/db/sql-text';
import { claimKey, type ClaimablePromotion, type ClaimCommand, type ClaimsRead, type EarlierClaim } from './claims';

/**
 * Reads what a batch of claims is decided on: locks the promotions, then, in the same round trip, the users, the coupons
 * they have of these promotions, and what they had asked for under the same request ids. What is read after the lock is
 * what was committed before it, so a coupon of a locked promotion is never missed.
 */

/** The service that the request ids of claims belong to. */
export const CLAIM_SERVICE = 'PromotionService';

/** Whose id space a claim's request_id is. */
export function ownerOf(userId: string): string {
  return `user:${userId}`;
}

const OWNER_PREFIX_LENGTH = ownerOf('').length;

/** What was read, and promotions whose row is locked by somebody else: nothing can be said of them. */
export interface ClaimsReadWithLocks extends ClaimsRead {
  readonly lockedElsewhere: ReadonlySet<string>;
}

const PROMOTION_COLUMNS =
  'id, status, total_quota, claimed_count, budget, budget_used, new_users_only, ' +
  'claim_start_time, claim_end_time, coupon_expire_time, coupon_valid_days';

/** Reads what is needed to decide the claims. `mode` says what to do about promotions that are locked elsewhere. */
export async function readForClaims(
  read: ReadTogether,
  commands: readonly ClaimCommand[],
  mode: LockMode,
): Promise<ClaimsReadWithLocks> {
  const promotionIds = [...new Set(commands.map(({ promotionId }) => promotionId))];
  const [promotions = [], users = [], coupons = [], earlier = []] = await read([
    lockPromotions(promotionIds, mode),
    readUsers(commands),
    readCoupons(commands),
    readEarlier(commands),
  ]);
  const locked = new Map(promotions.map((row) => [row[0] as string, toPromotion(row)]));
  const absent = promotionIds.filter((id) => !locked.has(id));
  return {
    promotions: locked,
    users: new Map(users.map(([id, isMember]) => [id as string, { isMember: isMember !== 0 }])),
    claimed: new Set(coupons.map(([userId, promotionId]) => claimKey(userId as string, promotionId as string))),
    earlier: new Map(earlier.map(toEarlier)),
    lockedElsewhere: mode === 'wait' ? new Set() : await existing(read, absent),
  };
}

function lockPromotions(ids: readonly string[], mode: LockMode): Read {
  // By the primary key, or the server may lock its way through other promotions.
  const from = `promotions FORCE INDEX (PRIMARY) WHERE id IN (${ids.map(literal).join(',')})`;
  return {
    sql: `SELECT ${PROMOTION_COLUMNS} FROM ${from} ORDER BY id FOR UPDATE${mode === 'skip' ? ' SKIP LOCKED' : ''}`,
  };
}

/** Which of these promotions there are: one that was not locked and exists is locked by somebody else. */
async function existing(read: ReadTogether, ids: readonly string[]): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set();
  const [rows = []] = await read([{ sql: `SELECT id FROM promotions WHERE id IN (${ids.map(literal).join(',')})` }]);
  return new Set(rows.map(([id]) => id as string));
}

function readUsers(commands: readonly ClaimCommand[]): Read {
  const ids = [...new Set(commands.map(({ userId }) => userId))].map(literal).join(',');
  return {
    sql: `SELECT id, membership_plan_id IS NOT NULL FROM users FORCE INDEX (PRIMARY) WHERE id IN (${ids})`,
  };
}

function readCoupons(commands: readonly ClaimCommand[]): Read {
  const pairs = new Map(
    commands.map(({ userId, promotionId }) => [claimKey(userId, promotionId), [userId, promotionId]]),
  );
  const k = valuesTable({ user_id: 'id', promotion_id: 'id' }, [...pairs.values()]);
  const on = 'c.user_id = k.user_id COLLATE ascii_bin AND c.promotion_id = k.promotion_id COLLATE ascii_bin';
  return {
    sql:
      `SELECT c.user_id, c.promotion_id FROM ${k} ` +
      `STRAIGHT_JOIN user_coupons c FORCE INDEX (uk_user_promotion) ON ${on}`,
  };
}

function readEarlier(commands: readonly ClaimCommand[]): Read {
  const keys = new Map(
    commands.map(({ userId, requestId }) => [claimKey(userId, requestId), [ownerOf(userId), requestId]]),
  );
  const k = valuesTable({ owner: 'id', request_id: 'id' }, [...keys.values()]);
  const on =
    `r.owner = k.owner COLLATE ascii_bin AND r.service = ${literal(CLAIM_SERVICE)} ` +
    'AND r.request_id = k.request_id COLLATE ascii_bin';
  return {
    sql:
      `SELECT r.owner, r.request_id, r.content_hash, r.response FROM ${k} ` +
      `STRAIGHT_JOIN request_keys r FORCE INDEX (PRIMARY) ON ${on}`,
  };
}

function toEarlier(row: ValueRow): readonly [key: string, earlier: EarlierClaim] {
  const [owner, requestId, contentHash, response] = row as [string, string, Buffer, string];
  const { couponId } = JSON.parse(response) as { couponId: string };
  return [claimKey(owner.slice(OWNER_PREFIX_LENGTH), requestId), { contentHash, couponId }];
}

function toPromotion(row: ValueRow): ClaimablePromotion {
  return {
    id: row[0] as string,
    status: row[1] as ClaimablePromotion['status'],
    totalQuota: safeInteger(row[2]),
    claimedCount: safeInteger(row[3]),
    budget: safeInteger(row[4]),
    budgetUsed: safeInteger(row[5]),
    newUsersOnly: safeInteger(row[6]),
    claimStartTime: row[7] as Date | null,
    claimEndTime: row[8] as Date | null,
    couponExpireTime: row[9] as Date | null,
    couponValidDays: safeInteger(row[10]),
  };
}
