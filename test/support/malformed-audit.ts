import { ListAnchorsRequest } from '../../src/gen/billing/v1/audit_anchor.pb';
import { ListAccessLogsRequest, ListAuditLogsRequest } from '../../src/gen/billing/v1/audit_log.pb';
import { GetReviewRequest, RunReviewRequest } from '../../src/gen/billing/v1/review.pb';
import { call } from './clients';
import { bound, ID, OPTIONAL_ID, paging, type Faults, type MalformedCalls } from './malformed-fields';

/** AuditService. */

const IDENTITY: Faults = [
  ['a name alone', 'operations'],
  ['no URI', 'billing/operations/operations'],
  ['three levels', 'spiffe://billing/operations/a/b'],
  ['a pattern', 'spiffe://billing/%/%'],
];
const SUBJECT_TYPE: Faults = [
  ['17 letters', 'x'.repeat(17)],
  ['a capital', 'Order'],
  ['a space', 'gift campaign'],
];
const filter = { actor: IDENTITY, subjectType: SUBJECT_TYPE, userId: OPTIONAL_ID, ...paging };

export const MALFORMED_AUDIT_CALLS: readonly MalformedCalls[] = [
  {
    rpc: 'AuditService/ListAuditLogs',
    valid: () => ({ subjectType: 'order' }),
    faults: { ...filter, subjectId: OPTIONAL_ID },
    send: (h, fields) => call(bound(h.as('auditor').audit, 'listAuditLogs'), ListAuditLogsRequest.create(fields)),
  },
  {
    rpc: 'AuditService/ListAccessLogs',
    valid: () => ({ subjectType: 'order' }),
    faults: { ...filter, subjectId: OPTIONAL_ID },
    send: (h, fields) => call(bound(h.as('auditor').audit, 'listAccessLogs'), ListAccessLogsRequest.create(fields)),
  },
  {
    rpc: 'AuditService/ListAnchors',
    valid: () => ({}),
    faults: paging,
    send: (h, fields) => call(bound(h.as('auditor').audit, 'listAnchors'), ListAnchorsRequest.create(fields)),
  },
  {
    rpc: 'AuditService/RunReview',
    valid: () => ({ requestId: 'r-1' }),
    faults: {
      requestId: ID,
      reviewer: [
        ['65 characters', 'x'.repeat(65)],
        ['a line break', 'a\nb'],
      ],
    },
    send: (h, fields) => call(bound(h.as('auditor').audit, 'runReview'), RunReviewRequest.create(fields)),
  },
  {
    rpc: 'AuditService/GetReview',
    valid: () => ({}),
    faults: { reviewId: OPTIONAL_ID },
    send: (h, fields) => call(bound(h.as('auditor').audit, 'getReview'), GetReviewRequest.create(fields)),
  },
  {
    // One thing of no kind.
    rpc: 'AuditService/ListAuditLogs',
    valid: () => ({ subjectType: 'order', subjectId: 'o-1' }),
    faults: { subjectType: [['nothing', '']] },
    send: (h, fields) => call(bound(h.as('auditor').audit, 'listAuditLogs'), ListAuditLogsRequest.create(fields)),
  },
];
