import { judgeDocument } from '../../platform/crypto/document-signature';
import type { Verifier } from '../../platform/crypto/signing';
import { sha256 } from '../../platform/crypto/sha256';
import { MANIFEST, SIGNATURE, unpack, type Unpacked } from './archive';
import { parseManifest, parseSignature, type Manifest } from './manifest';
import { MalformedArchive } from './tar';
import { checkAnchor, type ArchivedAnchor } from './verify-anchor';
import { checkAuditPlaces, checkQuotaChain } from './verify-chains';
import { parseRows, type JsonRow } from './json-rows';

/**
 * Verifies an archive from its bytes and public keys alone: the signature, each file, each hash of the user's log and of
 * the audit rows. What only the whole database can prove (that the chains it holds are those of before, `billing audit verify
 * --anchor`) is not asked here. Pure.
 */
export interface EvidenceReport {
  readonly subject: Manifest['subject'] | undefined;
  readonly time: string | undefined;
  readonly requestedBy: string | undefined;
  readonly keyId: string | undefined;
  readonly files: number;
  readonly rows: number;
  /** Rows of the user's log whose hashes were computed again. */
  readonly quotaRows: number;
  /** Rows of it that came later and are not in the archive: what they say of the user's account is not proved. */
  readonly quotaRowsBehind: number;
  /** Audit rows whose place in the chain was computed again, and those that had none yet. */
  readonly auditSealed: number;
  readonly auditUnsealed: number;
  /** The newest anchor in the archive, and whether one of the keys signed it; undefined when it holds none. */
  readonly anchor: ArchivedAnchor | undefined;
  /** Everything that is wrong; empty: proved. */
  readonly problems: readonly string[];
}

const NOTHING: EvidenceReport = {
  ...{ subject: undefined, time: undefined, requestedBy: undefined, keyId: undefined },
  ...{
    files: 0,
    rows: 0,
    quotaRows: 0,
    quotaRowsBehind: 0,
    auditSealed: 0,
    auditUnsealed: 0,
    anchor: undefined,
    problems: [],
  },
};

/** What is wrong with the signature; undefined when the key's owner signed exactly this manifest. */
function signatureProblem(
  files: ReadonlyMap<string, Buffer>,
  manifest: Buffer,
  verifiers: readonly Verifier[],
): string | undefined {
  const signature = parseSignature(files.get(SIGNATURE) ?? Buffer.alloc(0));
  if (signature === undefined) return `${SIGNATURE} is missing or no signature`;
  const verdict = judgeDocument(manifest, signature, verifiers);
  if (verdict === 'good') return undefined;
  if (verdict === 'bad') return `the signature does not fit ${MANIFEST}`;
  const given = verifiers.map(({ keyId }) => keyId).join(' ');
  return `it was signed with the key ${signature.key_id}, and the public keys given are ${given}`;
}

/** Files that are not what the manifest says. */
function fileProblems(files: ReadonlyMap<string, Buffer>, { files: listed }: Manifest): string[] {
  const problems: string[] = [];
  const names = new Set(listed.map(({ path }) => path));
  if (names.size !== listed.length) problems.push(`${MANIFEST} lists a file twice`);
  for (const path of files.keys()) {
    if (path !== MANIFEST && path !== SIGNATURE && !names.has(path)) problems.push(`${path} is not in ${MANIFEST}`);
  }
  for (const { path, bytes, sha256: listedHash } of listed) {
    const content = files.get(path);
    if (content === undefined) problems.push(`${path} is missing`);
    else if (content.length !== bytes || sha256(content).toString('hex') !== listedHash) {
      problems.push(`${path} was changed`);
    }
  }
  return problems;
}

/** Verifies an archive. Never throws: an archive that can not be read is a problem like any other. */
export function verifyEvidence(archive: Buffer, verifiers: readonly Verifier[]): EvidenceReport {
  let unpacked: Unpacked;
  try {
    unpacked = unpack(archive);
  } catch (error) {
    if (error instanceof MalformedArchive) return { ...NOTHING, problems: [error.message] };
    throw error;
  }
  const { files, time } = unpacked;
  const bytes = files.get(MANIFEST);
  const manifest = bytes === undefined ? undefined : parseManifest(bytes);
  if (bytes === undefined || manifest === undefined) {
    return { ...NOTHING, problems: [`${MANIFEST} is missing or no manifest`] };
  }
  const signed = signatureProblem(files, bytes, verifiers);
  const tampered = [...(signed === undefined ? [] : [signed]), ...fileProblems(files, manifest)];
  // tar knows whole seconds.
  if (Math.floor(Date.parse(manifest.time) / 1_000) * 1_000 !== time.getTime()) {
    tampered.push(`the files are of another time than ${MANIFEST} says`);
  }
  const about = {
    subject: manifest.subject,
    time: manifest.time,
    requestedBy: manifest.requested_by,
    keyId: manifest.key_id,
    files: files.size,
    rows: manifest.files.reduce((total, { rows = 0 }) => total + rows, 0),
  };
  return { ...NOTHING, ...about, ...verifyContents(files, manifest, verifiers, tampered) };
}

/** Computes the chains of the files again. */
function verifyContents(
  files: ReadonlyMap<string, Buffer>,
  manifest: Manifest,
  verifiers: readonly Verifier[],
  tampered: readonly string[],
): Pick<EvidenceReport, 'quotaRows' | 'quotaRowsBehind' | 'auditSealed' | 'auditUnsealed' | 'anchor' | 'problems'> {
  const problems = [...tampered];
  const rowsOf = (path: string): readonly JsonRow[] => {
    const rows = parseRows(files.get(path) ?? Buffer.alloc(0));
    if (rows === undefined) problems.push(`${path} holds a line that is no row`);
    return rows ?? [];
  };
  const quota = checkQuotaChain(manifest, {
    user: rowsOf('tables/users.jsonl')[0],
    lots: rowsOf('tables/quota_grants.jsonl'),
    logs: rowsOf('tables/quota_logs.jsonl'),
  });
  const places = rowsOf('proof/audit_chain.jsonl');
  const audit = checkAuditPlaces(rowsOf('tables/audit_logs.jsonl'), places);
  const { anchor, problems: anchorProblems } = checkAnchor(rowsOf('proof/audit_anchors.jsonl')[0], places, verifiers);
  problems.push(...quota.problems, ...audit.problems, ...anchorProblems);
  const { rows: quotaRows, behind: quotaRowsBehind } = quota;
  return { quotaRows, quotaRowsBehind, auditSealed: audit.sealed, auditUnsealed: audit.unsealed, anchor, problems };
}
