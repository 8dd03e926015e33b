import type { Database } from '../platform/db/database';
import { runCommand, type CommandEffect, type CommandResult } from '../platform/db/command';
import { expectRows } from '../platform/db/rows';
import type { Tx } from '../platform/db/tx';
import { isFirstPerson, secondPersonRequired } from '../platform/second-person';
import type { ByPerson } from './by-person';
import { privacyErrors } from './privacy.errors';
import type { ErasureAnswer } from './propose-erasure';
import { UserErasureRow } from './user-erasure.model';
import { lockErasure } from './user-erasure.queries';

/** Approve or reject a proposal. */
export interface DecideErasureCommand extends ByPerson {
  readonly erasureId: string;
}

/**
 * Lets an erasure be carried out, for somebody who has not proposed it. Throws, in this order, ERASURE_NOT_FOUND,
 * REQUEST_ID_REUSED, ERASURE_NOT_PROPOSED, SECOND_PERSON_REQUIRED.
 */
export function approveErasure(db: Database, command: DecideErasureCommand): Promise<CommandResult<ErasureAnswer>> {
  return decide(db, command, 'ApproveErasure', (erasure) => {
    const proposers = [erasure.requestedBy];
    if (isFirstPerson(command.caller, proposers)) throw secondPersonRequired({ erasure_id: erasure.id }, proposers);
    return { state: 'approved', nextRunTime: command.now };
  });
}

/** Ends a proposal. Throws, in this order, ERASURE_NOT_FOUND, REQUEST_ID_REUSED, ERASURE_NOT_PROPOSED. */
export function rejectErasure(db: Database, command: DecideErasureCommand): Promise<CommandResult<ErasureAnswer>> {
  return decide(db, command, 'RejectErasure', () => ({ state: 'rejected' }));
}

type Decision = Pick<UserErasureRow, 'state'> & Partial<Pick<UserErasureRow, 'nextRunTime'>>;

async function decide(
  db: Database,
  command: DecideErasureCommand,
  kind: string,
  judge: (erasure: UserErasureRow) => Decision,
): Promise<CommandResult<ErasureAnswer>> {
  const { requestId, erasureId, caller, now, signal } = command;
  const key = { service: 'PrivacyService', owner: `caller:${caller.identity}`, requestId, kind };
  return runCommand(
    db,
    { ...key, content: { erasure_id: erasureId }, now, signal },
    {
      lock: (tx) => lockErasure(tx, erasureId),
      run: (tx, erasure) => {
        if (erasure.state !== 'proposed') {
          throw privacyErrors.ERASURE_NOT_PROPOSED({ metadata: { erasure_id: erasureId, state: erasure.state } });
        }
        return move(tx, erasure, judge(erasure), { command, kind });
      },
    },
  );
}

async function move(
  tx: Tx,
  { id, userId }: UserErasureRow,
  decision: Decision,
  { command, kind }: { readonly command: DecideErasureCommand; readonly kind: string },
): Promise<CommandEffect<ErasureAnswer>> {
  const { caller, requestId, now } = command;
  const decided = { ...decision, decidedBy: caller.identity, decideTime: now };
  expectRows(await UserErasureRow.query(tx).where({ id, state: 'proposed' }).patch(decided), 1, `erasure ${id}`);
  const subject = { subjectType: 'erasure', subjectId: id, userId } as const;
  const states = { before: { state: 'proposed' }, after: { state: decision.state, decided_by: caller.identity } };
  return {
    response: { erasureId: id },
    audit: [{ action: kind, actor: caller.identity, ...subject, cause: requestId, ...states }],
    events: [],
  };
}
