import { X509Certificate, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { fromEpochMs } from '../../platform/time';
import { requireRsa } from './keys';
import { decryptResource } from './resource-cipher';

/**
 * The platform certificates (平台证书) that GET /v3/certificates tells of; pure.
 * Source: WeChat Pay API v3, 获取平台证书.
 */
export const CERTIFICATES_PATH = '/v3/certificates';

/** A key that WeChat Pay signs with until its certificate expires. */
export interface PlatformCertificate {
  /** Upper-case hex. */
  readonly serial: string;
  readonly publicKey: KeyObject;
  readonly expireTime: Date;
}

const certificateShape = z.object({
  serial_no: z.string().regex(/^[0-9A-F]{1,40}$/),
  encrypt_certificate: z.object({
    algorithm: z.string(),
    nonce: z.string(),
    associated_data: z.string().nullish(),
    ciphertext: z.string(),
  }),
});
const answerShape = z.object({ data: z.array(z.unknown()) });

/**
 * Reads the certificates of an answer. What was decrypted with the APIv3 key is authentic, whoever signed the answer. One
 * that can not be read does not hide the others; throws the first reason when none can be read.
 */
export function readCertificates(body: Buffer, apiv3Key: string): readonly PlatformCertificate[] {
  const { data } = answerShape.parse(JSON.parse(body.toString('utf8')));
  const certificates: PlatformCertificate[] = [];
  let fault: unknown = new Error('WeChat Pay told of no platform certificate');
  for (const entry of data) {
    try {
      certificates.push(readCertificate(entry, apiv3Key));
    } catch (error) {
      if (certificates.length === 0) fault = error;
    }
  }
  if (certificates.length === 0) throw fault;
  return certificates;
}

function readCertificate(entry: unknown, apiv3Key: string): PlatformCertificate {
  const { serial_no: serial, encrypt_certificate: sealed } = certificateShape.parse(entry);
  const { algorithm, ciphertext, nonce } = sealed;
  const resource = { algorithm, ciphertext, nonce, associatedData: sealed.associated_data ?? '' };
  const certificate = new X509Certificate(decryptResource(resource, apiv3Key));
  // The serial that WeChat Pay names with a signature must lead to this key and to no other.
  if (certificate.serialNumber !== serial) throw new Error(`the platform certificate is not ${serial}`);
  return {
    serial,
    publicKey: requireRsa(certificate.publicKey, serial),
    expireTime: fromEpochMs(Date.parse(certificate.validTo)),
  };
}
