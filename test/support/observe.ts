import type { Harness } from './harness';
import { CHANGED_BY_ITSELF, digestTables } from './table-digest';

/** The value of a counter or gauge with exactly these labels, scraped like Prometheus does; 0 before its first use. */
export async function metric(h: Harness, name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
  const text = await (await fetch(`${h.internalUrl}/metrics`)).text();
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  const line = text.split('\n').find((candidate) => {
    const [, found, list = ''] = /^(\w+)(?:\{(.*)\})? /.exec(candidate) ?? [];
    return found === name && list.split(',').filter(Boolean).sort().join() === wanted.sort().join();
  });
  return Number(line?.split(' ').at(-1) ?? 0);
}

const MONEY_TABLES = [
  'users',
  'orders',
  'order_payers',
  'payments',
  'quota_logs',
  'quota_grants',
  'quota_charges',
  'quota_task_outcomes',
  'settlement_cases',
  'membership_periods',
  'promotions',
  'user_coupons',
  'request_keys',
  'audit_logs',
  'outbox',
];

/** A digest of every table that money or its evidence lives in, but the inbox: equal means that nothing changed. */
export async function moneyState(h: Harness): Promise<Readonly<Record<string, unknown>>> {
  return digestTables(h.db, MONEY_TABLES, CHANGED_BY_ITSELF);
}
