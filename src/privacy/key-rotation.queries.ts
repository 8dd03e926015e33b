import type { Knex } from 'knex';
import type { Database } from '../platform/db/database';
import { readOnly } from '../platform/db/tx';
import { columnName } from '../platform/crypto/sealed-column';
import { KeyRotationColumnRow, KeyRotationRow } from './key-rotation.model';
import { privacyErrors } from './privacy.errors';
import { countUnderOthers, SEALED_COLUMNS } from './sealed-values.queries';

/** The rotation that runs, if one does. */
export function findRunning(reader: Knex) {
  return KeyRotationRow.query(reader).findOne({ state: 'running' });
}

/** A rotation with its progress. */
export interface RotationProgress {
  readonly rotation: KeyRotationRow;
  readonly columns: readonly {
    readonly column: string;
    readonly resealed: number;
    readonly unreadable: number;
    readonly remaining: number;
  }[];
}

/** One rotation, or the latest for an empty id: undefined when there has been none. Throws KEY_ROTATION_NOT_FOUND. */
export async function readRotation(db: Database, rotationId: string): Promise<RotationProgress | undefined> {
  return readOnly(db, async (reader) => {
    const query = KeyRotationRow.query(reader);
    const rotation = await (rotationId === '' ? query.orderBy('id', 'desc').first() : query.findById(rotationId));
    if (rotation !== undefined) return { rotation, columns: await readColumns(reader, rotation) };
    if (rotationId === '') return undefined;
    throw privacyErrors.KEY_ROTATION_NOT_FOUND({ metadata: { rotation_id: rotationId } });
  });
}

async function readColumns(reader: Knex, { id, keyId }: KeyRotationRow): Promise<RotationProgress['columns']> {
  const rows = await KeyRotationColumnRow.query(reader).where({ rotationId: id });
  const columns = [];
  for (const sealed of SEALED_COLUMNS) {
    const column = columnName(sealed);
    const row = rows.find(({ sealedColumn }) => sealedColumn === column);
    const { resealed = 0, unreadable = 0 } = row ?? {};
    columns.push({ column, resealed, unreadable, remaining: await countUnderOthers(reader, sealed, keyId) });
  }
  return columns;
}
