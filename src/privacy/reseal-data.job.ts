import assert from 'node:assert';
import { logOpenedAlerts, raiseAlert, resolveAlert, type Alert } from '../alert';
import { SYSTEM_ACTOR } from '../platform/calls';
import type { Clock } from '../platform/clock';
import { keyIdOf, type FieldCipher } from '../platform/crypto/field-cipher';
import type { KeyRing } from '../platform/crypto/key-ring';
import { columnName, placeIn, type SealedColumn } from '../platform/crypto/sealed-column';
import { appendAudit } from '../platform/db/audit-log';
import type { Database } from '../platform/db/database';
import { expectRows } from '../platform/db/rows';
import { readOnly, withTx, type Tx } from '../platform/db/tx';
import type { Logger } from '../platform/log';
import { addMs } from '../platform/time';
import { KeyRotationColumnRow, KeyRotationRow } from './key-rotation.model';
import { findRunning } from './key-rotation.queries';
import {
  countUnderOthers,
  readUnderOthers,
  replaceSealed,
  SEALED_COLUMNS,
  type SealedValue,
} from './sealed-values.queries';

/** What the job needs. */
export interface ResealParts {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly keyRing: KeyRing;
  readonly cipher: FieldCipher;
  /** How long a rotation runs at least: by then every process has read the ring, and none seals with an old key. */
  readonly settleMs: number;
}

/** Most values that one run seals anew in one column, in one transaction. */
export const RESEALED_MAX = 200;
/** Until values that no key opens are tried again. */
const UNREADABLE_PAUSE_MS = 600_000;

/**
 * Seals values of the running rotation anew, a batch of each column; returns how many values it has looked at. Each is
 * opened, sealed, opened again and compared before it is written, and written only in the place of the very bytes that were
 * read. The batch and how far the pass is are one transaction, so a process that dies has done a batch or not. Running twice
 * at once does nothing twice: whoever finds that the pass has moved on leaves it.
 */
export async function resealData(parts: ResealParts): Promise<number> {
  const { db, keyRing } = parts;
  const rotation = await readOnly(db, findRunning);
  if (rotation === undefined) return 0;
  // A process whose ring is older, or newer, leaves it to those that agree with the rotation.
  if (keyRing.first().id !== rotation.keyId) return 0;
  let looked = 0;
  for (const column of SEALED_COLUMNS) looked += await resealBatch(parts, rotation, column);
  if (looked === 0) await endWhenDone(parts, rotation);
  return looked;
}

/** What became of one value. */
interface Resealed {
  readonly value: SealedValue;
  /** Undefined for one that no key opens. */
  readonly sealed: Buffer | undefined;
}

async function resealBatch(parts: ResealParts, { id, keyId }: KeyRotationRow, column: SealedColumn): Promise<number> {
  const { db, clock, log } = parts;
  const now = clock.now();
  const key = { rotationId: id, sealedColumn: columnName(column) };
  const pass = await readOnly(db, (reader) => KeyRotationColumnRow.query(reader).findOne(key).throwIfNotFound());
  if (pass.nextPassTime.getTime() > now.getTime()) return 0;
  const after = { keyId: pass.afterKey, id: pass.afterId, most: RESEALED_MAX };
  const values = await readOnly(db, (reader) => readUnderOthers(reader, column, keyId, after));
  if (values.length === 0 && pass.afterKey === '' && pass.unreadable === 0) return 0;
  const batch = values.map((value) => ({ value, sealed: sealAnew(parts, column, value) }));
  // The ring was changed meanwhile: these would be sealed with a key that is not the rotation's.
  if (batch.some(({ sealed }) => sealed !== undefined && keyIdOf(sealed) !== keyId)) return 0;
  const opened = await withTx(db, { name: 'ResealData' }, async (tx) => {
    const locked = await KeyRotationColumnRow.query(tx).findOne(key).forUpdate().throwIfNotFound();
    if (locked.afterKey !== pass.afterKey || locked.afterId !== pass.afterId) return [];
    return writeBatch(tx, column, locked, batch, now);
  });
  logOpenedAlerts(log, opened);
  return values.length;
}

/** Never throws for a value that can not be opened: the others must not wait for it. */
function sealAnew({ cipher }: ResealParts, column: SealedColumn, { id, sealed }: SealedValue): Buffer | undefined {
  const place = placeIn(column, id);
  const plaintext = tryOpen(cipher, sealed, place);
  if (plaintext === undefined) return undefined;
  const anew = cipher.encrypt(plaintext, place);
  assert(cipher.decrypt(anew, place) === plaintext, `${columnName(column)} of ${id} would not open again`);
  return anew;
}

function tryOpen(cipher: FieldCipher, sealed: Buffer, place: ReturnType<typeof placeIn>): string | undefined {
  try {
    return cipher.decrypt(sealed, place);
  } catch {
    return undefined;
  }
}

async function writeBatch(
  tx: Tx,
  column: SealedColumn,
  pass: KeyRotationColumnRow,
  batch: readonly Resealed[],
  now: Date,
): Promise<readonly Alert[]> {
  const replacements = batch.flatMap(({ value, sealed }) => (sealed === undefined ? [] : [{ value, sealed }]));
  // One that is another by now was erased, and sealed with the first key then.
  const resealed = await replaceSealed(tx, column, replacements);
  const isStart = pass.afterKey === '' && pass.afterId === '';
  const unreadable = (isStart ? 0 : pass.unreadable) + batch.filter(({ sealed }) => sealed === undefined).length;
  const last = batch.at(-1)?.value;
  const isEnd = batch.length < RESEALED_MAX || last === undefined;
  const { rotationId, sealedColumn } = pass;
  const moved = await KeyRotationColumnRow.query(tx)
    .where({ rotationId, sealedColumn })
    .patch({
      afterKey: isEnd ? '' : last.keyId,
      afterId: isEnd ? '' : last.id,
      resealed: pass.resealed + resealed,
      unreadable,
      nextPassTime: isEnd && unreadable > 0 ? addMs(now, UNREADABLE_PAUSE_MS) : now,
    });
  expectRows(moved, 1, `column ${sealedColumn} of rotation ${rotationId}`);
  return isEnd ? tellUnreadable(tx, sealedColumn, unreadable, now) : [];
}

/** One alert for a column, however many of its values do not open. */
async function tellUnreadable(tx: Tx, column: string, values: number, now: Date): Promise<readonly Alert[]> {
  const about = { kind: 'sealed_values_unreadable', subjectType: 'sealed_column', subjectId: column } as const;
  if (values > 0) return raiseAlert(tx, { ...about, severity: 'critical', userId: null, details: { values } }, now);
  await resolveAlert(tx, about, 'all_open', now);
  return [];
}

/** Ends a rotation that has left nothing under another key, once no process can be sealing with an old one. */
async function endWhenDone({ db, clock, log, settleMs }: ResealParts, { id, keyId }: KeyRotationRow): Promise<void> {
  const now = clock.now();
  const isDone = await withTx(db, { name: 'EndKeyRotation' }, async (tx) => {
    const rotation = await KeyRotationRow.query(tx).findById(id).forUpdate().throwIfNotFound();
    if (rotation.state !== 'running' || addMs(rotation.createTime, settleMs).getTime() > now.getTime()) return false;
    for (const column of SEALED_COLUMNS) {
      if ((await countUnderOthers(tx, column, keyId, 1)) > 0) return false;
    }
    const ended = { state: 'done', endTime: now } as const;
    expectRows(await KeyRotationRow.query(tx).findById(id).patch(ended), 1, `key rotation ${id}`);
    const subject = { subjectType: 'key_rotation', subjectId: id, userId: null } as const;
    const states = { before: { state: 'running' }, after: { state: 'done', key_id: keyId } };
    await appendAudit(tx, [{ action: 'EndKeyRotation', actor: SYSTEM_ACTOR, ...subject, cause: id, ...states }], now);
    return true;
  });
  if (isDone) log.info({ rotation: id, keyId }, 'nothing is sealed with an old data key any more');
}
