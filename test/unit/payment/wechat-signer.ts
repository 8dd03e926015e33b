import { createCipheriv, createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';

/**
 * WeChat Pay's side of the protocol for tests, written from the documentation and sharing no code with src: signs what
 * WeChat would sign and encrypts what it would encrypt.
 */
export const PUBLIC_KEY_ID = 'PUB_KEY_ID_0114232134912410000000000000000000';
export const APIV3_KEY = 'a7cde1ZJB1kG2e7VfTs3jQzaWizur8Gb';

/** A fresh RSA-2048 pair; the public half in PEM too. */
export function makeKeyPair(): { privateKey: KeyObject; publicKey: KeyObject; publicPem: string; privatePem: string } {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return {
    privateKey,
    publicKey,
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** The five Wechatpay-* headers over a body, in lower case. */
export function signedHeaders(
  privateKey: KeyObject,
  body: Buffer | string,
  at: Date,
  serial: string = PUBLIC_KEY_ID,
): Record<string, string> {
  const timestamp = String(Math.floor(at.getTime() / 1_000));
  const nonce = '8p3nVJ2mQhC0rT6yLxKbW1uZsEa9dGfN';
  const signer = createSign('sha256').update(`${timestamp}\n${nonce}\n`).update(body).update('\n');
  return {
    'wechatpay-timestamp': timestamp,
    'wechatpay-nonce': nonce,
    'wechatpay-serial': serial,
    'wechatpay-signature': signer.sign(privateKey, 'base64'),
    'wechatpay-signature-type': 'WECHATPAY2-SHA256-RSA2048',
  };
}

/** An encrypted resource as it stands in a notification. */
export function encryptedResource(plaintext: string, nonce = 'fdasflkja484', associatedData = 'transaction') {
  const cipher = createCipheriv('aes-256-gcm', Buffer.from(APIV3_KEY), Buffer.from(nonce));
  cipher.setAAD(Buffer.from(associatedData));
  const sealed = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return {
    original_type: 'transaction',
    algorithm: 'AEAD_AES_256_GCM',
    ciphertext: sealed.toString('base64'),
    associated_data: associatedData,
    nonce,
  };
}

/** The envelope of a payment notification. */
export function notificationBody(resource: unknown, eventType = 'TRANSACTION.SUCCESS'): string {
  return JSON.stringify({
    id: 'EV-2018022511223320873',
    create_time: '2026-07-01T12:00:05+08:00',
    resource_type: 'encrypt-resource',
    event_type: eventType,
    summary: '支付成功',
    resource,
  });
}
