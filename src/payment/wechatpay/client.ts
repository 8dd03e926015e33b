import { randomBytes, type KeyObject } from 'node:crypto';
import assert from 'node:assert';
import { Pool } from 'undici';
import { monotonicMs, type Clock } from '../../platform/clock';
import { parseJson, readErrorCode, type AttemptOutcome } from './answer';
import type { KeyRing } from './keys';
import { NATIVE_PREPAY_PATH, nativePrepayAnswer, nativePrepayBody, type NativePrepay } from './native-prepay';
import { attemptWithinBudget, type CallBudget } from './retry';
import { authorizationHeader, requestMessage, signMessage } from './signature';
import { sendOnce } from './transport';
import { wechatpayErrors } from './wechatpay.errors';

/** Where the client writes its one line per attempt; a pino logger fits. */
interface AttemptLog {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
}

interface WechatpayClientOptions {
  /** Origin of the API, `https://api.mch.weixin.qq.com`. */
  readonly baseUrl: string;
  readonly appid: string;
  readonly mchid: string;
  /** Serial of the merchant certificate that belongs to `merchantKey`. */
  readonly merchantSerial: string;
  readonly merchantKey: KeyObject;
  /** `PUB_KEY_ID_…`: sent along, so that WeChat Pay signs its answers with that key. */
  readonly publicKeyId: string;
  /** The keys answers may be signed with. */
  readonly keys: KeyRing;
  readonly connectTimeoutMs: number;
  /** Version of this service, for the User-Agent. */
  readonly version: string;
  readonly clock: Clock;
  readonly log: AttemptLog;
}

/**
 * Calls WeChat Pay. Every method returns what WeChat Pay signed, or throws WECHATPAY_UNAVAILABLE (whether it acted is
 * not known: repeat identically or query) or WechatpayRefused (declined for good).
 */
export interface WechatpayClient {
  /** Asks for a QR code. Repeating it with identical values is harmless and gives a fresh code. */
  prepayNative(prepay: NativePrepay, budget: CallBudget): Promise<{ codeUrl: string }>;
  /** Waits for calls in flight and closes the connections. */
  close(): Promise<void>;
}

const RESPONSE_BYTES_MAX = 1_048_576;
const CONNECTIONS_MAX = 64;

/** Makes the client of one merchant; it keeps connections open until `close`. */
export function createWechatpayClient(options: WechatpayClientOptions): WechatpayClient {
  const { origin, pathname, search } = new URL(options.baseUrl);
  assert(pathname === '/' && search === '', 'the WeChat Pay base URL must be an origin without a path');
  const pool = new Pool(origin, {
    connections: CONNECTIONS_MAX,
    connect: { timeout: options.connectTimeoutMs },
    maxResponseSize: RESPONSE_BYTES_MAX,
  });
  return {
    async prepayNative(prepay, budget) {
      const body = nativePrepayBody(prepay, options);
      const answered = await call(pool, options, { path: NATIVE_PREPAY_PATH, body }, budget);
      const parsed = nativePrepayAnswer.safeParse(parseJson(answered.body));
      // An error envelope inside a signed 200 has been seen in the field.
      if (!parsed.success) throw unavailable(readErrorCode(answered.body), answered.requestId, parsed.error);
      return { codeUrl: parsed.data.code_url };
    },
    close: () => pool.close(),
  };
}

/** Calls with repeats: identical body, but nonce, timestamp and signature of its own for each attempt. */
async function call(
  pool: Pool,
  options: WechatpayClientOptions,
  request: { readonly path: string; readonly body: Buffer },
  budget: CallBudget,
): Promise<AttemptOutcome & { kind: 'answered' }> {
  const { path, body } = request;
  const method = 'POST';
  const outcome = await attemptWithinBudget(async (timeoutMs, attempt) => {
    const startedMs = monotonicMs();
    const terms = { timeoutMs, signal: budget.signal, keys: options.keys, now: () => options.clock.now() };
    const sent = await sendOnce(
      pool,
      { method, path, headers: signedHeaders(options, method, path, body), body },
      terms,
    );
    const durationMs = Math.round(monotonicMs() - startedMs);
    writeLine(options.log, { method, path, attempt, status: sent.status, durationMs }, sent.outcome);
    return sent.outcome;
  }, budget);
  if (outcome.kind === 'refused') throw outcome.refusal;
  if (outcome.kind === 'unknown') throw unavailable(outcome.code, outcome.requestId, outcome.cause);
  return outcome;
}

function signedHeaders(
  options: WechatpayClientOptions,
  method: string,
  path: string,
  body: Buffer,
): Readonly<Record<string, string>> {
  const { mchid, merchantSerial } = options;
  const timestamp = String(Math.floor(options.clock.now().getTime() / 1_000));
  const nonce = randomBytes(16).toString('hex').toUpperCase();
  const message = requestMessage({ method, canonicalUrl: path, timestamp, nonce, body });
  const signature = signMessage(options.merchantKey, message);
  return {
    accept: 'application/json',
    // The signature covers the bytes before compression; asking for none keeps them the bytes on the wire.
    'accept-encoding': 'identity',
    'content-type': 'application/json',
    'user-agent': `billing-guard/${options.version} (node ${process.version})`,
    'wechatpay-serial': options.publicKeyId,
    authorization: authorizationHeader({ mchid, merchantSerial, timestamp, nonce, signature }),
  };
}

/** One line per attempt: names and numbers only, no body, no signature, no payer. */
function writeLine(log: AttemptLog, fields: Readonly<Record<string, unknown>>, outcome: AttemptOutcome): void {
  if (outcome.kind === 'answered') {
    log.info({ ...fields, outcome: 'answered', wechatpayRequestId: outcome.requestId }, 'WeChat Pay call');
    return;
  }
  const { code, requestId } = outcome.kind === 'refused' ? outcome.refusal : outcome;
  const why = outcome.kind === 'unknown' ? { why: outcome.cause.message } : {};
  log.warn({ ...fields, outcome: outcome.kind, code, wechatpayRequestId: requestId, ...why }, 'WeChat Pay call');
}

function unavailable(code: string | null, requestId: string | null, cause: unknown): Error {
  const metadata = {
    ...(code === null ? {} : { wechatpay_code: code }),
    ...(requestId === null ? {} : { request_id: requestId }),
  };
  return wechatpayErrors.WECHATPAY_UNAVAILABLE({ metadata, cause });
}
