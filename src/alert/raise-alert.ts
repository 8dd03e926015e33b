import { raw } from 'objection';
import { expectRows } from '../platform/db/rows';
import { isDuplicateKey } from '../platform/db/sql-errors';
import type { Tx } from '../platform/db/tx';
import type { Logger } from '../platform/log';
import { mintId } from '../platform/ids';
import type { AlertKind, AlertSeverity, AlertSubject } from './alert-kinds';
import { AlertRow } from './alert.model';

/** What an alert is about: at most one is open for each. */
export interface AlertKey {
  readonly kind: AlertKind;
  readonly subjectType: AlertSubject;
  /** 1–64 printable ASCII characters. */
  readonly subjectId: string;
}

/** Something that people must look at. */
export interface Alert extends AlertKey {
  readonly severity: AlertSeverity;
  /** Whose money or right it is; null where nobody's in particular. */
  readonly userId: string | null;
  /** Ids, amounts and reasons that help to look; nothing personal. */
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
}

const openKeyOf = ({ kind, subjectType, subjectId }: AlertKey): string => `${kind}:${subjectType}:${subjectId}`;

/**
 * Opens an alert inside the transaction of what it tells of, or counts one more occurrence of the open one. Among the
 * last statements: an open alert is a row that others may want too. Returns what was opened, none or one alert, for
 * `logOpenedAlerts` after the commit.
 */
export async function raiseAlert(tx: Tx, alert: Alert, now: Date): Promise<readonly Alert[]> {
  if (await countAgain(tx, alert, now)) return [];
  try {
    await open(tx, alert, now);
    return [alert];
  } catch (error) {
    if (!isDuplicateKey(error)) throw error;
    // Somebody else opened it at the same moment and was first.
    expectRows(Number(await countAgain(tx, alert, now)), 1, `alert ${openKeyOf(alert)}`);
    return [];
  }
}

/** Whether one is open; then this is one more of it. */
async function countAgain(tx: Tx, alert: Alert, now: Date): Promise<boolean> {
  const again = { occurrences: raw('occurrences + 1'), lastTime: now, details: JSON.stringify(alert.details) };
  return (await AlertRow.query(tx).where('openKey', openKeyOf(alert)).patch(again)) === 1;
}

async function open(tx: Tx, alert: Alert, now: Date): Promise<void> {
  const { kind, severity, subjectType, subjectId, userId, details } = alert;
  await AlertRow.query(tx).insert({
    id: mintId(now),
    ...{ kind, severity, subjectType, subjectId, userId },
    details: JSON.stringify(details),
    occurrences: 1,
    openTime: now,
    lastTime: now,
    resolveTime: null,
    resolution: '',
  });
}

/** Which open alert: with `lastDetails` only if it was raised with these the last time. */
interface OpenAlert extends AlertKey {
  readonly lastDetails?: Readonly<Record<string, string>>;
}

/**
 * Closes an alert if it is open, inside the transaction of what ended it; true when one was open. `resolution` says how
 * it ended, 1–64 printable ASCII characters: `refund_succeeded` for example.
 */
export async function resolveAlert(tx: Tx, alert: OpenAlert, resolution: string, now: Date): Promise<boolean> {
  const closing = AlertRow.query(tx).where('openKey', openKeyOf(alert)).patch({ resolveTime: now, resolution });
  for (const [name, value] of Object.entries(alert.lastDetails ?? {})) {
    void closing.whereRaw('JSON_UNQUOTE(JSON_EXTRACT(details, ?)) = ?', [`$.${name}`, value]);
  }
  return (await closing) === 1;
}

/** One error line for each alert that was opened. Called after the commit: one that was rolled back was never opened. */
export function logOpenedAlerts(log: Logger, opened: readonly Alert[]): void {
  for (const { kind, severity, subjectType, subjectId, details } of opened) {
    log.error({ kind, severity, subjectType, subjectId, details }, 'an alert was opened');
  }
}
