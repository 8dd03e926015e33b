import { createDecipheriv } from 'node:crypto';

const ALGORITHM = 'AEAD_AES_256_GCM';
const KEY_BYTES = 32;
const TAG_BYTES = 16;
/** WeChat sends 12; the field's documented limit is 16, and GCM takes both. */
const NONCE_BYTES_MIN = 12;
const NONCE_BYTES_MAX = 16;

/** An encrypted part of a notification. */
export interface EncryptedResource {
  readonly algorithm: string;
  /** Base64 of data followed by the 16-byte tag. */
  readonly ciphertext: string;
  /** May be empty. */
  readonly associatedData: string;
  /** Used as the bytes it is, not as base64 or hex. */
  readonly nonce: string;
}

/** A resource that can not be opened. `fault` says where it failed; no plaintext is ever given out with it. */
export class ResourceUndecryptable extends Error {
  constructor(
    readonly fault: 'algorithm' | 'key' | 'nonce' | 'ciphertext' | 'authentication',
    cause?: unknown,
  ) {
    super(`WeChat Pay resource can not be decrypted: ${fault}.`, { cause });
    this.name = 'ResourceUndecryptable';
  }
}

/**
 * Opens a resource with the APIv3 key (32 characters, used as their UTF-8 bytes). Returns authentic plaintext or throws
 * ResourceUndecryptable. Source: WeChat Pay API v3, 如何解密回调报文 (AEAD_AES_256_GCM).
 */
export function decryptResource(resource: EncryptedResource, apiv3Key: string): Buffer {
  if (resource.algorithm !== ALGORITHM) throw new ResourceUndecryptable('algorithm');
  const key = Buffer.from(apiv3Key);
  if (key.length !== KEY_BYTES) throw new ResourceUndecryptable('key');
  const nonce = Buffer.from(resource.nonce);
  if (nonce.length < NONCE_BYTES_MIN || nonce.length > NONCE_BYTES_MAX) throw new ResourceUndecryptable('nonce');
  const sealed = Buffer.from(resource.ciphertext, 'base64');
  const isCanonical = sealed.toString('base64') === resource.ciphertext;
  if (!isCanonical || sealed.length < TAG_BYTES) throw new ResourceUndecryptable('ciphertext');

  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(resource.associatedData));
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  const plaintext = decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES));
  try {
    // final() is what checks the tag: nothing may look at the plaintext before it.
    return Buffer.concat([plaintext, decipher.final()]);
  } catch (error) {
    throw new ResourceUndecryptable('authentication', error);
  }
}
