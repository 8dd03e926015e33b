import { createCipheriv } from 'node:crypto';
import { randomAlphanumeric } from './identifiers';

/** A sealed text in the members that WeChat Pay gives it. */
export interface Sealed {
  readonly algorithm: string;
  readonly ciphertext: string;
  readonly associated_data: string;
  readonly nonce: string;
}

/** AEAD_AES_256_GCM: the nonce is used as its 12 ASCII bytes, the tag follows the data. */
export function seal(plaintext: string, associatedData: string, apiv3Key: string): Sealed {
  const nonce = randomAlphanumeric(12);
  const cipher = createCipheriv('aes-256-gcm', Buffer.from(apiv3Key), Buffer.from(nonce), { authTagLength: 16 });
  cipher.setAAD(Buffer.from(associatedData));
  const data = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return {
    algorithm: 'AEAD_AES_256_GCM',
    ciphertext: data.toString('base64'),
    associated_data: associatedData,
    nonce,
  };
}
