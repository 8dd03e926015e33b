import assert from 'node:assert';
import { z } from 'zod';

/** Where a user's quota log stands: how many rows it has, and the hash of the last. Pure. */
export interface Head {
  readonly userId: string;
  /** 0 for a user without a log, whose hash is 32 zero bytes. */
  readonly sequence: number;
  readonly hash: Buffer;
}

/** In a file of changes: a user whom the anchor before has, and this one has not. No honest database loses one. */
export const GONE = -1;

/** A head as a leaf of the tree, and as a line of a file: the JSON of an array without white space. */
export function leafOf({ userId, sequence, hash }: Head): string {
  return JSON.stringify([userId, sequence, hash.toString('hex')]);
}

const leaf = z.tuple([
  z.string().regex(/^[\x20-\x7e]{1,64}$/),
  z.number().int().min(GONE),
  z.string().regex(/^(?:[0-9a-f]{64})?$/),
]);

/** A line of a file. Throws unless it is a leaf exactly as leafOf writes it. */
export function readLeaf(line: string): Head {
  const [userId, sequence, hex] = leaf.parse(JSON.parse(line));
  const head = { userId, sequence, hash: Buffer.from(hex, 'hex') };
  assert(leafOf(head) === line && (sequence === GONE) === (hex === ''), 'not a leaf');
  return head;
}
