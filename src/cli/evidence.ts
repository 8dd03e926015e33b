import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { Command } from 'commander';
import { verifyEvidence } from '../audit';
import { AuditServiceClient } from '../gen/billing/v1/audit_service.pb';
import { ExportEvidenceRequest, type ExportEvidenceResponse } from '../gen/billing/v1/evidence.pb';
import { systemClock } from '../platform/clock';
import { sha256 } from '../platform/crypto/sha256';
import { callUnary } from './connection';
import { readVerifiers } from './public-keys';
import type { CommandParts } from './quota';

/** The commands that hand over evidence about an order, a user or a task, and verify it. */

/** Adds `evidence export` and `evidence verify`. */
export function addEvidenceCommands(program: Command, parts: CommandParts): void {
  const evidence = program
    .command('evidence')
    .description('hand over what is known about an order, a user or a task, signed, and verify it');
  addExport(evidence, parts);
  addVerify(evidence, parts);
}

interface ExportOptions {
  readonly user?: string;
  readonly out?: string;
}

/** An archive is made while its first piece is asked for. */
const EXPORT_TIMEOUT_MS = 30_000;

/** What to ask for. Throws where a task comes without its user, or a user where there is none to name. */
function requestOf(type: string, id: string, user: string | undefined): Partial<ExportEvidenceRequest> {
  if ((type === 'task') !== (user !== undefined)) {
    throw new Error('--user names whose task it is: it goes with a task, and with nothing else');
  }
  if (type === 'order') return { orderId: id };
  return type === 'user' ? { userId: id } : { taskId: id, userId: user ?? '' };
}

/** Fetches an archive piece by piece. Throws when the pieces are not the archive that was announced. */
async function fetchArchive(
  client: AuditServiceClient,
  wanted: Partial<ExportEvidenceRequest>,
): Promise<{ readonly archive: Buffer; readonly answer: ExportEvidenceResponse }> {
  const pieces: Buffer[] = [];
  let offset = 0;
  let archiveHash = '';
  for (;;) {
    const request = ExportEvidenceRequest.fromPartial({ ...wanted, offset, archiveHash });
    const call = client.exportEvidence.bind(client);
    const answer = await callUnary(call, request, systemClock.now(), EXPORT_TIMEOUT_MS);
    pieces.push(answer.content);
    offset += answer.content.length;
    ({ archiveHash } = answer);
    if (offset < answer.totalBytes && answer.content.length > 0) continue;
    const archive = Buffer.concat(pieces);
    if (sha256(archive).toString('hex') !== archiveHash)
      throw new Error('the archive was damaged on its way: try again');
    return { archive, answer };
  }
}

/** Writes a file that was not there, for nobody but its owner: it holds personal data. */
function writeNew(path: string, content: Buffer): void {
  const file = openSync(path, 'wx', 0o600);
  try {
    for (let at = 0; at < content.length;) at += writeSync(file, content, at);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function addExport(evidence: Command, { output, withClient }: CommandParts): void {
  evidence
    .command('export <type> <id>')
    .description('write a signed archive about an order, a user, or a task of a user (as auditor)')
    .option('--user <user_id>', 'whose task it is')
    .option('--out <file>', 'where to write it; default: a name of its own in this directory')
    .action(async (type: string, id: string, { user, out }: ExportOptions) => {
      if (!['order', 'user', 'task'].includes(type)) throw new Error('the type must be order, user or task');
      const wanted = requestOf(type, id, user);
      const { archive, answer } = await withClient(AuditServiceClient, (client) => fetchArchive(client, wanted));
      const file = out ?? answer.fileName;
      writeNew(file, archive);
      output().record({ file, bytes: archive.length, sha256: answer.archiveHash });
    });
}

function addVerify(evidence: Command, { output }: CommandParts): void {
  evidence
    .command('verify <file>')
    .description('verify such an archive with nothing but public keys: signature, files, chains')
    .option('--public-key <file>', 'public keys in PEM; also AUDIT_PUBLIC_KEY. Default: the local stack')
    .action((file: string, { publicKey }: { publicKey?: string }) => {
      const { subject, problems, anchor, ...report } = verifyEvidence(readFileSync(file), readVerifiers(publicKey));
      output().recordWithRows(
        {
          verdict: problems.length === 0 ? 'proved' : 'NOT PROVED',
          subject: subject === undefined ? undefined : `${subject.type} ${subject.id}`,
          user_id: subject?.user_id,
          time: report.time,
          requested_by: report.requestedBy,
          key_id: report.keyId,
          files: report.files,
          rows: report.rows,
          quota_rows: report.quotaRows,
          quota_rows_behind: report.quotaRowsBehind,
          audit_rows_sealed: report.auditSealed,
          audit_rows_unsealed: report.auditUnsealed,
          anchor: anchor === undefined ? undefined : `${anchor.number} of ${anchor.time}`,
          anchor_signature: anchor?.signature,
        },
        'problems',
        ['problem'],
        problems.map((problem) => [problem]),
      );
      if (problems.length > 0) process.exitCode = 1;
    });
}
