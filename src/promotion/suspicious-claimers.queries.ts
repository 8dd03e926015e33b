import type { Knex } from 'knex';
import type { Database } from '../platform/db/database';
import { readOnly } from '../platform/db/tx';
import { cutPage, readPageToken, type Page } from '../platform/paging';

/** Users who claim as farmers do (恶意刷单, R1.3). A reason to look, not a verdict: nothing is refused because of it. */

/** Why somebody is listed. */
export type SuspicionReason = 'shared_identity' | 'claims_without_orders';

/** A user whose claims look like farming. */
export interface SuspiciousClaimer {
  readonly userId: string;
  readonly reasons: readonly SuspicionReason[];
  readonly claims: number;
  /** Refunded ones too: they were paid. */
  readonly paidOrders: number;
  /** The most other users with coupons who share one identity. */
  readonly usersSharing: number;
}

/** Coupons from which on somebody without any order is worth a look. */
const IDLE_CLAIMS = 5;
/** Claimers that one statement looks at. */
const LOOK_SIZE = 900;
/** Statements of one call; a page may then be short, and its token says where to go on. */
const LOOKS_MAX = 22;

interface LookedAt {
  readonly userId: string;
  readonly claims: number;
  readonly usersSharing: number;
  readonly isIdle: number;
}

/** Claimers by id with how many they claimed, and whether they have done nothing else. */
const LOOK = `
  SELECT g.user_id AS userId, g.claims,
    (g.claims >= ${IDLE_CLAIMS} AND u.membership_plan_id IS NULL AND NOT EXISTS (
      SELECT 1 FROM orders o WHERE o.user_id = g.user_id AND o.status IN ('paid', 'refunded')
    )) AS isIdle
  FROM (
    SELECT user_id, COUNT(*) AS claims
    FROM user_coupons WHERE user_id > :after GROUP BY user_id ORDER BY user_id LIMIT :limit
  ) g
  LEFT JOIN users u ON u.id = g.user_id
  ORDER BY g.user_id`;

/** Users of one identity that are counted; it may have more. */
const SHARING_MAX = 1_000;

/**
 * With how many claimers these users share an identity, at most. Counted once for each identity and not for each user, and
 * of its first users by id only: a farm is many users of one.
 */
const SHARING = `
  SELECT mine.user_id AS userId, MAX(shared.claimers) - 1 AS usersSharing
  FROM user_identities mine
  JOIN (
    SELECT members.identity_index, COUNT(*) AS claimers
    FROM (
      SELECT theirs.identity_index, theirs.user_id,
        ROW_NUMBER() OVER (PARTITION BY theirs.identity_index ORDER BY theirs.user_id) AS place
      FROM (SELECT DISTINCT identity_index FROM user_identities WHERE user_id IN (:userIds)) known
      JOIN user_identities theirs ON theirs.identity_index = known.identity_index
    ) members
    WHERE members.place <= ${SHARING_MAX + 1} AND EXISTS (SELECT 1 FROM user_coupons c WHERE c.user_id = members.user_id)
    GROUP BY members.identity_index
  ) shared ON shared.identity_index = mine.identity_index
  WHERE mine.user_id IN (:userIds)
  GROUP BY mine.user_id
  HAVING usersSharing > 0`;

/** How many orders these users have paid. */
const PAID_ORDERS = `
  SELECT user_id AS userId, COUNT(*) AS paidOrders
  FROM orders WHERE user_id IN (:userIds) AND status IN ('paid', 'refunded') GROUP BY user_id`;

const isSuspicious = ({ usersSharing, isIdle }: LookedAt): boolean => usersSharing > 0 || isIdle !== 0;

/** Looks at claimers after an id until enough suspicious ones are found; one claimer more than is needed, if there is one. */
async function lookAfter(reader: Knex, userId: string, enough: number): Promise<LookedAt[]> {
  const seen: LookedAt[] = [];
  let found = 0;
  for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
    const after = seen.at(-1)?.userId ?? userId;
    const [looked] = (await reader.raw(LOOK, { after, limit: LOOK_SIZE })) as [Omit<LookedAt, 'usersSharing'>[]];
    const sharing = await countFor<'usersSharing'>(reader, SHARING, looked);
    const rows = looked.map((row) => ({ ...row, usersSharing: sharing.get(row.userId)?.usersSharing ?? 0 }));
    seen.push(...rows);
    found += rows.filter(isSuspicious).length;
    if (found > enough || rows.length < LOOK_SIZE) break;
  }
  return seen;
}

/** How many of those who were looked at belong to a page of so many suspicious ones; all but the last where there may be more. */
function pageLength(seen: readonly LookedAt[], pageSize: number): number {
  let found = 0;
  const end = seen.findIndex((claimer) => {
    if (isSuspicious(claimer)) found += 1;
    return found > pageSize;
  });
  if (end !== -1) return end;
  return seen.length === LOOK_SIZE * LOOKS_MAX ? seen.length - 1 : seen.length;
}

/** One page of suspicious claimers by user id. Throws INVALID_REQUEST for a foreign page token. */
export async function listSuspiciousClaimers(
  db: Database,
  pageSize: number,
  pageToken: string,
): Promise<Page<SuspiciousClaimer>> {
  const filters = { list: 'suspicious_claimers' };
  const after = readPageToken(pageToken, filters) ?? '';
  const seen = await readOnly(db, (reader) => lookAfter(reader, after, pageSize));
  const page = cutPage(seen, pageLength(seen, pageSize), filters, ({ userId }) => userId);
  const suspects = page.rows.filter(isSuspicious);
  const paid = await readOnly(db, (reader) => countFor<'paidOrders'>(reader, PAID_ORDERS, suspects));
  const rows = suspects.map(({ userId, claims, usersSharing, isIdle }): SuspiciousClaimer => {
    const reasons: SuspicionReason[] = [];
    if (usersSharing > 0) reasons.push('shared_identity');
    if (isIdle !== 0) reasons.push('claims_without_orders');
    return { userId, reasons, claims, paidOrders: paid.get(userId)?.paidOrders ?? 0, usersSharing };
  });
  return { rows, nextPageToken: page.nextPageToken };
}

/** Counts something for each of these users; those without any are left out. */
async function countFor<Figure extends string>(
  reader: Knex,
  sql: string,
  users: readonly { readonly userId: string }[],
): Promise<ReadonlyMap<string, Readonly<Record<Figure, number>>>> {
  if (users.length === 0) return new Map();
  const userIds = users.map(({ userId }) => userId);
  const [rows] = (await reader.raw(sql, { userIds })) as [({ userId: string } & Record<Figure, number>)[]];
  return new Map(rows.map((row) => [row.userId, row]));
}
