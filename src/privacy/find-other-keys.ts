import type { Knex } from 'knex';
import type { FieldCipher } from '../platform/crypto/field-cipher';
import type { KeyRing } from '../platform/crypto/key-ring';
import { placeIn, type SealedColumn } from '../platform/crypto/sealed-column';
import { readNewestUnder, SEALED_COLUMNS } from './sealed-values.queries';

/** A ring, and what opens with it. */
export interface RingAndCipher {
  readonly keyRing: KeyRing;
  readonly cipher: FieldCipher;
}

/** How many values of a column are tried: somebody may have altered one of them. */
const TRIED_MAX = 5;

/**
 * Ids of keys of the ring that open none of the newest values sealed under their id: such a key has other bytes than the one
 * that sealed them. A key that seals nothing yet is not among them, as nothing tells.
 */
export async function findOtherKeys(reader: Knex, { keyRing, cipher }: RingAndCipher): Promise<readonly string[]> {
  const others: string[] = [];
  for (const keyId of keyRing.ids()) {
    const opened: boolean[] = [];
    for (const column of SEALED_COLUMNS) {
      const values = await readNewestUnder(reader, column, keyId, TRIED_MAX);
      opened.push(...values.map(({ id, sealed }) => opens(cipher, sealed, column, id)));
    }
    if (opened.length > 0 && !opened.includes(true)) others.push(keyId);
  }
  return others;
}

function opens(cipher: FieldCipher, sealed: Buffer, column: SealedColumn, id: string): boolean {
  try {
    cipher.decrypt(sealed, placeIn(column, id));
    return true;
  } catch {
    return false;
  }
}
