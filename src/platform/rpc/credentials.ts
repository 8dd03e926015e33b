import { checkServerIdentity, createSecureContext, type PeerCertificate, type SecureContextOptions } from 'node:tls';
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

function contextOf({ ca, cert, key }: TlsMaterial): SecureContextOptions {
  return { ca, cert, key, minVersion: 'TLSv1.2', ciphers: CIPHERS, honorCipherOrder: true };
}

/**
 * Mutual TLS: a client without a certificate of our CA does not get past the handshake. `ServerCredentials.createSsl`
 * offers neither a minimum version nor a cipher list, hence a class of our own.
 */
export class MutualTlsCredentials extends ServerCredentials {
  constructor(tls: TlsMaterial) {
    super({ requestCert: true, rejectUnauthorized: true }, contextOf(tls));
  }

  /** New handshakes use it from now on; connections that are open go on. It must be usable (tls-files.ts). */
  renew(tls: TlsMaterial): void {
    this.updateSecureContextOptions(contextOf(tls));
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
  const context = createSecureContext(contextOf(tls));
  return credentials.createFromSecureContext(context, { checkServerIdentity: checkAlternativeNames });
}
