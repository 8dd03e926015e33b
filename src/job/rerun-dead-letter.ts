import type { Caller } from '../platform/calls';
import { runCommand, type CommandEffect, type CommandResult } from '../platform/db/command';
import type { Database } from '../platform/db/database';
import { expectRows } from '../platform/db/rows';
import type { Tx } from '../platform/db/tx';
import { DeadLetterRow } from './dead-letter.model';
import { jobErrors } from './job.errors';

/** Have the subject of a dead letter run again. */
export interface RerunCommand {
  readonly requestId: string;
  readonly deadLetterId: string;
  readonly caller: Caller;
  readonly now: Date;
  readonly signal: AbortSignal;
}

interface Rerun {
  readonly deadLetterId: string;
}

/**
 * Has the subject of a dead letter run again, whether it is still due or not: a worker does so at its next look, and the
 * letter is resolved by the success, or open again after the last attempt. One that waits for that already goes on waiting.
 * Throws, in this order, DEAD_LETTER_NOT_FOUND, REQUEST_ID_REUSED, DEAD_LETTER_RESOLVED.
 */
export function rerunDeadLetter(db: Database, command: RerunCommand): Promise<CommandResult<Rerun>> {
  const { requestId, deadLetterId, caller, now, signal } = command;
  const owner = `caller:${caller.identity}`;
  const key = { service: 'JobService', owner, requestId, kind: 'RerunDeadLetter' };
  return runCommand(
    db,
    { ...key, content: { dead_letter_id: deadLetterId }, now, signal },
    {
      lock: (tx) => lockDeadLetter(tx, deadLetterId),
      run: (tx, letter) => rerun(tx, letter, command),
    },
  );
}

async function lockDeadLetter(tx: Tx, id: string): Promise<DeadLetterRow> {
  const row = await DeadLetterRow.query(tx).findById(id).forUpdate();
  if (row === undefined) throw jobErrors.DEAD_LETTER_NOT_FOUND({ metadata: { dead_letter_id: id } });
  return row;
}

async function rerun(
  tx: Tx,
  { id, job, subject, state }: DeadLetterRow,
  { requestId, caller }: RerunCommand,
): Promise<CommandEffect<Rerun>> {
  if (state === 'resolved') throw jobErrors.DEAD_LETTER_RESOLVED({ metadata: { dead_letter_id: id } });
  if (state === 'open') {
    expectRows(await DeadLetterRow.query(tx).findById(id).patch({ state: 'rerun' }), 1, `dead letter ${id}`);
  }
  const about = { subjectType: 'dead_letter', subjectId: id, userId: null } as const;
  const entry = { action: 'RerunDeadLetter', actor: caller.identity, cause: requestId } as const;
  const change = { before: { state }, after: { state: 'rerun', job, subject } };
  return { response: { deadLetterId: id }, audit: [{ ...entry, ...about, ...change }], events: [] };
}
