import { z } from 'zod';
import { judgeSignature, type SignatureVerdict, type Signer, type Verifier } from './signing';

/** A signature as it stands in JSON beside what it is of: evidence, reviews, results of tests. Over the bytes themselves. */
export const documentSignature = z.strictObject({
  algorithm: z.literal('Ed25519'),
  key_id: z.string(),
  signature: z.string().regex(/^[A-Za-z0-9+/]{86}==$/),
});

export type DocumentSignature = Readonly<z.infer<typeof documentSignature>>;

/** Signs the bytes of a document. */
export function signDocument(content: Buffer, signer: Signer): DocumentSignature {
  return { algorithm: 'Ed25519', key_id: signer.keyId, signature: signer.sign(content).toString('base64') };
}

/** Whether one of the keys signed exactly these bytes. */
export function judgeDocument(
  content: Buffer,
  { key_id: keyId, signature }: DocumentSignature,
  verifiers: readonly Verifier[],
): SignatureVerdict {
  return judgeSignature(content, { keyId, signature: Buffer.from(signature, 'base64') }, verifiers);
}
