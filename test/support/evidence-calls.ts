import { createPrivateKey, createPublicKey } from 'node:crypto';
import { unpack } from '../../src/audit/evidence/archive';
import { ExportEvidenceRequest, type ExportEvidenceResponse } from '../../src/gen/billing/v1/evidence.pb';
import { createVerifier, type Verifier } from '../../src/platform/crypto/signing';
import { call, mustSucceed, type Identity, type Reply } from './clients';
import type { Harness } from './harness';

/** ExportEvidence as an auditor calls it, and what is in the archive. */

export function exportEvidence(
  h: Pick<Harness, 'as'>,
  fields: Partial<ExportEvidenceRequest>,
  identity: Identity = 'auditor',
): Promise<Reply<ExportEvidenceResponse>> {
  const { audit } = h.as(identity);
  return call(audit.exportEvidence.bind(audit), ExportEvidenceRequest.fromPartial(fields));
}

/** A whole archive that fits into one piece. */
export async function fetchEvidence(h: Pick<Harness, 'as'>, fields: Partial<ExportEvidenceRequest>): Promise<Buffer> {
  const { content, totalBytes } = await mustSucceed(exportEvidence(h, fields));
  expect(content).toHaveLength(totalBytes);
  return content;
}

/** The public key that belongs to the run's signing key, in PEM. */
export function auditPublicKey(h: Harness): string {
  const key = createPublicKey(createPrivateKey(h.infra.auditSigningKey));
  return key.export({ type: 'spki', format: 'pem' }) as string;
}

export function auditVerifier(h: Harness): Verifier {
  return createVerifier(auditPublicKey(h));
}

/** A line of a file of an archive. */
type Line = Readonly<Record<string, unknown>>;

/** The rows of a table in an archive. */
export function rowsOf(archive: Buffer, table: string): Line[] {
  return linesOf(archive, `tables/${table}.jsonl`);
}

/** The lines of a file of an archive. */
export function linesOf(archive: Buffer, path: string): Line[] {
  const lines = (unpack(archive).files.get(path) ?? Buffer.alloc(0)).toString('utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Line);
}
