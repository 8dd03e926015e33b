import type { Database } from '../platform/db/database';
import { readOnly } from '../platform/db/tx';
import { cutPage, readPageToken, type Page } from '../platform/paging';
import { DeadLetterRow, SlotRow, type DeadLetterState } from './dead-letter.model';
import { jobErrors } from './job.errors';

/** One dead letter as it is now. Throws DEAD_LETTER_NOT_FOUND. */
export async function readDeadLetter(db: Database, id: string): Promise<DeadLetterRow> {
  const row = await readOnly(db, (reader) => DeadLetterRow.query(reader).findById(id));
  if (row === undefined) throw jobErrors.DEAD_LETTER_NOT_FOUND({ metadata: { dead_letter_id: id } });
  return row;
}

/** Which dead letters: of a job, where one is named, and in a state, or not resolved. */
export interface DeadLetterFilter {
  readonly job: string | undefined;
  /** Undefined: those that are not resolved. */
  readonly state: DeadLetterState | undefined;
}

/** One page of dead letters, newest first: ids begin with their time. Throws INVALID_REQUEST for a foreign token. */
export async function listDeadLetters(
  db: Database,
  { job, state }: DeadLetterFilter,
  pageSize: number,
  pageToken: string,
): Promise<Page<DeadLetterRow>> {
  const filters = { list: 'dead letters', job, state };
  const after = readPageToken(pageToken, filters);
  const rows = await readOnly(db, (reader) => {
    const query = DeadLetterRow.query(reader)
      .orderBy('id', 'desc')
      .limit(pageSize + 1);
    if (job !== undefined) void query.where('job', job);
    if (state === undefined) void query.whereNull('resolveTime');
    else void query.where('state', state);
    if (after !== undefined) void query.where('id', '<', after);
    return query;
  });
  return cutPage(rows, pageSize, filters, ({ id }) => id);
}

/** How many dead letters each job has that are not resolved; jobs without one are left out. */
export async function countDeadLetters(db: Database): Promise<ReadonlyMap<string, number>> {
  const rows = (await readOnly(db, (reader) =>
    DeadLetterRow.query(reader).whereNull('resolveTime').select('job').count('* as letters').groupBy('job'),
  )) as unknown as readonly { readonly job: string; readonly letters: number }[];
  return new Map(rows.map(({ job, letters }) => [job, Number(letters)]));
}

/** The last day or hour that each of these jobs has done, and when; jobs that have done none are left out. */
export async function readLastSlots(
  db: Database,
  jobs: readonly string[],
): Promise<ReadonlyMap<string, { readonly slot: string; readonly endTime: Date }>> {
  const found = await Promise.all(
    jobs.map((job) =>
      readOnly(db, (reader) =>
        SlotRow.query(reader).where('job', job).whereNotNull('endTime').orderBy('slot', 'desc').first(),
      ),
    ),
  );
  const done = found.flatMap((row) => {
    const endTime = row?.endTime ?? undefined;
    return row === undefined || endTime === undefined ? [] : [[row.job, { slot: row.slot, endTime }] as const];
  });
  return new Map(done);
}
