import type { Caller } from '../calls';
import { monotonicMs } from '../clock';
import type { DomainError } from '../errors';
import type { Logger } from '../log';
import type { Metrics } from '../metrics';

/** What is known of a call when it is answered. */
export interface CallRecord {
  readonly rpc: string;
  /** Undefined when the certificate named nobody. */
  readonly caller: Caller | undefined;
  readonly peer: string;
  readonly request: unknown;
  readonly startedAtMs: number;
  /** Undefined when the call succeeded. */
  readonly refusal: DomainError | undefined;
}

/** What the one line of a call says, and all it says: nothing of a request but its two ids. */
interface AccessLine extends RequestKeys {
  readonly rpc: string;
  readonly caller: string;
  readonly peer: string | undefined;
  readonly code: string;
  readonly reason: string | undefined;
  readonly durationMs: number;
}

/** Characters of a request's id that are logged: longer than any valid one. */
const KEY_LENGTH_MAX = 64;

/** Refusals that someone should look at, though the service works as it must. */
const NOTEWORTHY_CODES: ReadonlySet<string> = new Set([
  'UNAUTHENTICATED',
  'PERMISSION_DENIED',
  'UNAVAILABLE',
  'ABORTED',
]);

/** Writes the one access-log line of a call and counts it. */
export function recordCall(log: Logger, metrics: Metrics, record: CallRecord): void {
  const { rpc, caller, refusal } = record;
  const durationMs = monotonicMs() - record.startedAtMs;
  const code = refusal?.code ?? 'OK';
  const reason = refusal?.reason ?? '';
  const callerLabel = caller === undefined ? 'unknown' : `${caller.role}/${caller.name}`;
  metrics.rpcRequests.inc({ rpc, code, reason, caller: callerLabel });
  metrics.rpcDuration.observe({ rpc }, durationMs / 1_000);

  // What is undefined is left out of the line.
  const line: AccessLine = {
    rpc,
    caller: caller?.identity ?? 'unknown',
    peer: caller === undefined ? record.peer : undefined,
    code,
    reason: refusal?.reason,
    durationMs: Math.round(durationMs * 1_000) / 1_000,
    ...requestKeys(record.request),
  };
  if (code === 'INTERNAL') log.error({ ...line, err: refusal?.cause }, 'call failed');
  else if (NOTEWORTHY_CODES.has(code)) log.warn(withCause(line, refusal), 'call refused');
  else log.info(line, refusal === undefined ? 'call answered' : 'call refused');
}

function withCause(line: object, refusal: DomainError | undefined): object {
  return refusal?.cause === undefined ? line : { ...line, err: refusal.cause };
}

/** The two fields of a request that logs carry. */
interface RequestKeys {
  readonly requestId?: string | undefined;
  readonly userId?: string | undefined;
}

/** Reads them; a caller's text is cut before it is trusted to be an id. */
export function requestKeys(request: unknown): RequestKeys {
  if (typeof request !== 'object' || request === null) return {};
  const { requestId, userId } = request as Record<string, unknown>;
  return { requestId: keyOf(requestId), userId: keyOf(userId) };
}

function keyOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value.slice(0, KEY_LENGTH_MAX) : undefined;
}
