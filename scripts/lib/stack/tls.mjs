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

/** What a leaf may be used for, by openssl's names and as node:crypto reads it back. */
const USAGE_OIDS = Object.freeze({ serverAuth: '1.3.6.1.5.5.7.3.1', clientAuth: '1.3.6.1.5.5.7.3.2' });

const AUTHORITY = ['basicConstraints = critical, CA:TRUE', 'keyUsage = critical, keyCertSign, cRLSign'];
const LEAF = ['basicConstraints = critical, CA:FALSE', 'keyUsage = critical, digitalSignature'];

function filesOf(directory, name) {
  return { certificateFile: path.join(directory, `${name}.crt`), keyFile: path.join(directory, `${name}.key`) };
}

/** The pair on disk, if it lasts long enough and, for a leaf, comes from this CA and may be used for all it must. */
function usablePair({ certificateFile, keyFile }, issuer, usages = []) {
  const pair = readPair(certificateFile, keyFile);
  if (pair === undefined || Date.parse(pair.parsed.validTo) - Date.now() < RENEWAL_MARGIN_MS) return undefined;
  if (issuer !== undefined && !pair.parsed.verify(issuer.parsed.publicKey)) return undefined;
  return usages.every((usage) => pair.parsed.keyUsage?.includes(USAGE_OIDS[usage])) ? pair : undefined;
}

async function settlePair(directory, name, { commonName, days, extensions, issuer, usages }) {
  const files = filesOf(directory, name);
  const before = usablePair(files, issuer, usages);
  if (before !== undefined) return before;
  const key = newEcKey();
  const subject = `/O=billing-guard development/CN=${commonName}`;
  const certificate = await newCertificate({ key, subject, days, extensions, issuer, workDirectory: directory });
  // A crash between the two leaves a pair that does not match, which the next start makes anew.
  writeAtomic(files.keyFile, key, 0o600);
  writeAtomic(files.certificateFile, certificate);
  return readPair(files.certificateFile, files.keyFile);
}

/** The server calls, too: the AI task service, as whom it signs its own rows. */
const SERVER = {
  name: 'server',
  commonName: 'billing-guard',
  usages: ['serverAuth', 'clientAuth'],
  subjectAltName: 'DNS:localhost,IP:127.0.0.1,IP:::1,URI:spiffe://billing/system/billing-guard',
};

/** Makes sure `<directory>/ca`, `server` and every identity exist as `.crt` and `.key`. */
export async function settleTls(directory) {
  mkdirSync(directory, { recursive: true });
  const clients = Object.entries(IDENTITIES).map(([name, role]) => ({
    name,
    commonName: name,
    usages: ['clientAuth'],
    subjectAltName: `URI:spiffe://billing/${role}/${name}`,
  }));
  const leaves = [SERVER, ...clients];
  const settleLeaf = ({ name, commonName, usages, subjectAltName }, issuer) => {
    const extensions = [...LEAF, `extendedKeyUsage = ${usages.join(',')}`, `subjectAltName = ${subjectAltName}`];
    return settlePair(directory, name, { commonName, days: LEAF_DAYS, extensions, issuer, usages });
  };
  const makeAll = async () => {
    const ca = { commonName: 'billing-guard development CA', days: CA_DAYS, extensions: AUTHORITY };
    const issuer = await settlePair(directory, 'ca', ca);
    await Promise.all(leaves.map((leaf) => settleLeaf(leaf, issuer)));
  };
  const issuer = usablePair(filesOf(directory, 'ca'));
  const isUsable = ({ name, usages }) => usablePair(filesOf(directory, name), issuer, usages) !== undefined;
  if (issuer === undefined || !leaves.every(isUsable)) await step('Making development certificates', makeAll);
}
