import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { encryptedResource } from './wechat-signer';

/** A platform certificate with its private key, made by openssl: node:crypto can not sign X.509. */
export interface MadeCertificate {
  readonly serial: string;
  readonly pem: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly expireTime: Date;
}

/** Makes one whose serial is 40 digits of hex and begins with the given ones; valid from now on. */
export function makeCertificate(serialStart: string, days = 3_650, bits = 2_048): MadeCertificate {
  const serial = serialStart.padEnd(40, '0');
  const printed = execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', `rsa:${bits}`, '-nodes', '-sha256', '-days', String(days)],
      ...['-set_serial', `0x${serial}`, '-subj', '/CN=test', '-keyout', '-', '-out', '-'],
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const certificate = new X509Certificate(printed.slice(printed.indexOf('-----BEGIN CERTIFICATE-----')));
  return {
    serial,
    pem: certificate.toString(),
    privateKey: createPrivateKey(printed),
    publicKey: certificate.publicKey,
    expireTime: new Date(certificate.validTo),
  };
}

/** One entry of the answer of GET /v3/certificates. */
export function certificateEntry(pem: string, serial: string): Record<string, unknown> {
  const { algorithm, ciphertext, associated_data, nonce } = encryptedResource(pem, '14b16c03dc1b', 'certificate');
  return {
    serial_no: serial,
    effective_time: '2026-01-01T00:00:00+08:00',
    expire_time: '2030-01-01T00:00:00+08:00',
    encrypt_certificate: { algorithm, ciphertext, associated_data, nonce },
  };
}

/** The body of that answer. */
export function certificatesBody(...certificates: readonly MadeCertificate[]): string {
  return JSON.stringify({ data: certificates.map(({ pem, serial }) => certificateEntry(pem, serial)) });
}
