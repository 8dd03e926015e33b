import { randomFillSync } from 'node:crypto';
import { ulid } from 'ulid';

/** Random bytes are fetched many at a time: ulid asks for sixteen numbers an id, and each fetch costs more than the rest of it. */
const pool = Buffer.alloc(4_096);
let taken = pool.length;

/** A random number in [0, 1), as coarse as one of ulid's 32 letters allows. */
function random(): number {
  if (taken === pool.length) {
    randomFillSync(pool);
    taken = 0;
  }
  const byte = pool[taken] ?? 0;
  taken += 1;
  return byte / 256;
}

/**
 * Ids minted by this service: 26 characters [0-9A-Z], sortable by the time they were made. They fit WeChat Pay's
 * out_trade_no (6–32 of [0-9A-Za-z_-]).
 */
export function mintId(now: Date): string {
  return ulid(now.getTime(), random);
}
