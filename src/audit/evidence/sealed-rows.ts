import type { FieldCipher } from '../../platform/crypto/field-cipher';
import { sha256 } from '../../platform/crypto/sha256';
import type { Row } from './read-rows';
import type { TableRule } from './table-rules';

/** What a sealed column is in evidence: opened, with the hash of the bytes that the database holds. */
interface Opened {
  readonly sealed_sha256: string;
  /** The text, as JSON where it is JSON. */
  readonly opened?: unknown;
  /** Why there is no text: it was erased, or no key of the ring opens it. */
  readonly problem?: string;
}

function asJson(text: string): unknown {
  if (!text.startsWith('{')) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function open(cipher: FieldCipher, sealed: Buffer, place: Parameters<FieldCipher['decrypt']>[1]): Opened {
  const sealedHash = { sealed_sha256: sha256(sealed).toString('hex') };
  try {
    return { ...sealedHash, opened: asJson(cipher.decrypt(sealed, place)) };
  } catch (error) {
    // What can not be opened is said, and the rest is handed over all the same.
    return { ...sealedHash, problem: error instanceof Error ? error.message : 'it does not open' };
  }
}

/** Rows of a table with a sealed column, opened. */
export function openRows(cipher: FieldCipher, { table, key, sealed }: TableRule, rows: readonly Row[]): readonly Row[] {
  if (sealed === undefined) return rows;
  return rows.map((row) => {
    const bytes = row[sealed];
    const primaryKey = String(row[key[0] ?? '']);
    return {
      ...row,
      [sealed]: Buffer.isBuffer(bytes) ? open(cipher, bytes, { table, column: sealed, primaryKey }) : null,
    };
  });
}
