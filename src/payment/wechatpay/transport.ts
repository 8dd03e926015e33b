import { types } from 'node:util';
import type { Pool } from 'undici';
import { judgeAnswer, type AttemptOutcome } from './answer';
import type { KeyRing } from './keys';

/** Bytes on their way: signed already, sent as they are. */
interface SignedCall {
  readonly method: 'POST' | 'GET';
  /** Path with the raw query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** What ends an attempt, and what its answer is judged by. */
interface AttemptTerms {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly keys: KeyRing;
  /** Read when the answer is complete. */
  readonly now: () => Date;
}

/** An outcome with the HTTP status that it came with; 0 when there was none. */
interface Attempt {
  readonly status: number;
  readonly outcome: AttemptOutcome;
}

/** Codes of node:net, node:dns and undici for a connection not made or broken. TLS refusals are not among them. */
const BROKEN_CONNECTION: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_SOCKET',
]);

/** The attempt's own time is up, as told from a caller who gave up. */
class AttemptTimeout extends Error {
  constructor() {
    super('WeChat Pay did not answer in time');
    this.name = 'AttemptTimeout';
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
    const answer = await pool.request({ ...call, signal: ending.signal });
    const body = Buffer.from(await answer.body.arrayBuffer());
    const { statusCode: status, headers } = answer;
    return { status, outcome: judgeAnswer({ status, headers, body }, terms.keys, terms.now()) };
  } catch (error) {
    const cause = types.isNativeError(error) ? error : new Error('the caller gave up', { cause: error });
    return { status: 0, outcome: { kind: 'unknown', mayRepeat: mayRepeat(cause), code: null, requestId: null, cause } };
  } finally {
    clearTimeout(timer);
    terms.signal?.removeEventListener('abort', giveUp);
  }
}

/** Connecting failed, the connection broke, or time ran out: the identical request may go out again. */
function mayRepeat(error: Error): boolean {
  if (error instanceof AttemptTimeout) return true;
  return BROKEN_CONNECTION.has((error as NodeJS.ErrnoException).code ?? '');
}
