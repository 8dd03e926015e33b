/** X.509 certificates by the openssl program; keys and checks by node:crypto. */
import { X509Certificate, createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { readIfThere } from '../files.mjs';
import { programPath } from '../prepare/programs.mjs';
import { run } from '../processes.mjs';

/** A new private key in PEM, PKCS #8. */
export function newEcKey() {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' });
}

/** A new private key in PEM, PKCS #8. */
export function newRsaKey() {
  return generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey.export({ type: 'pkcs8', format: 'pem' });
}

/** A serial number of exactly 40 hexadecimal digits: 20 bytes, positive, without a leading zero. */
function newSerial() {
  const bytes = randomBytes(20);
  bytes[0] = 0x10 + (bytes[0] % 0x70);
  return bytes.toString('hex').toUpperCase();
}

/**
 * Signs a certificate for the key and returns it as PEM: by the issuer `{ certificate, key }`, or self-signed without.
 * Extensions are lines of an openssl extension section.
 */
export async function newCertificate({ key, subject, days, extensions, issuer, workDirectory }) {
  const work = mkdtempSync(path.join(workDirectory, 'openssl-'));
  const file = (name, content) => {
    writeFileSync(path.join(work, name), content, { mode: 0o600 });
    return path.join(work, name);
  };
  const openssl = (...words) => run(programPath('openssl'), words);
  try {
    const keyFile = file('key.pem', key);
    const config = file('request.cnf', '[req]\ndistinguished_name = name\n[name]\n');
    const request = await openssl('req', '-new', '-sha256', '-config', config, '-key', keyFile, '-subj', subject);
    const signer =
      issuer === undefined
        ? ['-signkey', keyFile]
        : ['-CA', file('ca.crt', issuer.certificate), '-CAkey', file('ca.key', issuer.key)];
    const certificate = await openssl(
      ...['x509', '-req', '-sha256', '-in', file('request.pem', request), ...signer, '-days', String(days)],
      ...['-set_serial', `0x${newSerial()}`, '-extfile', file('extensions.cnf', `${extensions.join('\n')}\n`)],
    );
    return certificate.toString();
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The certificate and key of two files, or undefined unless both are there and belong together. */
export function readPair(certificateFile, keyFile) {
  const certificate = readIfThere(certificateFile);
  const key = readIfThere(keyFile);
  if (certificate === undefined || key === undefined) return undefined;
  try {
    const parsed = new X509Certificate(certificate);
    return parsed.checkPrivateKey(createPrivateKey(key)) ? { certificate, key, parsed } : undefined;
  } catch {
    return undefined;
  }
}
