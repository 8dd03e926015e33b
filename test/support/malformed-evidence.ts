import { ExportEvidenceRequest } from '../../src/gen/billing/v1/evidence.pb';
import { call } from './clients';
import { bound, OPTIONAL_ID, UNITS, type Faults, type MalformedCalls } from './malformed-fields';

const OPTIONAL_ORDER_ID: Faults = [
  ['5 characters', 'abcde'],
  ['33 characters', 'a'.repeat(33)],
  ['a star', 'abc*def'],
];
const ARCHIVE_HASH: Faults = [
  ['63 digits', 'a'.repeat(63)],
  ['capitals', 'A'.repeat(64)],
  ['no digits', 'z'.repeat(64)],
];

/** AuditService's RPC about evidence. */
export const MALFORMED_EVIDENCE_CALLS: readonly MalformedCalls[] = [
  {
    rpc: 'AuditService/ExportEvidence',
    valid: (userId) => ({ userId }),
    faults: {
      orderId: OPTIONAL_ORDER_ID,
      userId: [['nothing', ''], ...OPTIONAL_ID],
      taskId: OPTIONAL_ID,
      offset: UNITS,
      archiveHash: ARCHIVE_HASH,
    },
    send: (h, fields) => call(bound(h.as('auditor').audit, 'exportEvidence'), ExportEvidenceRequest.create(fields)),
  },
];
