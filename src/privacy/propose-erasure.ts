import type { Database } from '../platform/db/database';
import { runCommand, type CommandEffect, type CommandResult } from '../platform/db/command';
import type { Tx } from '../platform/db/tx';
import { mintId } from '../platform/ids';
import { lockUser } from '../quota';
import type { ByPerson } from './by-person';
import { privacyErrors } from './privacy.errors';
import { UserErasureRow } from './user-erasure.model';
import { findUndone } from './user-erasure.queries';

/** Propose to erase what a user can be known by. */
export interface ProposeErasureCommand extends ByPerson {
  readonly userId: string;
  readonly reason: string;
}

/** The stored answer: a replay shows the erasure as it is now. */
export interface ErasureAnswer {
  readonly erasureId: string;
}

/** Writes a proposal, under the user's lock. Throws, in this order, USER_NOT_FOUND, REQUEST_ID_REUSED, ERASURE_UNDER_WAY. */
export async function proposeErasure(
  db: Database,
  command: ProposeErasureCommand,
): Promise<CommandResult<ErasureAnswer>> {
  const { requestId, userId, reason, now, signal } = command;
  const key = { service: 'PrivacyService', owner: `user:${userId}`, requestId, kind: 'EraseUser' };
  return runCommand(
    db,
    { ...key, content: { user_id: userId, reason }, now, signal },
    { lock: (tx) => lockUser(tx, userId), run: (tx) => propose(tx, command) },
  );
}

async function propose(tx: Tx, command: ProposeErasureCommand): Promise<CommandEffect<ErasureAnswer>> {
  const { userId, reason, caller, requestId, now } = command;
  const undone = await findUndone(tx, userId);
  if (undone !== undefined) {
    throw privacyErrors.ERASURE_UNDER_WAY({ metadata: { erasure_id: undone.id, state: undone.state } });
  }
  const id = mintId(now);
  await UserErasureRow.query(tx).insert({
    id,
    userId,
    reason,
    state: 'proposed',
    requestedBy: caller.identity,
    createTime: now,
    ...{ decidedBy: null, decideTime: null, startTime: null, endTime: null, nextRunTime: null },
    ...{ runs: 0, payers: 0, notifications: 0, identities: 0 },
  });
  const subject = { subjectType: 'erasure', subjectId: id, userId } as const;
  const after = { state: 'proposed', reason };
  return {
    response: { erasureId: id },
    audit: [{ action: 'EraseUser', actor: caller.identity, ...subject, cause: requestId, after }],
    events: [],
  };
}
