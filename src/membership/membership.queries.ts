import type { Knex } from 'knex';
import { readBasicFeatures } from '../catalog';
import type { Database } from '../platform/db/database';
import { readOnly } from '../platform/db/tx';
import { readUser } from '../quota';
import { entitlementsFrom, graceEndOf, holdingAt, type HeldPeriod } from './entitlements';
import { MembershipPeriodRow } from './membership-period.model';
import { endWithoutGap } from './standing';

/** What a user holds at an instant. Without a running period: not active, no times. */
export interface MembershipView {
  readonly active: boolean;
  readonly planId: string;
  readonly planName: string;
  readonly startTime: Date | undefined;
  /** End of the last of the periods that follow the running one without a gap. */
  readonly expireTime: Date | undefined;
  /** Sorted. In the grace they are still those of the membership that ended. */
  readonly features: readonly string[];
  /** Whether a membership has ended and its grace has not: not active, but the features are there. */
  readonly inGrace: boolean;
  /** When that grace ends; undefined outside of one. */
  readonly graceEndTime: Date | undefined;
}

async function readView(reader: Knex, userId: string, now: Date): Promise<MembershipView> {
  const rows = await MembershipPeriodRow.query(reader).where({ userId }).whereNull('revokeTime').orderBy('periodNo');
  const holding = holdingAt(rows.map(toHeld), now);
  const graced = holding?.isInGrace === true ? holding.period : undefined;
  const running = graced === undefined ? holding?.period.row : undefined;
  const { features } = entitlementsFrom(holding?.period, await readBasicFeatures(reader, now));
  return {
    active: running !== undefined,
    planId: running?.planId ?? '',
    planName: running?.planName ?? '',
    startTime: running?.startTime,
    expireTime: running === undefined ? undefined : endWithoutGap(running, rows),
    features: [...features].sort(),
    inGrace: graced !== undefined,
    graceEndTime: graced === undefined ? undefined : graceEndOf(graced),
  };
}

function toHeld(row: MembershipPeriodRow): HeldPeriod & { readonly row: MembershipPeriodRow } {
  const { periodNo, startTime, endTime, graceDays } = row;
  const features = JSON.parse(row.features) as string[];
  // Limits are no part of this view.
  return {
    row,
    periodNo,
    startTime,
    endTime,
    graceDays,
    features,
    limits: null,
    isReplaced: row.replacedByOrderId !== null,
  };
}

/** The membership of a user at an instant. Throws USER_NOT_FOUND. */
export async function readMembership(db: Database, userId: string, now: Date): Promise<MembershipView> {
  await readUser(db, userId);
  return readOnly(db, (reader) => readView(reader, userId, now));
}
