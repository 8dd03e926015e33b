import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate and its key, as PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** A certificate authority made for one test, by the `openssl` program. */
export interface TestCa {
  readonly ca: string;
  /** A certificate for `localhost` and 127.0.0.1. */
  issueServer(): KeyPair;
  /** A client's certificate; takes its subject alternative names as openssl writes them, `URI:…`. */
  issueClient(...subjectAltNames: string[]): KeyPair;
  /** A certificate whose common name is a host's and that has no subject alternative name. */
  issueCommonName(host: string): KeyPair;
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-days', '2'];

/** Makes a CA. Nothing is left on disk. */
export function createTestCa(): TestCa {
  const authority = inTempDir((dir) => {
    const extensions = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'];
    return request(dir, 'test CA', extensions, []);
  });
  const issue = (subjectAltNames: readonly string[], commonName = 'test'): KeyPair =>
    inTempDir((dir) => {
      const caCert = join(dir, 'ca.crt');
      const caKey = join(dir, 'ca.key');
      writeFileSync(caCert, authority.cert);
      writeFileSync(caKey, authority.key, { mode: 0o600 });
      const names = subjectAltNames.length === 0 ? [] : [`subjectAltName=${subjectAltNames.join(',')}`];
      return request(dir, commonName, ['basicConstraints=CA:FALSE', ...names], ['-CA', caCert, '-CAkey', caKey]);
    });
  return {
    ca: authority.cert,
    issueServer: () => issue(['DNS:localhost', 'IP:127.0.0.1']),
    issueClient: (...subjectAltNames) => issue(subjectAltNames),
    issueCommonName: (host) => issue([], host),
  };
}

function request(dir: string, commonName: string, extensions: readonly string[], signer: readonly string[]): KeyPair {
  const cert = join(dir, 'own.crt');
  const key = join(dir, 'own.key');
  const flags = extensions.flatMap((extension) => ['-addext', extension]);
  const output = ['-subj', `/CN=${commonName}`, '-out', cert, '-keyout', key];
  execFileSync('openssl', ['req', '-x509', ...NEW_KEY, ...flags, ...signer, ...output], { stdio: 'pipe' });
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
}

function inTempDir<Result>(work: (dir: string) => Result): Result {
  const dir = mkdtempSync(join(tmpdir(), 'billing-tls-'));
  try {
    return work(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}
