import { defineErrors } from '../platform/errors';

/** Refusals about key rotations and erasures. */
export const privacyErrors = defineErrors({
  KEY_ROTATION_NOT_FOUND: {
    code: 'NOT_FOUND',
    message: 'There is no such key rotation.',
  },
  KEY_ROTATION_RUNNING: {
    code: 'FAILED_PRECONDITION',
    message: 'A rotation to this key is running. GetKeyRotation shows how far it is.',
  },
  ERASURE_NOT_FOUND: {
    code: 'NOT_FOUND',
    message: 'There is no such erasure.',
  },
  ERASURE_UNDER_WAY: {
    code: 'FAILED_PRECONDITION',
    message: 'An erasure of this user is proposed, approved or running.',
  },
  ERASURE_NOT_PROPOSED: {
    code: 'FAILED_PRECONDITION',
    message: 'The erasure was decided before.',
  },
});
