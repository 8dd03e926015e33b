import type { Database } from '../platform/db/database';
import { readOnly } from '../platform/db/tx';
import { ALERT_KINDS, type AlertKind } from './alert-kinds';
import { AlertRow } from './alert.model';

/**
 * Counts the open alerts of every kind, those without one too, and tells each number. Safe to run anywhere: every
 * process that does so tells the same. Returns 0, because nothing is ever due.
 */
export async function countOpenAlerts(db: Database, tell: (kind: AlertKind, open: number) => void): Promise<number> {
  const counted = (await readOnly(db, (reader) =>
    AlertRow.query(reader).whereNull('resolveTime').select('kind').count('* as open').groupBy('kind'),
  )) as unknown as readonly { readonly kind: AlertKind; readonly open: number }[];
  const open = new Map(counted.map((row) => [row.kind, Number(row.open)]));
  for (const kind of Object.keys(ALERT_KINDS) as AlertKind[]) tell(kind, open.get(kind) ?? 0);
  return 0;
}
