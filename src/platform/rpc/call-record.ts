import type { Caller } from '../calls';
import { monotonicMs } from '../clock';
import type { DomainError } from '../errors';
import { jsonText, plainLines, type Logger } from '../log';
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

/** What the one line of a call says, and all it says: nothing of a request but its two ids. Undefined is left out. */
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

/** Writes the one access-log line of each call and counts it. */
export class CallRecorder {
  /** Nearly every line is one of these. */
  private readonly writeAnswered: (fields: string) => void;

  constructor(
    private readonly log: Logger,
    private readonly metrics: Pick<Metrics, 'rpcCalls'>,
  ) {
    this.writeAnswered = plainLines(log, 'call answered');
  }

  record(call: CallRecord): void {
    const { rpc, caller, refusal } = call;
    const durationMs = monotonicMs() - call.startedAtMs;
    const code = refusal?.code ?? 'OK';
    this.metrics.rpcCalls.add({ rpc, caller, code, reason: refusal?.reason ?? '', durationMs });
    const line: AccessLine = {
      rpc,
      caller: caller?.identity ?? 'unknown',
      peer: caller === undefined ? call.peer : undefined,
      code,
      reason: refusal?.reason,
      durationMs: Math.round(durationMs * 1_000) / 1_000,
      ...requestKeys(call.request),
    };
    if (refusal === undefined) this.writeAnswered(fieldsOf(line));
    else if (code === 'INTERNAL') this.log.error({ ...line, err: refusal.cause }, 'call failed');
    else if (NOTEWORTHY_CODES.has(code)) this.log.warn(withCause(line, refusal), 'call refused');
    else this.log.info(line, 'call refused');
  }
}

/** The fields of an answered call as JSON. */
function fieldsOf({ rpc, caller, code, durationMs, requestId, userId }: AccessLine): string {
  const ofRequest = textField('requestId', requestId) + textField('userId', userId);
  return `,"rpc":"${rpc}","caller":"${caller}","code":"${code}","durationMs":${durationMs}${ofRequest}`;
}

function textField(name: string, text: string | undefined): string {
  return text === undefined ? '' : `,"${name}":${jsonText(text)}`;
}

function withCause(line: object, refusal: DomainError): object {
  return refusal.cause === undefined ? line : { ...line, err: refusal.cause };
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
