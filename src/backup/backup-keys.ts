import assert from 'node:assert';
import { hkdfSync } from 'node:crypto';
import { BackupError } from './backup.errors';

/**
 * The keys of backups: apart from the service's data keys, because whoever restores needs them where the service is not, and
 * because a backup outlives the rotation of a data key. The first seals, all open.
 */
const KEY_BYTES = 32;
const ID_BYTES = 8;

/** One key of the ring. */
export interface BackupKey {
  /** 8 bytes, derived from the key: says which one sealed a file, and nothing else about it. */
  readonly id: Buffer;
  readonly key: Buffer;
}

export interface BackupKeys {
  readonly first: BackupKey;
  /** The key that sealed something. Throws when it is not in the ring. */
  find(id: Buffer): BackupKey;
}

function idOf(key: Buffer): Buffer {
  assert(key.length === KEY_BYTES, 'a backup key has 32 bytes');
  return Buffer.from(hkdfSync('sha256', key, '', 'billing-guard backup key id 1', ID_BYTES));
}

/** Makes the ring. */
export function createBackupKeys(keys: readonly Buffer[]): BackupKeys {
  const ring = keys.map((key): BackupKey => ({ id: idOf(key), key }));
  const [first] = ring;
  assert(first !== undefined, 'the ring of backup keys is empty');
  return {
    first,
    find: (id) => {
      const found = ring.find((key) => key.id.equals(id));
      if (found !== undefined) return found;
      throw new BackupError(`sealed with the backup key ${id.toString('hex')}, which BACKUP_KEY does not hold: add it`);
    },
  };
}
