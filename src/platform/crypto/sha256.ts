import { hash } from 'node:crypto';

/** SHA-256 of bytes, or of a text in UTF-8, at one go: a Hash object costs more than hashing a row does. */
export function sha256(content: string | Buffer): Buffer {
  return hash('sha256', content, 'buffer');
}
