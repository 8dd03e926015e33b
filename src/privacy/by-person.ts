import type { Caller } from '../platform/calls';

/** Who gives a command, and when. */
export interface ByPerson {
  readonly requestId: string;
  readonly caller: Caller;
  readonly now: Date;
  readonly signal: AbortSignal;
}
