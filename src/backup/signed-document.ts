import { z } from 'zod';
import { judgeSignature, type Signer, type Verifier } from '../platform/crypto/signing';
import { BackupError } from './backup.errors';

/**
 * Small documents that say what a backup consists of, signed with the key that signs all our evidence. Two lines: the document
 * as JSON, then the key id and the signature (Ed25519, base64) of the exact bytes of the first. Every document names its kind,
 * so that none passes for another.
 */

/** The document as a file. */
export function signDocument(document: { readonly kind: string }, signer: Signer): string {
  const line = JSON.stringify(document);
  return `${line}\n${signer.keyId} ${signer.sign(Buffer.from(line)).toString('base64')}\n`;
}

/** Reads a file that signDocument made. Throws a BackupError when another key signed it, it was altered, or is no such document. */
export function readSignedDocument<Schema extends z.ZodType>(
  text: string,
  schema: Schema,
  verifiers: readonly Verifier[],
  name: string,
): z.infer<Schema> {
  const [line = '', seal = ''] = text.split('\n');
  const [keyId = '', signature = ''] = seal.split(' ');
  const sealed = { keyId, signature: Buffer.from(signature, 'base64') };
  const verdict = judgeSignature(Buffer.from(line), sealed, verifiers);
  if (verdict === 'key unknown') {
    throw new BackupError(`${name} was signed by the key ${keyId}, which is none of AUDIT_PUBLIC_KEY`);
  }
  if (verdict === 'bad') throw new BackupError(`${name} was altered: its signature is not that of ${keyId}`);
  const parsed = schema.safeParse(JSON.parse(line));
  if (!parsed.success) throw new BackupError(`${name} is of another version: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
