import { types } from 'node:util';
import type { Pool } from 'undici';
import { judgeAnswer, type AttemptOutcome, type Belief, type Repeat } from './answer';
import type { CallHealth } from './circuit-breaker';

/** Bytes on their way: signed already, sent as they are. */
interface SignedCall {
  readonly method: 'POST' | 'GET';
  /** Path with the raw query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Null for a call without one. */
  readonly body: Buffer | null;
}

/** What ends an attempt, and what its answer is judged by. */
interface AttemptTerms {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** Longest answer that is read. */
  readonly bytesMax: number;
  readonly believe: Belief;
  /** Read when the answer is complete. */
  readonly now: () => Date;
}

/** An outcome with the HTTP status that it came with, 0 when there was none, and what it says about the host. */
interface Attempt {
  readonly status: number;
  readonly outcome: AttemptOutcome;
  readonly health: CallHealth;
}

/** Codes of node:net, node:dns and undici for a connection that was not made. TLS refusals are not among them. */
const NOT_CONNECTED: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);
/** Codes for a connection that broke while it was used. */
const BROKEN: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

/** A silence shorter than this says nothing about the host: its caller had no time left to wait. */
const PATIENCE_MS = 1_000;

/** The attempt's own time is up, as told from a caller who gave up. */
class AttemptTimeout extends Error {
  constructor() {
    super('WeChat Pay did not answer in time');
    this.name = 'AttemptTimeout';
  }
}

/** The answer is longer than anybody here would read. */
class AnswerTooLong extends Error {
  constructor() {
    super('the answer of WeChat Pay is too long');
    this.name = 'AnswerTooLong';
  }
}

/** Sends one request and judges its answer. Never throws: a broken connection is an unknown outcome. */
export async function sendOnce(pool: Pool, call: SignedCall, terms: AttemptTerms): Promise<Attempt> {
  const ending = new AbortController();
  const timer = setTimeout(() => ending.abort(new AttemptTimeout()), terms.timeoutMs);
  const giveUp = (): void => ending.abort(terms.signal?.reason);
  terms.signal?.addEventListener('abort', giveUp, { once: true });
  if (terms.signal?.aborted === true) giveUp();
  try {
    const { statusCode: status, headers, body: stream } = await pool.request({ ...call, signal: ending.signal });
    const body = await readBody(stream, terms.bytesMax);
    const judged = judgeAnswer({ status, headers, body }, terms.believe, terms.now());
    const outcome = await Promise.race([judged, whenAborted(ending.signal)]);
    return { status, outcome, health: status >= 500 ? 'failed' : 'worked' };
  } catch (error) {
    const cause = types.isNativeError(error) ? error : new Error('the caller gave up', { cause: error });
    const outcome = { kind: 'unknown', repeat: repeatAfter(cause), code: null, requestId: null, cause } as const;
    return { status: 0, outcome, health: healthAfter(cause, terms) };
  } finally {
    clearTimeout(timer);
    terms.signal?.removeEventListener('abort', giveUp);
  }
}

async function readBody(stream: AsyncIterable<Buffer>, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    // Leaving the loop ends the stream: the rest is not read.
    if (bytes > bytesMax) throw new AnswerTooLong();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Rejects when the signal does: judging an answer may mean waiting for a key that is looked for. */
function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = (): void => reject(signal.reason);
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });
}

/** Connecting failed, the connection broke, or time ran out: the identical request may go out again. */
function repeatAfter(error: Error): Repeat {
  if (error instanceof AttemptTimeout) return 'here';
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (NOT_CONNECTED.has(code)) return 'elsewhere';
  return BROKEN.has(code) ? 'here' : 'never';
}

function healthAfter(error: Error, { signal, timeoutMs }: AttemptTerms): CallHealth {
  if (signal?.aborted === true || error instanceof AnswerTooLong) return 'untold';
  return error instanceof AttemptTimeout && timeoutMs < PATIENCE_MS ? 'untold' : 'failed';
}
