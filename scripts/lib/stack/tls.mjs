/** The development CA, the server's certificate and one client certificate per identity. Renewed a week before they end. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { writeAtomic } from '../files.mjs';
import { step } from '../terminal.mjs';
import { newCertificate, newEcKey, readPair } from './openssl.mjs';

/** Who may call, and in which role: the second person of a role is for rules that want two. */
const IDENTITIES = Object.freeze({
  'ai-task-service': 'ai-task-service',
  'order-service': 'order-service',
  operations: 'operations',
  'operations-2': 'operations',
  finance: 'finance',
  'finance-2': 'finance',
  auditor: 'auditor',
});
export const IDENTITY_NAMES = Object.freeze(Object.keys(IDENTITIES));

const CA_DAYS = 730;
const LEAF_DAYS = 180;
const RENEWAL_MARGIN_MS = 7 * 86_400_000;

const AUTHORITY = ['basicConstraints = critical, CA:TRUE', 'keyUsage = critical, keyCertSign, cRLSign'];
const LEAF = ['basicConstraints = critical, CA:FALSE', 'keyUsage = critical, digitalSignature'];

function filesOf(directory, name) {
  return { certificateFile: path.join(directory, `${name}.crt`), keyFile: path.join(directory, `${name}.key`) };
}

/** The pair on disk, if it lasts long enough and, for a leaf, comes from this CA. */
function usablePair({ certificateFile, keyFile }, issuer) {
  const pair = readPair(certificateFile, keyFile);
  if (pair === undefined || Date.parse(pair.parsed.validTo) - Date.now() < RENEWAL_MARGIN_MS) return undefined;
  if (issuer !== undefined && !pair.parsed.verify(issuer.parsed.publicKey)) return undefined;
  return pair;
}

async function settlePair(directory, name, { commonName, days, extensions, issuer }) {
  const files = filesOf(directory, name);
  const before = usablePair(files, issuer);
  if (before !== undefined) return before;
  const key = newEcKey();
  const subject = `/O=billing-guard development/CN=${commonName}`;
  const certificate = await newCertificate({ key, subject, days, extensions, issuer, workDirectory: directory });
  // A crash between the two leaves a pair that does not match, which the next start makes anew.
  writeAtomic(files.keyFile, key, 0o600);
  writeAtomic(files.certificateFile, certificate);
  return readPair(files.certificateFile, files.keyFile);
}

/** Makes sure `<directory>/ca`, `server` and every identity exist as `.crt` and `.key`. */
export async function settleTls(directory) {
  mkdirSync(directory, { recursive: true });
  const leaves = [
    [
      'server',
      'billing-guard',
      ['extendedKeyUsage = serverAuth', 'subjectAltName = DNS:localhost,IP:127.0.0.1,IP:::1'],
    ],
    ...Object.entries(IDENTITIES).map(([name, role]) => [
      name,
      name,
      ['extendedKeyUsage = clientAuth', `subjectAltName = URI:spiffe://billing/${role}/${name}`],
    ]),
  ];
  const makeAll = async () => {
    const ca = { commonName: 'billing-guard development CA', days: CA_DAYS, extensions: AUTHORITY };
    const issuer = await settlePair(directory, 'ca', ca);
    await Promise.all(
      leaves.map(([name, commonName, more]) =>
        settlePair(directory, name, { commonName, days: LEAF_DAYS, extensions: [...LEAF, ...more], issuer }),
      ),
    );
  };
  const issuer = usablePair(filesOf(directory, 'ca'));
  const isComplete =
    issuer !== undefined && leaves.every(([name]) => usablePair(filesOf(directory, name), issuer) !== undefined);
  if (!isComplete) await step('Making development certificates', makeAll);
}
