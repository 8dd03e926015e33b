import { randomBytes } from 'node:crypto';
import { createBlindIndex, type BlindIndex } from '../platform/crypto/blind-index';
import { expectRows } from '../platform/db/rows';
import { isDuplicateKey } from '../platform/db/sql-errors';
import type { Tx } from '../platform/db/tx';

/**
 * Who is behind a user: phone, openid, device, told by the caller as hashes. A hash of a phone number can be guessed, so
 * what the database holds is its blind index, and no log, audit row or event holds either.
 */

/** The blind indexes of one registration's identities: each once, sorted, so that rows are locked in one order. */
export type Identities = readonly Buffer[];

interface IdentityRow {
  readonly identityIndex: Buffer;
  readonly userId: string;
  readonly createTime: Date;
}

/** The one index of identities. Its purpose never changes: it is part of the key. */
export function createIdentityIndex(key: Buffer): BlindIndex {
  return createBlindIndex(key, 'user_identities');
}

/** Indexes what a request names. */
export function indexIdentities(index: BlindIndex, hashes: readonly string[]): Identities {
  return [...new Set(hashes)].map((hash) => index(hash)).sort((first, second) => first.compare(second));
}

const rowsOf = (identities: Identities, userId: string, createTime: Date): IdentityRow[] =>
  identities.map((identityIndex) => ({ identityIndex, userId, createTime }));

/** Whether one of the identities had its registration grant. A look without a lock: claimGrant decides. */
export async function hadGrant(tx: Tx, identities: Identities): Promise<boolean> {
  if (identities.length === 0) return false;
  const row = await tx<IdentityRow>('granted_identities')
    .whereIn('identityIndex', [...identities])
    .first();
  return row !== undefined;
}

/**
 * Marks the identities as having their grant with this user, all or none. False when one had it: the primary key decides,
 * and waits for whoever is about to take it. A refused row takes back its statement and no more, so the transaction goes on.
 */
export async function claimGrant(tx: Tx, userId: string, identities: Identities, now: Date): Promise<boolean> {
  if (identities.length === 0) return true;
  try {
    await tx<IdentityRow>('granted_identities').insert(rowsOf(identities, userId, now));
    return true;
  } catch (error) {
    if (isDuplicateKey(error)) return false;
    throw error;
  }
}

/** Records what a new user was registered with, granted or not. */
export async function recordIdentities(tx: Tx, userId: string, identities: Identities, now: Date): Promise<void> {
  if (identities.length === 0) return;
  await tx<IdentityRow>('user_identities').insert(rowsOf(identities, userId, now));
}

/** No user has it: what had its grant keeps it, and names nobody. */
const NOBODY = '';
const INDEX_BYTES = 32;

/**
 * Erases what a user was registered with, in the transaction of an erasure that is running. A fingerprint that had its grant
 * stays, so that it never gets another one (恶意刷单), but no longer says whose it was. Returns how many there were.
 */
export async function eraseIdentities(tx: Tx, userId: string): Promise<number> {
  const rows = await tx<IdentityRow>('user_identities').where({ userId }).orderBy('identityIndex');
  if (rows.length === 0) return 0;
  const indexes = rows.map(({ identityIndex }) => identityIndex);
  await tx<IdentityRow>('granted_identities')
    .whereIn('identityIndex', indexes)
    .where({ userId })
    .update({ userId: NOBODY });
  for (const identityIndex of indexes) {
    const random = { identityIndex: randomBytes(INDEX_BYTES) };
    const changed = await tx<IdentityRow>('user_identities').where({ identityIndex, userId }).update(random);
    expectRows(changed, 1, `an identity of user ${userId}`);
  }
  return rows.length;
}
