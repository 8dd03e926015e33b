import { logOpenedAlerts, raiseAlert, resolveAlert } from '../alert';
import { monotonicMs, type Clock } from '../platform/clock';
import { columnName } from '../platform/crypto/sealed-column';
import type { Database } from '../platform/db/database';
import { readOnly, withTx } from '../platform/db/tx';
import type { Logger } from '../platform/log';
import { findOtherKeys, type RingAndCipher } from './find-other-keys';
import { countUnderOthers, keysInUse, SEALED_COLUMNS } from './sealed-values.queries';

/** What the measuring needs. */
export interface MeasureParts extends RingAndCipher {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onMeasured: (column: string, underOldKeys: number) => void;
}

/** Between two looks, whatever the worker's interval. */
const LOOK_INTERVAL_MS = 30_000;
/** Gauges count no further. */
const GAUGE_MAX = 10_000;

/**
 * Measures what old keys still seal, and raises an alert for a key that seals something and is not in the ring (whoever took
 * it out did so too early), or is there with other bytes. Returns what a process calls as often as it likes.
 */
export function measureSealedValues(parts: MeasureParts): () => Promise<void> {
  const told = new Set<string>();
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
    const others = await readOnly(db, (reader) => findOtherKeys(reader, parts));
    for (const keyId of inUse) {
      const isMissing = keyRing.find(keyId) === undefined;
      const why = isMissing ? 'not_in_the_ring' : others.includes(keyId) ? 'other_bytes' : undefined;
      await judge(parts, keyId, why, told);
    }
  };
}

/** Told once by each process, and taken back when the key is there again. */
async function judge(
  { db, clock, log, keyRing }: MeasureParts,
  keyId: string,
  why: string | undefined,
  told: Set<string>,
): Promise<void> {
  if (why !== undefined && told.has(keyId)) return;
  const about = {
    kind: 'data_key_missing',
    subjectType: 'data_key',
    subjectId: keyId === '' ? 'none' : keyId,
  } as const;
  const now = clock.now();
  if (why === undefined) {
    await withTx(db, { name: 'ResolveDataKey' }, (tx) => resolveAlert(tx, about, 'in_the_ring', now));
    told.delete(keyId);
    return;
  }
  const details = { ring: keyRing.ids().join(' '), why };
  const alert = { ...about, severity: 'critical', userId: null, details } as const;
  logOpenedAlerts(log, await withTx(db, { name: 'TellDataKey' }, (tx) => raiseAlert(tx, alert, now)));
  told.add(keyId);
}
