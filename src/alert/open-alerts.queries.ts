import type { Knex } from 'knex';
import type { AlertKind } from './alert-kinds';
import { AlertRow } from './alert.model';

/** Open alerts of a kind: what they are about, and when they were raised last. */
export function findOpenAlerts(reader: Knex, kind: AlertKind) {
  return AlertRow.query(reader).where({ kind }).whereNull('resolveTime').select('subjectId', 'lastTime');
}
