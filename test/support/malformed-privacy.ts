import {
  ApproveErasureRequest,
  EraseUserRequest,
  GetErasureRequest,
  GetKeyRotationRequest,
  ListErasuresRequest,
  RejectErasureRequest,
  RotateDataKeysRequest,
} from '../../src/gen/billing/v1/privacy_service.pb';
import { call } from './clients';
import { bound, FREE_TEXT, ID, OPTIONAL_ID, paging, UNKNOWN_ENUM, type MalformedCalls } from './malformed-fields';

const DECISION = { valid: () => ({ requestId: 'e', erasureId: 'e' }), faults: { requestId: ID, erasureId: ID } };

/** Every RPC of PrivacyService. */
export const MALFORMED_PRIVACY_CALLS: readonly MalformedCalls[] = [
  {
    rpc: 'PrivacyService/RotateDataKeys',
    valid: () => ({ requestId: 'k' }),
    faults: {
      requestId: ID,
      keyId: [
        ['17 characters', 'k'.repeat(17)],
        ['a capital', 'K1'],
        ['another key than the first', 'no-such-key'],
      ],
    },
    send: (h, fields) =>
      call(bound(h.as('operations').privacy, 'rotateDataKeys'), RotateDataKeysRequest.create(fields)),
  },
  {
    rpc: 'PrivacyService/GetKeyRotation',
    valid: () => ({}),
    faults: { rotationId: OPTIONAL_ID },
    send: (h, fields) => call(bound(h.as('auditor').privacy, 'getKeyRotation'), GetKeyRotationRequest.create(fields)),
  },
  {
    rpc: 'PrivacyService/EraseUser',
    valid: (userId) => ({ requestId: 'e', userId, reason: 'asked for' }),
    faults: { requestId: ID, userId: ID, reason: [['nothing', ''], ['a space', ' '], ...FREE_TEXT] },
    send: (h, fields) => call(bound(h.as('operations').privacy, 'eraseUser'), EraseUserRequest.create(fields)),
  },
  {
    rpc: 'PrivacyService/ApproveErasure',
    ...DECISION,
    send: (h, fields) =>
      call(bound(h.as('operations').privacy, 'approveErasure'), ApproveErasureRequest.create(fields)),
  },
  {
    rpc: 'PrivacyService/RejectErasure',
    ...DECISION,
    send: (h, fields) => call(bound(h.as('operations').privacy, 'rejectErasure'), RejectErasureRequest.create(fields)),
  },
  {
    rpc: 'PrivacyService/GetErasure',
    valid: () => ({ erasureId: 'e' }),
    faults: { erasureId: ID },
    send: (h, fields) => call(bound(h.as('auditor').privacy, 'getErasure'), GetErasureRequest.create(fields)),
  },
  {
    rpc: 'PrivacyService/ListErasures',
    valid: () => ({}),
    faults: { state: UNKNOWN_ENUM, userId: OPTIONAL_ID, ...paging },
    send: (h, fields) => call(bound(h.as('auditor').privacy, 'listErasures'), ListErasuresRequest.create(fields)),
  },
];
