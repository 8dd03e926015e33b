/** What the root and the command line may use of evidence. Meaning: README.md. */
export { createEvidenceHandlers } from './evidence.rpc';
export { verifyEvidence } from './verify-evidence';
