import type { CloudEvent } from '../envelope';

/** Somewhere that events go beside the stream. */
export interface Sink {
  readonly name: string;
  /** Attempts within one minute. */
  readonly perMinute: number;
  /**
   * Hands an event over; resolves when the sink has taken it. Throws NotDelivered. The same event may be handed over again:
   * nobody knows what came of an attempt that was cut off.
   */
  deliver(event: CloudEvent, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** The sink did not take it. The reason is kept, and shown to people: it holds no address, which may hold a secret. */
export class NotDelivered extends Error {
  constructor(
    readonly reason: string,
    /** Whether no later attempt can mend it. */
    readonly isFinal = false,
  ) {
    super(reason);
    this.name = 'NotDelivered';
  }
}

/** Longest reason that is kept. */
const REASON_LENGTH_MAX = 200;

/** What a failure was, without addresses: a code where there is one. */
export function reasonOf(error: unknown): string {
  if (error instanceof NotDelivered) return error.reason.slice(0, REASON_LENGTH_MAX);
  const { code, name } = error as { readonly code?: unknown; readonly name?: unknown };
  const words = [code, name, 'unknown'].find((word) => typeof word === 'string') as string;
  return words.slice(0, REASON_LENGTH_MAX);
}
