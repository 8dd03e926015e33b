import { raw } from 'objection';
import { logOpenedAlerts, raiseAlert, resolveAlert, type Alert } from '../alert';
import type { Clock } from '../platform/clock';
import type { Database } from '../platform/db/database';
import { expectRows } from '../platform/db/rows';
import { isDuplicateKey } from '../platform/db/sql-errors';
import { readOnly, withTx, type Tx } from '../platform/db/tx';
import { mintId } from '../platform/ids';
import type { DeadLetters, UnresolvedState } from '../platform/jobs/job-storage';
import type { Logger } from '../platform/log';
import { DeadLetterRow } from './dead-letter.model';

/** What is kept of a subject that failed for the last time. */
type Burial = Parameters<DeadLetters['bury']>[0];

/** Dead letters in the database, each open one with an alert. */
export function createDeadLetters(parts: {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Logger;
}): DeadLetters {
  const { db, clock, log } = parts;
  return {
    unresolved: async (job, most) => {
      const rows = await readOnly(db, (reader) =>
        DeadLetterRow.query(reader)
          .select('subject', 'state')
          .where('job', job)
          .whereNull('resolveTime')
          // What is to be run again comes first: it must not be behind thousands that are not.
          .orderBy([{ column: 'state', order: 'desc' }, 'id'])
          .limit(most),
      );
      return new Map(rows.map(({ subject, state }) => [subject, state as UnresolvedState]));
    },
    bury: async (letter) => logOpenedAlerts(log, await bury(db, letter, clock.now())),
    resolve: (job, subject) => resolve(db, job, subject, clock.now()),
  };
}

/** Opens a letter, or the unresolved one of the same subject again. Two that do so at once leave one. */
async function bury(db: Database, letter: Burial, now: Date): Promise<readonly Alert[]> {
  const perform = () =>
    withTx(db, { name: 'BuryJob' }, async (tx) => {
      const id = (await buryAgain(tx, letter, now)) ?? (await open(tx, letter, now));
      return raiseAlert(tx, alertOf(id, letter), now);
    });
  try {
    return await perform();
  } catch (error) {
    if (!isDuplicateKey(error)) throw error;
    return await perform();
  }
}

async function buryAgain(tx: Tx, { job, subject, error, attempts }: Burial, now: Date): Promise<string | undefined> {
  const known = await DeadLetterRow.query(tx).findOne({ job, subject }).whereNull('resolveTime').forUpdate();
  if (known === undefined) return undefined;
  const again = { state: 'open', error, attempts: raw('attempts + ?', [attempts]), lastTime: now } as const;
  expectRows(await DeadLetterRow.query(tx).findById(known.id).patch(again), 1, `dead letter ${known.id}`);
  return known.id;
}

async function open(tx: Tx, { job, subject, error, attempts }: Burial, now: Date): Promise<string> {
  const id = mintId(now);
  const times = { firstTime: now, lastTime: now, resolveTime: null };
  await DeadLetterRow.query(tx).insert({ id, job, subject, state: 'open', error, attempts, ...times });
  return id;
}

function alertOf(subjectId: string, { job, subject, error, attempts }: Burial): Alert {
  const details = { job, subject, error, attempts };
  const about = { subjectType: 'dead_letter', subjectId, userId: null } as const;
  return { kind: 'job_dead_letter', severity: 'warning', ...about, details };
}

/** Resolves the letters of a job, or of one subject of it. None that is unresolved: nothing happens. */
async function resolve(db: Database, job: string, subject: string | undefined, now: Date): Promise<void> {
  await withTx(db, { name: 'ResolveDeadLetters' }, async (tx) => {
    const query = DeadLetterRow.query(tx).where('job', job).whereNull('resolveTime').orderBy('id').forUpdate();
    const letters = await (subject === undefined ? query : query.where('subject', subject));
    for (const { id } of letters) {
      const resolved = { state: 'resolved', resolveTime: now } as const;
      expectRows(await DeadLetterRow.query(tx).findById(id).patch(resolved), 1, `dead letter ${id}`);
      const about = { kind: 'job_dead_letter', subjectType: 'dead_letter', subjectId: id } as const;
      await resolveAlert(tx, about, 'job_succeeded', now);
    }
  });
}
