import type { Caller, Cancellation } from '../calls';
import type { DomainError } from '../errors';
import type { Logger } from '../log';
import { fromEpochMs } from '../time';
import { requestKeys } from './call-record';
import type { CallContext } from './context';

/** An AbortController that is made when somebody asks for its signal: most calls end before anybody has to be told. */
export class LazyAbort implements Cancellation {
  private controller: AbortController | undefined;
  private refusal: DomainError | undefined;

  get aborted(): boolean {
    return this.refusal !== undefined;
  }

  get reason(): DomainError | undefined {
    return this.refusal;
  }

  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.refusal !== undefined) this.controller.abort(this.refusal);
    }
    return this.controller.signal;
  }

  abort(refusal: DomainError): void {
    this.refusal ??= refusal;
    this.controller?.abort(this.refusal);
  }
}

/** What the context of a call is made from. */
export interface ContextParts {
  readonly caller: Caller;
  readonly rpc: string;
  readonly startedAtMs: number;
  readonly request: unknown;
  readonly deadlineMs: number;
  readonly abort: LazyAbort;
  /** The server's; lines of the context's own logger also carry the RPC, the caller and the request_id. */
  readonly log: Logger;
}

/** The context of one call. What few handlers ask for is made when it is asked for. */
export class HandlerContext implements CallContext {
  readonly caller: Caller;
  readonly rpc: string;
  readonly startedAtMs: number;
  private ownLog: Logger | undefined;

  constructor(private readonly parts: ContextParts) {
    this.caller = parts.caller;
    this.rpc = parts.rpc;
    this.startedAtMs = parts.startedAtMs;
  }

  get deadline(): Date {
    return fromEpochMs(this.parts.deadlineMs);
  }

  get signal(): AbortSignal {
    return this.parts.abort.signal;
  }

  get cancellation(): Cancellation {
    return this.parts.abort;
  }

  get log(): Logger {
    const { requestId } = requestKeys(this.parts.request);
    this.ownLog ??= this.parts.log.child({
      rpc: this.rpc,
      caller: this.caller.identity,
      ...(requestId === undefined ? {} : { requestId }),
    });
    return this.ownLog;
  }
}
