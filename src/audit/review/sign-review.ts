import { z } from 'zod';
import { canonicalJson, type JsonValue } from '../../platform/canonical-json';
import {
  documentSignature,
  judgeDocument,
  signDocument,
  type DocumentSignature,
} from '../../platform/crypto/document-signature';
import { sha256 } from '../../platform/crypto/sha256';
import type { Signer, Verifier } from '../../platform/crypto/signing';
import { documentBytes, documentHash, type ReviewDocument } from './review-document';

/** A review as it is kept: null where there was no key to sign it with. */
export interface SignedReview {
  readonly review: ReviewDocument;
  /** SHA-256 of the canonical JSON of the review, in hex. */
  readonly sha256: string;
  /** Over the canonical JSON of the review. */
  readonly signature: DocumentSignature | null;
}

/** Signs a review. */
export function signReview(review: ReviewDocument, signer: Signer | undefined): SignedReview {
  const signature = signer === undefined ? null : signDocument(documentBytes(review), signer);
  return { review, sha256: documentHash(review), signature };
}

/** What a file must have to be judged; the rest of the review is whatever was signed. */
const signedFile = z.object({
  review: z.looseObject({
    format: z.literal(1),
    review_id: z.string(),
    review_time: z.string(),
    reviewer: z.string(),
    scope: z.enum(['all', 'data']),
    verdict: z.enum(['passed', 'failed']),
  }),
  sha256: z.string(),
  signature: documentSignature.nullable(),
});

/** What became of the verification of a file. */
export type ReviewVerification =
  | { readonly isProved: true; readonly signed: SignedReview; readonly keyId: string }
  | { readonly isProved: false; readonly problem: string };

/** Whether a file holds a review that one of the keys signed, and that is as it was signed. */
export function verifyReview(text: string, verifiers: readonly Verifier[]): ReviewVerification {
  const parsed = parse(text);
  if (parsed === undefined) return { isProved: false, problem: 'it is no review' };
  const { review, sha256: told, signature } = parsed;
  if (signature === null) return { isProved: false, problem: 'nobody signed it' };
  const bytes = bytesOf(review);
  if (bytes === undefined || sha256(bytes).toString('hex') !== told)
    return { isProved: false, problem: 'it was changed: its hash is another' };
  const { key_id: keyId } = signature;
  const verdict = judgeDocument(bytes, signature, verifiers);
  if (verdict === 'good') return { isProved: true, signed: parsed, keyId };
  const problem =
    verdict === 'bad' ? `the key ${keyId} did not sign it` : `it names the key ${keyId}, which is not given`;
  return { isProved: false, problem };
}

/** The bytes that would have been signed; undefined of what can not have been. */
function bytesOf(review: ReviewDocument): Buffer | undefined {
  try {
    return Buffer.from(canonicalJson(review as unknown as JsonValue), 'utf8');
  } catch {
    return undefined;
  }
}

function parse(text: string): SignedReview | undefined {
  try {
    const { success, data } = signedFile.safeParse(JSON.parse(text));
    return success ? (data as unknown as SignedReview) : undefined;
  } catch {
    return undefined;
  }
}
