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
  /** Other users with coupons who share an identity. */
  readonly usersSharing: number;
}

/** Coupons from which on somebody without any order is worth a look. */
const IDLE_CLAIMS = 5;
/** Claimers that one statement looks at. */
const LOOK_SIZE = 2_000;
/** Statements of one call; a page may then be short, and its token says where to go on. */
const LOOKS_MAX = 10;

interface LookedAt {
  readonly userId: string;
  readonly claims: number;
  readonly isSharing: number;
  readonly isIdle: number;
}

/** Claimers by id with what makes them suspicious: each of them costs a few index look-ups. */
const LOOK = `
  SELECT g.user_id AS userId, g.claims,
    EXISTS (
      SELECT 1
      FROM user_identities mine
      JOIN user_identities theirs ON theirs.identity_index = mine.identity_index AND theirs.user_id <> mine.user_id
      JOIN user_coupons c ON c.user_id = theirs.user_id
      WHERE mine.user_id = g.user_id
    ) AS isSharing,
    (g.claims >= ${IDLE_CLAIMS} AND u.membership_plan_id IS NULL AND NOT EXISTS (
      SELECT 1 FROM orders o WHERE o.user_id = g.user_id AND o.status IN ('paid', 'refunded')
    )) AS isIdle
  FROM (
    SELECT user_id, COUNT(*) AS claims
    FROM user_coupons WHERE user_id > :after GROUP BY user_id ORDER BY user_id LIMIT :limit
  ) g
  LEFT JOIN users u ON u.id = g.user_id
  ORDER BY g.user_id`;

/** The figures of the few who are listed. */
const FIGURES = `
  SELECT u.id AS userId,
    (SELECT COUNT(*) FROM orders o WHERE o.user_id = u.id AND o.status IN ('paid', 'refunded')) AS paidOrders,
    (
      SELECT COUNT(DISTINCT theirs.user_id)
      FROM user_identities mine
      JOIN user_identities theirs ON theirs.identity_index = mine.identity_index AND theirs.user_id <> mine.user_id
      JOIN user_coupons c ON c.user_id = theirs.user_id
      WHERE mine.user_id = u.id
    ) AS usersSharing
  FROM users u WHERE u.id IN (:userIds)`;

interface Figures {
  readonly userId: string;
  readonly paidOrders: number;
  readonly usersSharing: number;
}

const isSuspicious = ({ isSharing, isIdle }: LookedAt): boolean => isSharing !== 0 || isIdle !== 0;

/** Looks at claimers after an id until enough suspicious ones are found; one claimer more than is needed, if there is one. */
async function lookAfter(reader: Knex, userId: string, enough: number): Promise<LookedAt[]> {
  const seen: LookedAt[] = [];
  let found = 0;
  for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
    const after = seen.at(-1)?.userId ?? userId;
    const [rows] = (await reader.raw(LOOK, { after, limit: LOOK_SIZE })) as [LookedAt[]];
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
  const figures = await readOnly(db, (reader) => readFigures(reader, suspects));
  const rows = suspects.map(({ userId, claims, isSharing, isIdle }): SuspiciousClaimer => {
    const { paidOrders = 0, usersSharing = 0 } = figures.get(userId) ?? {};
    const reasons: SuspicionReason[] = [];
    if (isSharing !== 0) reasons.push('shared_identity');
    if (isIdle !== 0) reasons.push('claims_without_orders');
    return { userId, reasons, claims, paidOrders, usersSharing };
  });
  return { rows, nextPageToken: page.nextPageToken };
}

async function readFigures(reader: Knex, suspects: readonly LookedAt[]): Promise<ReadonlyMap<string, Figures>> {
  if (suspects.length === 0) return new Map();
  const userIds = suspects.map(({ userId }) => userId);
  const [rows] = (await reader.raw(FIGURES, { userIds })) as [Figures[]];
  return new Map(rows.map((row) => [row.userId, row]));
}
