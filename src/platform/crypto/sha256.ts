import { createHash, hash } from 'node:crypto';
import { setImmediate as others } from 'node:timers/promises';

/** SHA-256 of bytes, or of a text in UTF-8, at one go: a Hash object costs more than hashing a row does. */
export function sha256(content: string | Buffer): Buffer {
  return hash('sha256', content, 'buffer');
}

/** A millisecond or two of hashing. */
const PART_BYTES = 1_048_576;

/** SHA-256 of many bytes: what else the process has to do comes between their parts. */
export async function sha256InParts(content: Buffer): Promise<Buffer> {
  const parts = createHash('sha256');
  for (let at = 0; at < content.length; at += PART_BYTES) {
    parts.update(content.subarray(at, at + PART_BYTES));
    await others();
  }
  return parts.digest();
}
