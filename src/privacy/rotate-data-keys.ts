import type { KeyRing } from '../platform/crypto/key-ring';
import { columnName } from '../platform/crypto/sealed-column';
import type { Database } from '../platform/db/database';
import { runCommand, type CommandEffect, type CommandResult } from '../platform/db/command';
import { expectRows } from '../platform/db/rows';
import type { Tx } from '../platform/db/tx';
import { refuseViolations } from '../platform/field-rules';
import { mintId } from '../platform/ids';
import type { ByPerson } from './by-person';
import { KeyRotationColumnRow, KeyRotationRow } from './key-rotation.model';
import { findRunning } from './key-rotation.queries';
import { privacyErrors } from './privacy.errors';
import { SEALED_COLUMNS } from './sealed-values.queries';

/** Seal everything with the first key. */
export interface RotateDataKeysCommand extends ByPerson {
  /** The key that the caller takes for the first; empty: whichever is. */
  readonly keyId: string;
}

/** The stored answer: a replay shows the rotation as it is now. */
export interface RotationAnswer {
  readonly rotationId: string;
}

/**
 * Writes that a rotation has begun; reseal-data.job.ts does the work. A rotation to another key ends here: the ring has moved
 * on, and its values are sealed anew by this one. Refuses in the order that the proto documents.
 */
export async function rotateDataKeys(
  { db, keyRing }: { readonly db: Database; readonly keyRing: KeyRing },
  command: RotateDataKeysCommand,
): Promise<CommandResult<RotationAnswer>> {
  const { requestId, keyId, caller, now, signal } = command;
  // The file may have changed a moment ago: who rotates right after it need not wait for the next look.
  keyRing.refresh();
  const first = keyRing.first().id;
  const key = { service: 'PrivacyService', owner: `caller:${caller.identity}`, requestId, kind: 'RotateDataKeys' };
  return runCommand(
    db,
    { ...key, content: { key_id: keyId }, now, signal },
    {
      // The running one is locked below, once it is known that this is no repeat of what began it.
      lock: () => Promise.resolve(),
      run: (tx) => begin(tx, command, first),
    },
  );
}

async function begin(tx: Tx, command: RotateDataKeysCommand, first: string): Promise<CommandEffect<RotationAnswer>> {
  const { keyId, caller, requestId, now } = command;
  if (keyId !== '' && keyId !== first) {
    refuseViolations([{ field: 'key_id', description: `is not the first key of the ring, which is ${first}` }]);
  }
  const running = await findRunning(tx).forUpdate();
  if (running?.keyId === first) {
    throw privacyErrors.KEY_ROTATION_RUNNING({ metadata: { rotation_id: running.id, key_id: first } });
  }
  if (running !== undefined) await supersede(tx, running, now);
  const id = mintId(now);
  const rotation = { id, keyId: first, state: 'running', requestedBy: caller.identity } as const;
  await KeyRotationRow.query(tx).insert({ ...rotation, createTime: now, endTime: null });
  for (const column of SEALED_COLUMNS) await beginColumn(tx, id, columnName(column), now);
  const subject = { subjectType: 'key_rotation', subjectId: id, userId: null } as const;
  const after = { key_id: first, state: 'running', ...(running === undefined ? {} : { supersedes: running.id }) };
  return {
    response: { rotationId: id },
    audit: [{ action: 'RotateDataKeys', actor: caller.identity, ...subject, cause: requestId, after }],
    events: [],
  };
}

async function supersede(tx: Tx, { id }: KeyRotationRow, now: Date): Promise<void> {
  const ended = { state: 'superseded', endTime: now } as const;
  expectRows(await KeyRotationRow.query(tx).where({ id, state: 'running' }).patch(ended), 1, `key rotation ${id}`);
}

async function beginColumn(tx: Tx, rotationId: string, sealedColumn: string, now: Date): Promise<void> {
  const start = { afterKey: '', afterId: '', resealed: 0, unreadable: 0, nextPassTime: now };
  await KeyRotationColumnRow.query(tx).insert({ rotationId, sealedColumn, ...start });
}
