import assert from 'node:assert';
import { createHmac, hkdfSync } from 'node:crypto';

/**
 * Blind indexes: keyed fingerprints by which a value is found again although it is stored nowhere. HMAC-SHA-256 under a
 * key derived (HKDF-SHA-256, RFC 5869, no salt) for one purpose, so that indexes of two purposes can not be compared.
 * Unlike the data keys this key is never rotated: what was indexed under another one is not found any more.
 */
const KEY_BYTES = 32;

/** The fingerprint of a value: 32 bytes, the same for the same value, and nothing to guess by without the key. */
export type BlindIndex = (value: string) => Buffer;

/** Makes the index of one purpose. */
export function createBlindIndex(key: Buffer, purpose: string): BlindIndex {
  assert(key.length === KEY_BYTES, 'an index key has 32 bytes');
  assert(/^[a-z0-9_.-]+$/.test(purpose), 'a purpose is a plain name');
  const derived = Buffer.from(hkdfSync('sha256', key, '', `billing-guard blind index 1: ${purpose}`, KEY_BYTES));
  return (value) => createHmac('sha256', derived).update(value, 'utf8').digest();
}
