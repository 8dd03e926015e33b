import { z } from 'zod';
import type { ExportEvidenceRequest, ExportEvidenceResponse } from '../../gen/billing/v1/evidence.pb';
import type { Caller } from '../../platform/calls';
import type { Clock } from '../../platform/clock';
import { sha256InParts } from '../../platform/crypto/sha256';
import { platformErrors } from '../../platform/errors';
import * as rules from '../../platform/request-rules';
import type { AuditHandlers } from '../audit.rpc';
import { buildEvidence, type EvidenceParts, type EvidenceRequest } from './build-evidence';
import { evidenceErrors } from './evidence.errors';
import { KeptArchives, type KeptArchive } from './kept-archives';
import type { EvidenceSubject } from './subject';

const exportRequest = z.object({
  orderId: z.union([z.literal(''), rules.orderId]),
  userId: rules.optionalOpaqueId,
  taskId: rules.optionalOpaqueId,
  offset: z.number().int('must be a whole number').min(0, 'must not be negative'),
  archiveHash: z.string().regex(/^(?:[0-9a-f]{64})?$/, 'must be 64 lower-case hex digits'),
});

type Parsed = z.infer<typeof exportRequest>;

/** The most bytes of one piece: well below the size of a message. */
const PIECE_BYTES = 1_048_576;

function malformed(field: string, description: string): Error {
  return platformErrors.INVALID_REQUEST({ fieldViolations: [{ field, description }] });
}

/** What the request is about: an order, a user, or a task of a user. Throws INVALID_REQUEST. */
function subjectOf({ orderId, userId, taskId }: Parsed): EvidenceSubject {
  if (orderId !== '') {
    if (userId !== '') throw malformed('user_id', 'must be empty: an order is asked for alone');
    if (taskId !== '') throw malformed('task_id', 'must be empty: an order is asked for alone');
    return { type: 'order', id: orderId };
  }
  if (userId === '') throw malformed('user_id', 'is required, unless order_id is given');
  return taskId === '' ? { type: 'user', id: userId } : { type: 'task', id: taskId, userId };
}

/** A name that says what is inside, of characters that every file system takes. */
function fileNameOf({ type, id }: EvidenceSubject, now: Date): string {
  const safeId = id.replaceAll(/[^0-9A-Za-z_-]/g, '_');
  return `evidence-${type}-${safeId}-${now.toISOString().replaceAll(/[-:]|\.\d+/g, '')}.tar.gz`;
}

function piece({ archive, hash, fileName }: KeptArchive, offset: number): ExportEvidenceResponse {
  if (offset >= archive.length) throw malformed('offset', 'is at or beyond the end of the archive');
  const content = archive.subarray(offset, offset + PIECE_BYTES);
  return { content, totalBytes: archive.length, archiveHash: hash, fileName };
}

/** Who may have the rest of an archive: whoever asked for it, as long as they ask about the same (the look is written down). */
function ownerOf({ identity }: Caller, subject: EvidenceSubject): string {
  return JSON.stringify([identity, subject]);
}

/** What the handlers are built from. */
export interface EvidenceServiceParts extends EvidenceParts {
  readonly clock: Clock;
}

/** AuditService's RPC about evidence: decode, call, encode. */
export function createEvidenceHandlers(parts: EvidenceServiceParts): Pick<AuditHandlers, 'exportEvidence'> {
  const kept = new KeptArchives();
  /** An archive is large and holds a connection while it is made: this process makes one at a time, beside the calls that it serves. */
  let isMaking = false;
  const make = async (request: EvidenceRequest): Promise<KeptArchive> => {
    if (isMaking) throw platformErrors.OVERLOADED();
    isMaking = true;
    try {
      const archive = await buildEvidence(parts, request);
      const hash = (await sha256InParts(archive)).toString('hex');
      return { archive, hash, fileName: fileNameOf(request.subject, request.now) };
    } finally {
      isMaking = false;
    }
  };
  return {
    exportEvidence: async ({ caller, signal }, request: ExportEvidenceRequest) => {
      const parsed = exportRequest.parse(request);
      const subject = subjectOf(parsed);
      const { offset, archiveHash } = parsed;
      if (archiveHash !== '') {
        const known = kept.find(ownerOf(caller, subject), archiveHash);
        if (known === undefined) throw evidenceErrors.EVIDENCE_GONE({ metadata: { archive_hash: archiveHash } });
        return piece(known, offset);
      }
      if (offset > 0) throw malformed('archive_hash', 'is required beyond the first piece');
      const now = parts.clock.now();
      const made = await make({ subject, requestedBy: caller.identity, now, signal });
      if (made.archive.length > PIECE_BYTES) kept.keep(ownerOf(caller, subject), made);
      return piece(made, 0);
    },
  };
}
