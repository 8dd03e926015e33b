import type { Database } from '../platform/db/database';
import { readOnly, type Tx } from '../platform/db/tx';
import { cutPage, readPageToken, type Page } from '../platform/paging';
import { fromEpochMs } from '../platform/time';
import type { QuotaChargeRow } from './quota-charge.model';
import { SettlementCaseRow, type CaseReason } from './settlement-case.model';

/** `opened at ms, user, sequence`: the order of the list. */
const CASE_KEY = /^\d{1,15} \d{1,15} [\x20-\x7e]{1,64}$/;

const keyOf = ({ openTime, sequence, userId }: SettlementCaseRow): string =>
  `${openTime.getTime()} ${sequence} ${userId}`;

/** One page of cases, oldest first. Throws INVALID_REQUEST for a foreign page token. */
export async function listSettlementCases(
  db: Database,
  isResolved: boolean,
  pageSize: number,
  pageToken: string,
): Promise<Page<SettlementCaseRow>> {
  const filters = { list: 'settlement_cases', isResolved };
  const after = readPageToken(pageToken, filters, CASE_KEY);
  const rows = await readOnly(db, (reader) => {
    const query = SettlementCaseRow.query(reader)
      .orderBy(['openTime', 'userId', 'sequence'])
      .limit(pageSize + 1);
    if (isResolved) void query.whereNotNull('resolveTime');
    else void query.whereNull('resolveTime');
    if (after !== undefined) {
      const [ms = '', sequence = '', ...user] = after.split(' ');
      const place = [fromEpochMs(Number(ms)), user.join(' '), Number(sequence)] as const;
      // Says nothing new, but lets the index begin there.
      void query.where('openTime', '>=', place[0]).whereRaw('(open_time, user_id, sequence) > (?, ?, ?)', place);
    }
    return query;
  });
  return cutPage(rows, pageSize, filters, keyOf);
}

/** Opens a charge's case unless it has one. The caller holds the user's lock and has seen the charge open. */
export async function openCase(tx: Tx, charge: QuotaChargeRow, reason: CaseReason, now: Date): Promise<boolean> {
  const { userId, sequence, taskId, kind, units } = charge;
  const known = await SettlementCaseRow.query(tx).findById([userId, sequence]);
  if (known !== undefined) return false;
  const opened = { userId, sequence, taskId, kind, units, reason, openTime: now, resolveTime: null };
  await SettlementCaseRow.query(tx).insert(opened);
  return true;
}
