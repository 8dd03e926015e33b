import { z } from 'zod';
import { canonicalJson } from '../../platform/canonical-json';
import { sha256 } from '../../platform/crypto/sha256';
import { judgeSignature, type SignatureVerdict, type Signer, type Verifier } from '../../platform/crypto/signing';

/**
 * What an anchor says, and how it is written and signed: docs/anchors.md has the form and a test vector. Signed are the
 * canonical bytes of the document, so it is the same anchor wherever it is kept. Pure.
 */

const hex = z.string().regex(/^[0-9a-f]{64}$/);
const whole = z.number().int().min(0);

const named = z.strictObject({ number: z.number().int().min(1), sha256: hex }).nullable();

const anchorFields = z.strictObject({
  format: z.literal('billing-guard anchor'),
  version: z.union([z.literal(1), z.literal(2)]),
  /** 1 for the first; no number is left out. */
  number: z.number().int().min(1),
  /** When it was made, by the clock that all rows carry. Everything that was committed by then is in it. */
  time: z.iso.datetime({ precision: 3 }),
  /** The hour that it is of, in Shanghai. */
  slot: z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}$/),
  /** What the database has under the number before, by the SHA-256 of its document. */
  previous: named,
  /** In version 2, which is made where `previous` is not believed: the newest that is. */
  believed: named.exactOptional(),
  /** Users, rows of all their quota logs together, and the Merkle root over where each log stands. */
  users: z.strictObject({ count: whole, rows: whole, root: hex }),
  /** Where the chain of the audit log stands. */
  audit: z.strictObject({ position: whole, hash: hex }),
  /** Rows of the tables that only grow. */
  tables: z.record(z.string().regex(/^[a-z_]{1,64}$/), whole),
  /** The file of leaves: all of them, or those that changed since the anchor before. The sum is of the unpacked lines. */
  leaves: z.strictObject({ kind: z.enum(['full', 'delta']), lines: whole, sha256: hex }),
  /** Which key signed. */
  key_id: z.string().regex(/^[0-9a-f]{16}$/),
});

const anchorDocument = anchorFields.refine(
  ({ version, believed }) => (version === 2) === (believed !== undefined),
  'names what its version does not have',
);

export type AnchorDocument = Readonly<z.infer<typeof anchorDocument>>;

/** How one anchor names another. */
export type NamedAnchor = NonNullable<AnchorDocument['previous']>;

/** How an anchor is named by those after it. */
export function nameOf({ anchor, hash }: Pick<SignedAnchor, 'anchor' | 'hash'>): NamedAnchor {
  return { number: anchor.number, sha256: hash.toString('hex') };
}

/** An anchor as it is kept, in the database and in its file. */
export interface SignedAnchor {
  readonly anchor: AnchorDocument;
  /** Canonical; what is signed. */
  readonly document: string;
  /** SHA-256 of the document. */
  readonly hash: Buffer;
  readonly signature: Buffer;
}

/** Signs a document. */
export function signAnchor(signer: Signer, anchor: AnchorDocument): SignedAnchor {
  const document = canonicalJson(anchor);
  return { anchor, document, hash: sha256(document), signature: signer.sign(Buffer.from(document, 'utf8')) };
}

/** Something that was taken for an anchor and is none. */
export class NotAnAnchor extends Error {
  constructor(why: string, cause?: unknown) {
    super(`This is not an anchor: ${why}.`, { cause });
    this.name = 'NotAnAnchor';
  }
}

/** Reads a document with its signature. Throws NotAnAnchor. Whether the signature is good, isSignedBy says. */
export function readSignedAnchor(value: unknown, signature: Buffer): SignedAnchor {
  const parsed = anchorDocument.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new NotAnAnchor(`${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim());
  }
  const document = canonicalJson(parsed.data);
  return { anchor: parsed.data, document, hash: sha256(document), signature };
}

/** The content of an anchor's file. */
export function anchorFileText({ document, signature }: Pick<SignedAnchor, 'document' | 'signature'>): string {
  return `{"anchor":${document},"signature":"${signature.toString('base64')}"}\n`;
}

const anchorFile = z.strictObject({
  anchor: z.unknown(),
  signature: z.string().regex(/^[A-Za-z0-9+/]{86}==$/),
});

/** Reads an anchor's file. Throws NotAnAnchor. */
export function readAnchorText(text: string): SignedAnchor {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new NotAnAnchor('it is not JSON', error);
  }
  const parsed = anchorFile.safeParse(value);
  if (!parsed.success) throw new NotAnAnchor('it has not one anchor and one signature');
  return readSignedAnchor(parsed.data.anchor, Buffer.from(parsed.data.signature, 'base64'));
}

/** Whether one of the keys signed this anchor. */
export function checkSignature(
  { anchor, document, signature }: SignedAnchor,
  verifiers: readonly Verifier[],
): SignatureVerdict {
  return judgeSignature(Buffer.from(document, 'utf8'), { keyId: anchor.key_id, signature }, verifiers);
}

/** The name that its files begin with: `anchor-00000012-20260131T060500123Z`. */
export function anchorName({ number, time }: Pick<AnchorDocument, 'number' | 'time'>): string {
  return `anchor-${String(number).padStart(8, '0')}-${time.replaceAll(/[-:.]/g, '')}`;
}
