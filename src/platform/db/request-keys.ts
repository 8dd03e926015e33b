import { randomBytes } from 'node:crypto';
import type { Tx } from './tx';

const HASH_BYTES = 32;

/**
 * Makes the content hashes of an owner's requests random, in the transaction of an erasure that is running: who holds the
 * index keys could try the persons that such a request named. A repeat of one is refused from then on, never done again.
 */
export async function forgetContents(tx: Tx, owner: string, kinds: readonly string[], until: Date): Promise<void> {
  await tx('request_keys')
    .where({ owner })
    .whereIn('kind', [...kinds])
    .where('createTime', '<=', until)
    .update({ contentHash: randomBytes(HASH_BYTES) });
}
