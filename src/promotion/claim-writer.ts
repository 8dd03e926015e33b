import { auditWrites, requestName, type AuditRow } from '../platform/db/audit-log';
import { valuesTable, type SqlValue } from '../platform/db/sql-text';
import { insertOf, type Write } from '../platform/db/statements';
import { CLAIM_SERVICE, ownerOf } from './claim-reader';
import type { ClaimBook, NewClaim } from './claims';

/** What writes down a batch of claims: a handful of statements of many rows that go together with COMMIT. */

/** What has to be written of the claims of a batch; nothing claimed: nothing. */
export function writesOfClaims(book: ClaimBook, now: Date): readonly Write[] {
  const { claims } = book;
  if (claims.length === 0) return [];
  return [
    insertOf(
      'user_coupons',
      ['id', 'user_id', 'promotion_id', 'status', 'claim_time', 'expire_time'],
      claims.map(couponValues),
    ),
    updateCounts(book),
    ...auditWrites(claims.map(auditRow)),
    insertEvent(claims, now),
    insertOf('request_keys', KEY_COLUMNS, claims.map(keyValues)),
  ];
}

function couponValues({ coupon }: NewClaim): readonly SqlValue[] {
  const { id, userId, promotionId, claimTime, expireTime } = coupon;
  return [id, userId, promotionId, 'unused', claimTime, expireTime];
}

/** The count of each promotion moves on from where it was read. */
function updateCounts({ countChanges }: ClaimBook): Write {
  const rows = countChanges.map(({ promotionId, was, isNow }) => [promotionId, was, isNow]);
  const k = valuesTable({ id: 'id', was: 'integer', is_now: 'integer' }, rows);
  const sql =
    `UPDATE ${k} STRAIGHT_JOIN promotions p FORCE INDEX (PRIMARY) ON p.id = k.id COLLATE ascii_bin ` +
    'AND p.claimed_count = k.was SET p.claimed_count = k.is_now';
  return { sql, rows: rows.length, what: 'promotions' };
}

function auditRow({ command, coupon }: NewClaim): AuditRow {
  const { id, userId, promotionId, claimTime, expireTime } = coupon;
  const { actor, requestId: cause } = command;
  const subject = { subjectType: 'coupon', subjectId: id, userId } as const;
  const after = { promotion_id: promotionId, expire_time: expireTime };
  const request = requestName({ service: CLAIM_SERVICE, kind: 'ClaimCoupon', requestId: cause });
  return { entry: { action: 'ClaimCoupon', actor, ...subject, cause, after }, request, createTime: claimTime };
}

const KEY_COLUMNS = ['owner', 'service', 'request_id', 'kind', 'content_hash', 'response', 'create_time'];

function keyValues({ command, coupon }: NewClaim): readonly SqlValue[] {
  const response = JSON.stringify({ couponId: coupon.id });
  const { userId, requestId, contentHash } = command;
  return [ownerOf(userId), CLAIM_SERVICE, requestId, 'ClaimCoupon', contentHash, response, coupon.claimTime];
}

/** One event tells of all claims of the transaction: [user, coupon, promotion]. */
function insertEvent(claims: readonly NewClaim[], now: Date): Write {
  const told = claims.map(({ coupon }) => [coupon.userId, coupon.id, coupon.promotionId]);
  const [only, ...others] = told;
  const userId = only === undefined || others.length > 0 ? null : (only[0] ?? null);
  const row = ['coupon.claimed', userId, JSON.stringify({ claims: told }), now];
  return insertOf('outbox', ['type', 'user_id', 'payload', 'create_time'], [row]);
}
