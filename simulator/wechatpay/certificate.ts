import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const LIFE_MS = 5 * 365 * 86_400_000;

/** A private key and its certificate in PEM. */
export interface CertificatePair {
  readonly keyPem: string;
  readonly certificatePem: string;
}

/**
 * Makes a platform certificate, valid from an instant on for five years, with the openssl program, as node:crypto cannot
 * sign X.509. Leaves no file behind.
 */
export async function makeCertificate(validFrom: Date): Promise<CertificatePair> {
  const workDir = await mkdtemp(join(tmpdir(), 'wechatpay-certificate-'));
  const path = (name: string): string => join(workDir, name);
  const openssl = (...words: string[]) => run('openssl', words, { cwd: workDir });
  const validTo = new Date(validFrom.getTime() + LIFE_MS);
  try {
    await writeFile(path('ca.cnf'), CONFIGURATION);
    await writeFile(path('index.txt'), '');
    await writeFile(path('serial'), newSerial());
    const subject = ['-subj', '/O=billing-guard development/CN=local WeChat Pay'];
    const files = ['-keyout', 'platform.key', '-out', 'request.pem'];
    await openssl('req', '-config', 'ca.cnf', '-new', '-newkey', 'rsa:2048', '-nodes', ...subject, ...files);
    // Only `openssl ca` can be told the validity in every version: the clock of the local stack may have been moved.
    const validity = ['-startdate', opensslTime(validFrom), '-enddate', opensslTime(validTo)];
    const signing = ['-selfsign', '-keyfile', 'platform.key', '-in', 'request.pem', '-out', 'platform.crt'];
    await openssl('ca', '-config', 'ca.cnf', '-batch', '-notext', ...validity, ...signing);
    const [keyPem, certificatePem] = await Promise.all(
      ['platform.key', 'platform.crt'].map((name) => readFile(path(name), 'utf8')),
    );
    return { keyPem: keyPem ?? '', certificatePem: certificatePem ?? '' };
  } finally {
    await rm(workDir, { recursive: true });
  }
}

const CONFIGURATION = `
[req]
distinguished_name = any
[ca]
default_ca = local
[local]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
x509_extensions = leaf
[any]
O = optional
CN = optional
[leaf]
basicConstraints = critical, CA:FALSE
`;

/** `20260131155959Z`. */
function opensslTime(at: Date): string {
  return `${at.toISOString().slice(0, 19).replace(/\D/g, '')}Z`;
}

/** 20 bytes, positive and without a leading zero: 40 hexadecimal digits, as merchants expect. */
function newSerial(): string {
  const bytes = randomBytes(20);
  bytes.writeUInt8(0x40 | (bytes.readUInt8(0) & 0x3f), 0);
  return bytes.toString('hex').toUpperCase();
}
