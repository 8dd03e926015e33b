import { defineErrors } from '../../platform/errors';

/** Refusals about exported evidence. */
export const evidenceErrors = defineErrors({
  EVIDENCE_GONE: {
    code: 'FAILED_PRECONDITION',
    message: 'This replica does not keep that archive (any more). Begin again with offset 0 and no archive_hash.',
  },
  EVIDENCE_TOO_LARGE: {
    code: 'FAILED_PRECONDITION',
    message: 'The evidence about this is larger than one archive may be. Export its orders or tasks one by one.',
  },
});
