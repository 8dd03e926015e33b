import { readFileSync } from 'node:fs';
import { createSigner, createVerifier, publicKeysIn, type Verifier } from '../platform/crypto/signing';
import { readCliEnvironment } from '../platform/config';

/** The signing key of the local stack: whoever verifies there has no other source. */
const LOCAL_SIGNING_KEY = '.local/audit-signing.key';

/**
 * The keys that signatures are believed by: of a file of one or more public keys in PEM, else AUDIT_PUBLIC_KEY (or
 * AUDIT_PUBLIC_KEY_FILE), else the local stack's. They must come from somewhere else than what they verify.
 */
export function readVerifiers(file: string | undefined): readonly Verifier[] {
  const keys = publicKeysIn(publicKeyText(file));
  if (keys.length === 0) throw new Error(`no public key in PEM found${file === undefined ? '' : ` in ${file}`}`);
  return keys.map(createVerifier);
}

function publicKeyText(file: string | undefined): string {
  if (file !== undefined) return readFileSync(file, 'utf8');
  const { AUDIT_PUBLIC_KEY: text, AUDIT_PUBLIC_KEY_FILE: path } = readCliEnvironment();
  if (text !== undefined) return text;
  if (path !== undefined) return readFileSync(path, 'utf8');
  try {
    return createSigner(readFileSync(LOCAL_SIGNING_KEY, 'utf8')).publicKeyPem;
  } catch {
    throw new Error('no public key given and no local stack found: pass --public-key, or set AUDIT_PUBLIC_KEY');
  }
}
