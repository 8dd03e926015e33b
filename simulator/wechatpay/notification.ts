import { createCipheriv } from 'node:crypto';
import { signedInstant, spoilAfterSigning, spoilBeforeSigning } from './corruption';
import type { Delivery } from './delivery';
import { newRequestId, randomAlphanumeric } from './identifiers';
import type { Material } from './material';
import { signatureHeaders } from './signature';

interface NotificationRequest {
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

/** The HTTP request of one attempt: encrypted and signed afresh, spoilt only when it is the first and meant to be. */
export function notificationRequest(delivery: Delivery, material: Material, now: Date): NotificationRequest {
  const corruption = delivery.attempts.length === 0 ? delivery.corruption : undefined;
  const envelope = {
    id: delivery.notificationId,
    create_time: delivery.createTime,
    resource_type: 'encrypt-resource',
    event_type: 'TRANSACTION.SUCCESS',
    summary: '支付成功',
    resource: encryptedResource(delivery.resource, 'transaction', material.apiv3Key),
  };
  const body = spoilBeforeSigning(Buffer.from(JSON.stringify(envelope)), corruption);
  const key = material.signingKeys[delivery.serialMode];
  const signed = { headers: signatureHeaders(key, body, signedInstant(now, corruption)), body };
  const message = spoilAfterSigning(signed, corruption);
  return {
    headers: {
      'Content-Type': 'application/json',
      'User-Agent': 'Mozilla/4.0',
      Accept: '*/*',
      'Request-ID': newRequestId(0),
      ...message.headers,
    },
    body: message.body,
  };
}

/** AEAD_AES_256_GCM: the nonce is used as its 12 ASCII bytes, the tag follows the data. */
function encryptedResource(plaintext: object, kind: 'transaction', apiv3Key: string): object {
  const nonce = randomAlphanumeric(12);
  const cipher = createCipheriv('aes-256-gcm', Buffer.from(apiv3Key), Buffer.from(nonce), { authTagLength: 16 });
  cipher.setAAD(Buffer.from(kind));
  const data = Buffer.concat([cipher.update(JSON.stringify(plaintext), 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return {
    original_type: kind,
    algorithm: 'AEAD_AES_256_GCM',
    ciphertext: data.toString('base64'),
    associated_data: kind,
    nonce,
  };
}
