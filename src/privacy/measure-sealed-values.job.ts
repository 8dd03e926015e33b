import { logOpenedAlerts, raiseAlert, resolveAlert } from '../alert';
import { monotonicMs, type Clock } from '../platform/clock';
import type { KeyRing } from '../platform/crypto/key-ring';
import { columnName } from '../platform/crypto/sealed-column';
import type { Database } from '../platform/db/database';
import { readOnly, withTx } from '../platform/db/tx';
import type { Logger } from '../platform/log';
import { countUnderOthers, keysInUse, SEALED_COLUMNS } from './sealed-values.queries';

/** What the measuring needs. */
export interface MeasureParts {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly keyRing: KeyRing;
  readonly onMeasured: (column: string, underOldKeys: number) => void;
}

/** Between two looks, whatever the worker's interval. */
const LOOK_INTERVAL_MS = 30_000;
/** Gauges count no further. */
const GAUGE_MAX = 10_000;

/**
 * Measures what old keys still seal, and raises an alert for a key that seals something and is not in the ring: whoever took
 * it out did so too early. Returns what a process calls as often as it likes.
 */
export function measureSealedValues(parts: MeasureParts): () => Promise<void> {
  const missing = new Set<string>();
  let nextMs = 0;
  return async () => {
    if (monotonicMs() < nextMs) return;
    nextMs = monotonicMs() + LOOK_INTERVAL_MS;
    const { db, keyRing, onMeasured } = parts;
    const inUse = new Set<string>();
    for (const column of SEALED_COLUMNS) {
      const first = keyRing.first().id;
      const old = await readOnly(db, (reader) => countUnderOthers(reader, column, first, GAUGE_MAX));
      onMeasured(columnName(column), old);
      for (const keyId of await readOnly(db, (reader) => keysInUse(reader, column))) inUse.add(keyId);
    }
    for (const keyId of inUse) await judge(parts, keyId, missing);
  };
}

/** Told once by each process, and taken back when the key is there again. */
async function judge({ db, clock, log, keyRing }: MeasureParts, keyId: string, missing: Set<string>): Promise<void> {
  const isMissing = keyRing.find(keyId) === undefined;
  if (isMissing && missing.has(keyId)) return;
  const about = {
    kind: 'data_key_missing',
    subjectType: 'data_key',
    subjectId: keyId === '' ? 'none' : keyId,
  } as const;
  const now = clock.now();
  if (!isMissing) {
    await withTx(db, { name: 'ResolveDataKey' }, (tx) => resolveAlert(tx, about, 'in_the_ring', now));
    missing.delete(keyId);
    return;
  }
  const alert = { ...about, severity: 'critical', userId: null, details: { ring: keyRing.ids().join(' ') } } as const;
  logOpenedAlerts(log, await withTx(db, { name: 'TellDataKey' }, (tx) => raiseAlert(tx, alert, now)));
  missing.add(keyId);
}
