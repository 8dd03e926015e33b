import assert from 'node:assert';
import { parseDataKeys } from '../platform/data-keys-setting';
import { createFieldCipher } from '../platform/crypto/field-cipher';
import { createKeyRing, type KeyRing } from '../platform/crypto/key-ring';
import { createSigner, createVerifier, publicKeysIn, type Signer } from '../platform/crypto/signing';
import { watchFile, type WatchedFile } from '../platform/watched-file';
import { readOnly } from '../platform/db/tx';
import { findOtherKeys } from '../privacy';
import type { Closable, Foundation } from './foundation';

type Parts = Pick<Foundation, 'config' | 'log' | 'metrics'>;

/** Data keys and signing key, taken anew when their files change: keys rotate without a restart (docs/keys.md). */
export function openSecrets(
  parts: Parts,
  closables: Closable[],
): Pick<Foundation, 'keyRing' | 'cipher' | 'signer' | 'publicKeys'> {
  const keyRing = openKeyRing(parts, closables);
  const signer = openSigner(parts, closables);
  const earlier = openPublicKeys(parts, closables);
  const publicKeys = (): readonly string[] => [signer().publicKeyPem, ...earlier()];
  return { keyRing, cipher: createFieldCipher(keyRing), signer, publicKeys };
}

/**
 * Throws when a data key is not the one that sealed what is under its id: what is there would not open, and what is sealed
 * now would open nowhere else. A database that can not be asked now is no reason to stay away: the worker looks again.
 */
export async function refuseOtherKeys({
  db,
  log,
  keyRing,
  cipher,
}: Pick<Foundation, 'db' | 'log' | 'keyRing' | 'cipher'>): Promise<void> {
  const look = readOnly(db, (reader) => findOtherKeys(reader, { keyRing, cipher }));
  const others = await look.catch((error: unknown) => {
    log.warn({ err: error }, 'the data keys could not be compared with what they sealed');
    return [];
  });
  const ids = others.join(', ');
  assert(others.length === 0, `DATA_KEYS: ${ids} opens nothing that was sealed under its id; a new key needs a new id`);
}

function openKeyRing(parts: Parts, closables: Closable[]): KeyRing {
  const { config, log } = parts;
  const ring = createKeyRing(config.DATA_KEYS);
  const watched = watch(parts, closables, 'DATA_KEYS', config.DATA_KEYS_FILE, (text) => {
    const before = ring.ids();
    ring.replace(parseDataKeys(text));
    if (ring.ids().join() === before.join()) return false;
    // Ids stand in clear in every sealed value: they are no secret.
    log.info({ before, after: ring.ids() }, 'the data keys have changed; the first of them seals from now on');
    return true;
  });
  if (watched !== undefined) ring.refreshFrom(watched.look);
  return ring;
}

function openSigner(parts: Parts, closables: Closable[]): () => Signer {
  const { config, log } = parts;
  let signer = createSigner(config.AUDIT_SIGNING_KEY);
  watch(parts, closables, 'AUDIT_SIGNING_KEY', config.AUDIT_SIGNING_KEY_FILE, (text) => {
    const before = signer.keyId;
    signer = createSigner(text);
    if (signer.keyId === before) return false;
    log.info({ before, after: signer.keyId }, 'the signing key has changed; evidence is signed with it from now on');
    return true;
  });
  return () => signer;
}

/** The keys that signed before. */
function openPublicKeys(parts: Parts, closables: Closable[]): () => readonly string[] {
  const { config, log } = parts;
  let keys = checkedPublicKeys(config.AUDIT_PUBLIC_KEY ?? []);
  watch(parts, closables, 'AUDIT_PUBLIC_KEY', config.AUDIT_PUBLIC_KEY_FILE, (text) => {
    const [before, found] = [keys, publicKeysIn(text)];
    assert(found.length > 0, 'the file holds no public key in PEM');
    keys = checkedPublicKeys(found);
    if (keys.join() === before.join()) return false;
    log.info(
      { before: before.length, after: keys.length },
      'the public keys have changed; what their owners signed is believed',
    );
    return true;
  });
  return () => keys;
}

function checkedPublicKeys(keys: readonly string[]): readonly string[] {
  for (const key of keys) createVerifier(key);
  return keys;
}

/** Watches the file of a setting, if it was given by one. `take` says whether what it took differs from before. */
function watch(
  { config, log, metrics }: Parts,
  closables: Closable[],
  setting: string,
  path: string | undefined,
  take: (text: string) => boolean,
): WatchedFile | undefined {
  if (path === undefined) return undefined;
  const watched = watchFile(path, config.SECRET_FILES_POLL_MS, {
    take: (text) => {
      if (take(text)) metrics.secretReloads.inc({ setting, outcome: 'used' });
    },
    onFailure: (error) => {
      metrics.secretReloads.inc({ setting, outcome: 'refused' });
      log.error({ setting, err: error }, 'a file of keys has changed and can not be used; the keys from before are');
    },
  });
  closables.push({ name: `file of ${setting}`, close: () => Promise.resolve(watched.stop()) });
  return watched;
}
