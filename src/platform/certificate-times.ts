import { X509Certificate } from 'node:crypto';
import { fromEpochMs } from './time';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^]+?-----END CERTIFICATE-----/g;

/** When the first certificate of a PEM text ends: of a chain, the holder's own. */
export function expireTimeOf(pem: string): Date {
  return fromEpochMs(Date.parse(new X509Certificate(pem).validTo));
}

/** The certificates of a PEM text, one after another. Throws where one can not be read. */
export function certificatesOf(pem: string): readonly X509Certificate[] {
  return (pem.match(CERTIFICATE) ?? []).map((one) => new X509Certificate(one));
}

/** When the first of all certificates of a PEM text ends to be valid: of a bundle of CAs, the one that has to be replaced next. */
export function firstExpireTimeOf(pem: string): Date {
  return fromEpochMs(Math.min(...certificatesOf(pem).map(({ validTo }) => Date.parse(validTo))));
}
