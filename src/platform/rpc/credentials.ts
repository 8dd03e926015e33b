import { checkServerIdentity, createSecureContext, type PeerCertificate } from 'node:tls';
import { credentials, ServerCredentials, type ChannelCredentials } from '@grpc/grpc-js';

/** PEM texts: the CA that the other side's certificates must come from, and the service's own certificate and key. */
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

/** Node falls back to the common name, which in our certificates names a person or a service, never a host. */
function checkAlternativeNames(host: string, certificate: PeerCertificate): Error | undefined {
  return checkServerIdentity(host, { ...certificate, subject: { ...certificate.subject, CN: '' } });
}

/**
 * The same for calls that the service makes: its own certificate is shown, and the server's must come from our CA and
 * have the host that was called among its subject alternative names. `createSsl` offers no minimum version.
 */
export function clientCredentials(tls: TlsMaterial): ChannelCredentials {
  const { ca, cert, key } = tls;
  const context = createSecureContext({ ca, cert, key, minVersion: 'TLSv1.2', ciphers: CIPHERS });
  return credentials.createFromSecureContext(context, { checkServerIdentity: checkAlternativeNames });
}
