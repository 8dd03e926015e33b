import type { Caller, Cancellation } from '../calls';
import type { Logger } from '../log';

/** The frame of one call, as every handler gets it. */
export interface CallContext {
  readonly caller: Caller;
  /** Full name, for example `billing.v1.QuotaService/ConsumeQuota`. */
  readonly rpc: string;
  /** When the call is answered DEADLINE_EXCEEDED, on the machine's own clock (`Clock.machineNow`). */
  readonly deadline: Date;
  /** Aborts at the deadline or when the caller cancels; its reason is the DomainError that the caller gets. */
  readonly signal: AbortSignal;
  /** The same for who only looks at it from time to time: far cheaper. */
  readonly cancellation: Cancellation;
  /** Lines of this logger carry the RPC, the caller and the request_id. */
  readonly log: Logger;
  /** On the scale of `monotonicMs`. */
  readonly startedAtMs: number;
}

/** One RPC: takes a decoded request, returns the response, throws DomainError to refuse. */
export type UnaryHandler<Request, Response> = (context: CallContext, request: Request) => Promise<Response>;
