import assert from 'node:assert';
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { createKeyRing, type FieldKey, type KeyRing } from './key-ring';

/**
 * Encryption of single columns: AES-256-GCM under a ring of keys. One sealed value is
 *
 *   version (1 byte, 0x01) | key id length (1) | key id (ASCII) | iv (12) | tag (16) | ciphertext
 *
 * The additional data is `table.column:primaryKey`, so a value moved to another row or column does not open.
 * The iv is random: a key must be replaced before it sealed 2^32 values (NIST SP 800-38D §8.3).
 */
const VERSION = 1;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const ALGORITHM = 'aes-256-gcm';

/** Where a sealed value lives. */
export interface FieldPlace {
  readonly table: string;
  readonly column: string;
  readonly primaryKey: string;
}

/** A value that does not open: `format` not ours, `key_unknown` its key left the ring, `authentication` altered. */
class FieldCipherError extends Error {
  constructor(
    readonly fault: 'format' | 'key_unknown' | 'authentication',
    cause?: unknown,
  ) {
    super(`An encrypted column value can not be opened: ${fault}.`, { cause });
    this.name = 'FieldCipherError';
  }
}

export interface FieldCipher {
  /** Seals with the ring's first key. Sealing the same text twice gives different bytes. */
  encrypt(plaintext: string, place: FieldPlace): Buffer;
  /** Opens what any key of the ring sealed. Throws FieldCipherError. */
  decrypt(sealed: Buffer, place: FieldPlace): string;
}

/** Makes a cipher of a ring, as it is at each use. A list of keys is a ring that nobody changes. */
export function createFieldCipher(keys: KeyRing | readonly FieldKey[]): FieldCipher {
  const ring = 'first' in keys ? keys : createKeyRing(keys);
  return {
    encrypt: (plaintext, place) => seal(ring.first(), plaintext, additionalData(place)),
    decrypt: (sealed, place) => open(ring, sealed, additionalData(place)),
  };
}

/** The id of the key that a value says it was sealed with; empty for what is no sealed value. */
export function keyIdOf(sealed: Buffer): string {
  return sealed[0] === VERSION ? sealed.toString('latin1', 2, 2 + (sealed[1] ?? 0)) : '';
}

function seal({ id, key }: FieldKey, plaintext: string, context: Buffer): Buffer {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(context);
  const ciphertext = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()]);
  const keyId = Buffer.from(id, 'ascii');
  return Buffer.concat([Buffer.from([VERSION, keyId.length]), keyId, iv, cipher.getAuthTag(), ciphertext]);
}

function open(ring: KeyRing, sealed: Buffer, context: Buffer): string {
  const keyIdEnd = 2 + (sealed[1] ?? 0);
  const ivEnd = keyIdEnd + IV_BYTES;
  const tagEnd = ivEnd + TAG_BYTES;
  if (sealed[0] !== VERSION || sealed.length < tagEnd) throw new FieldCipherError('format');
  // latin1 keeps every byte apart; 'ascii' would drop the top bit and let an altered key id pass.
  const key = ring.find(sealed.toString('latin1', 2, keyIdEnd));
  if (key === undefined) throw new FieldCipherError('key_unknown');

  const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(keyIdEnd, ivEnd), { authTagLength: TAG_BYTES });
  decipher.setAAD(context);
  decipher.setAuthTag(sealed.subarray(ivEnd, tagEnd));
  const plaintext = decipher.update(sealed.subarray(tagEnd));
  try {
    return Buffer.concat([plaintext, decipher.final()]).toString('utf8');
  } catch (error) {
    throw new FieldCipherError('authentication', error);
  }
}

/** Table and column can hold neither '.' nor ':', so two places never share one text. */
function additionalData({ table, column, primaryKey }: FieldPlace): Buffer {
  assert(/^[a-z0-9_]+$/.test(table) && /^[a-z0-9_]+$/.test(column), 'table and column are plain snake_case names');
  return Buffer.from(`${table}.${column}:${primaryKey}`);
}
