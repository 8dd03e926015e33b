import assert from 'node:assert';
import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { sha256 } from './sha256';

/**
 * Signatures of what leaves the service as evidence (anchors, reviews, exports): Ed25519 (RFC 8032) over the exact bytes.
 * The private key is the service's, never on the database's host; whoever verifies needs the public key from somewhere
 * else than the signed file.
 */
const KEY_ID_BYTES = 8;

/** Signs with one key. */
export interface Signer {
  /** The first 8 bytes of SHA-256 of the public key's SPKI DER, in hex: says which key signed, proves nothing. */
  readonly keyId: string;
  /** The public key in PEM, for those who verify. */
  readonly publicKeyPem: string;
  /** 64 bytes. */
  sign(content: Buffer): Buffer;
}

/** Makes a signer of a private key in PEM (PKCS #8). Throws unless it is an Ed25519 key. */
export function createSigner(privateKeyPem: string): Signer {
  const key = createPrivateKey(privateKeyPem);
  const publicKey = createPublicKey(key);
  return {
    keyId: keyIdOf(publicKey),
    publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }) as string,
    sign: (content) => sign(null, content, key),
  };
}

/** A public key that verifies. */
export interface Verifier {
  readonly keyId: string;
  /** Whether the key's owner signed exactly these bytes. */
  verify(content: Buffer, signature: Buffer): boolean;
}

/** What a signature comes to under the keys that one believes in. */
export type SignatureVerdict = 'good' | 'bad' | 'key unknown';

/** Whether one of the keys signed exactly these bytes. The key that is named is only a hint which one to try. */
export function judgeSignature(
  content: Buffer,
  { keyId, signature }: { readonly keyId: string; readonly signature: Buffer },
  verifiers: readonly Verifier[],
): SignatureVerdict {
  const verifier = verifiers.find((known) => known.keyId === keyId);
  if (verifier === undefined) return 'key unknown';
  return verifier.verify(content, signature) ? 'good' : 'bad';
}

const PUBLIC_KEY = /-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/g;

/** The public keys of a text that holds them one after the other in PEM. */
export function publicKeysIn(text: string): readonly string[] {
  return [...text.matchAll(PUBLIC_KEY)].map(([pem]) => pem);
}

/** Makes a verifier of a public key in PEM (SPKI). Throws unless it is an Ed25519 key. */
export function createVerifier(publicKeyPem: string): Verifier {
  const key = createPublicKey(publicKeyPem);
  return { keyId: keyIdOf(key), verify: (content, signature) => verify(null, content, key, signature) };
}

function keyIdOf(publicKey: KeyObject): string {
  assert(publicKey.asymmetricKeyType === 'ed25519', 'the signing key is not an Ed25519 key');
  return sha256(publicKey.export({ type: 'spki', format: 'der' })).toString('hex', 0, KEY_ID_BYTES);
}
