import { ServerCredentials } from '@grpc/grpc-js';

/** PEM texts: the CA that client certificates must come from, and the server's own certificate and key. */
export interface TlsMaterial {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** TLS 1.3, and of TLS 1.2 only suites with forward secrecy and authenticated encryption. */
const CIPHERS = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
].join(':');

/**
 * Mutual TLS: a client without a certificate of our CA does not get past the handshake. `ServerCredentials.createSsl`
 * offers neither a minimum version nor a cipher list, hence a class of our own.
 */
export class MutualTlsCredentials extends ServerCredentials {
  constructor(tls: TlsMaterial) {
    super(
      { requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.2', ciphers: CIPHERS, honorCipherOrder: true },
      { ca: tls.ca, cert: tls.cert, key: tls.key },
    );
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}
