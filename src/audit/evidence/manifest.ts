import { z } from 'zod';
import { documentSignature, type DocumentSignature } from '../../platform/crypto/document-signature';

/** What an archive says of itself: signed, it stands for every byte of the archive. Pure. */

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.number().int().min(0);

const manifestShape = z.strictObject({
  kind: z.literal('billing-guard evidence'),
  version: z.literal(1),
  subject: z.strictObject({ type: z.enum(['order', 'user', 'task']), id: z.string(), user_id: z.string() }),
  /** The moment whose state the rows are, as the service's clock had it. */
  time: z.iso.datetime(),
  requested_by: z.string(),
  service_version: z.string(),
  key_id: z.string(),
  /** Where the segment of the user's log begins: what its first row follows on. */
  quota_chain: z.strictObject({
    from_sequence: z.number().int().min(1),
    previous_hash: hash,
    balance_before: count,
    /** Only where the log goes on behind the segment: its last row. */
    to_sequence: z.number().int().min(1).exactOptional(),
  }),
  /** Rows of the outbox before `from_id` were not looked at where it is not complete. */
  events: z.strictObject({ complete: z.boolean(), from_id: count }),
  /** Every other file of the archive but the signature. */
  files: z.array(z.strictObject({ path: z.string(), bytes: count, rows: count.optional(), sha256: hash })),
});

export type Manifest = z.infer<typeof manifestShape>;

/** The bytes that are signed. */
export function manifestBytes(manifest: Manifest): Buffer {
  return Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`, 'utf8');
}

/** A JSON file of an archive; undefined where it is none, or not of this shape. */
function parse<Shape extends z.ZodType>(shape: Shape, bytes: Buffer): z.infer<Shape> | undefined {
  try {
    return shape.safeParse(JSON.parse(bytes.toString('utf8'))).data;
  } catch {
    return undefined;
  }
}

/** Reads a manifest; undefined where it is none. */
export function parseManifest(bytes: Buffer): Manifest | undefined {
  return parse(manifestShape, bytes);
}

/** Reads the signature beside it, over the manifest's exact bytes; undefined where it is none. */
export function parseSignature(bytes: Buffer): DocumentSignature | undefined {
  return parse(documentSignature, bytes);
}
