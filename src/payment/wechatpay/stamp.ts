import { randomBytes } from 'node:crypto';
import type { Clock } from '../../platform/clock';

/** What makes a signature fresh. */
export interface Stamp {
  /** Unix seconds in decimal digits; WeChat Pay refuses those more than five minutes off. */
  readonly timestamp: string;
  /** 32 letters and digits that nobody can guess. */
  readonly nonce: string;
}

/** A stamp for one signature; never used for a second. */
export function makeStamp(clock: Clock): Stamp {
  const timestamp = String(Math.floor(clock.now().getTime() / 1_000));
  return { timestamp, nonce: randomBytes(16).toString('hex').toUpperCase() };
}
