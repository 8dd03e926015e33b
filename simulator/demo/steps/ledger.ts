import { ListQuotaLogsRequest } from '../../../src/gen/billing/v1/quota_service.pb';
import { toPosting, verifyChain, type QuotaLogRow } from '../../../src/quota';
import { call } from '../billing';
import type { Row } from '../database';
import type { Stage } from '../stage';
import { beijing, signed } from '../wording';

/** Database names → the ledger's: quota_remaining → quotaRemaining. */
function toLogRow(row: Row): QuotaLogRow {
  const named = Object.entries(row).map(([column, value]) => [
    column.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
    value,
  ]);
  return Object.fromEntries(named) as QuotaLogRow;
}

/** Step 31: the whole log as it lies in the database, its hash chain recomputed from the first row. */
export async function verifyLog({ report, database, aiTasks: { quota }, userId }: Stage): Promise<void> {
  report.step('The whole quota log (配额日志), read from the database');
  const rows = await database.read('SELECT * FROM quota_logs WHERE user_id = ? ORDER BY sequence', [userId]);
  const postings = rows.map((row) => toPosting(toLogRow(row)));
  report.rows(
    'quota_logs',
    ['sequence', 'type', 'amount', 'remaining', 'request_id', 'time', 'hash'],
    postings.map((posting) => [
      posting.sequence,
      posting.type,
      signed(posting.amount),
      posting.quotaRemaining,
      posting.requestId,
      beijing(posting.createTime),
      `${posting.hash.toString('hex').slice(0, 16)}…`,
    ]),
  );
  const end = verifyChain(postings);
  report.check(
    'problem' in end
      ? `the hash chain breaks: row ${end.sequence} ${end.problem}`
      : `the hash chain (哈希链) holds over all ${end.sequence} rows and ends at balance ${end.balance}`,
    !('problem' in end) && end.sequence === rows.length && rows.length > 0,
  );
  const [head] = await database.read('SELECT log_sequence, log_hash FROM users WHERE id = ?', [userId]);
  const last = postings.at(-1);
  report.check(
    'the account names the last row and its hash',
    last !== undefined && head?.['log_sequence'] === last.sequence && last.hash.equals(head['log_hash'] as Buffer),
  );
  const { logs } = await call(quota.listQuotaLogs.bind(quota), ListQuotaLogsRequest.fromPartial({ userId }));
  const shown = logs.map(({ hash }) => hash).reverse();
  report.check(
    'ListQuotaLogs shows the same rows',
    shown.join() === postings.map(({ hash }) => hash.toString('hex')).join(),
  );
}
