/** What the root builds AuditService from, and what proves the audit log. Meaning: README.md. */
export { createAuditService } from './audit.rpc';
export { createAuditLogHandlers } from './audit-log.rpc';
export { createAnchorHandlers } from './anchor/anchor.rpc';
export { checkSignature, type SignedAnchor } from './anchor/anchor-document';
export { readAnchorFile } from './anchor/anchor-files';
export { openAnchorWebhook } from './anchor/anchor-webhook';
export { checkLinks } from './anchor/check-links';
export { proveLeaves } from './anchor/leaves-file';
export { makeAnchors } from './anchor/make-anchor.job';
export { verifyAnchor, type AnchorReport } from './anchor/verify-anchor';
export { createEvidenceHandlers, verifyEvidence } from './evidence';
export {
  createReviewHandlers,
  DEFAULT_REVIEWER,
  readReviewFacts,
  renderHtml,
  renderJson,
  renderMarkdown,
  reviewAt,
  runReviews,
  signReview,
  verifyReview,
  type ReviewProgress,
  type SignedReview,
} from './review';
export { SEALED_MAX, sealAuditLog } from './seal-audit-log.job';
export { auditHash, type AuditContent } from './audit-chain';
export { verifyAuditChain } from './verify-audit-chain';
