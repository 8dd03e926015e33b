import type { Database } from '../platform/db/database';
import { readOnly } from '../platform/db/tx';
import { cutPage, readPageToken, type Page } from '../platform/paging';
import { TaskTariffRow } from './task-tariff.model';

/** A tariff, and until when it holds: undefined while no later one of its task type is known. */
export interface TariffView {
  readonly tariff: TaskTariffRow;
  readonly validTo: Date | undefined;
}

/** What is asked of a list of tariffs. */
export interface TariffFilter {
  /** Empty: all. */
  readonly taskType: string;
  /** Those that were replaced too. */
  readonly includePast: boolean;
}

/** In this order: where a later tariff starts is where one ends. */
function inOrder(rows: readonly TaskTariffRow[]): TariffView[] {
  return rows.map((tariff, index) => {
    const next = rows[index + 1];
    return { tariff, validTo: next?.taskType === tariff.taskType ? next.validFrom : undefined };
  });
}

/** Tariffs of some task types by type and time. */
async function readTariffsOf(db: Database, taskTypes: readonly string[]): Promise<readonly TariffView[]> {
  const rows = await readOnly(db, (reader) =>
    TaskTariffRow.query(reader)
      .whereIn('taskType', [...taskTypes])
      .orderBy([{ column: 'taskType' }, { column: 'validFrom' }]),
  );
  return inOrder(rows);
}

/** One tariff by its id. */
export async function readTariff(db: Database, tariffId: number): Promise<TariffView> {
  const row = await readOnly(db, (reader) => TaskTariffRow.query(reader).findById(tariffId).throwIfNotFound());
  const views = await readTariffsOf(db, [row.taskType]);
  return views.find(({ tariff }) => tariff.id === tariffId) ?? { tariff: row, validTo: undefined };
}

/** One page of task types by name, each with its tariffs. Throws INVALID_REQUEST for a foreign page token. */
export async function listTariffs(
  db: Database,
  { taskType, includePast }: TariffFilter,
  now: Date,
  pageSize: number,
  pageToken: string,
): Promise<Page<TariffView>> {
  const filters = { list: 'tariffs', taskType, includePast };
  const after = readPageToken(pageToken, filters) ?? '';
  const types = await readOnly(db, (reader) => {
    const query = TaskTariffRow.query(reader).distinct('taskType').where('taskType', '>', after).orderBy('taskType');
    if (taskType !== '') void query.where({ taskType });
    return query.limit(pageSize + 1);
  });
  const page = cutPage(types, pageSize, filters, (row) => row.taskType);
  const names = page.rows.map((row) => row.taskType);
  const views = names.length === 0 ? [] : await readTariffsOf(db, names);
  const rows = views.filter(({ validTo }) => includePast || validTo === undefined || validTo.getTime() > now.getTime());
  return { rows, nextPageToken: page.nextPageToken };
}
