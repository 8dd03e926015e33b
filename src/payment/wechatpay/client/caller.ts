import type { KeyObject } from 'node:crypto';
import { monotonicMs, type Clock } from '../../../platform/clock';
import type { AttemptOutcome, Belief } from './answer';
import { admitHost, openHosts, type Host, type HostOptions } from './hosts';
import { attemptWithinBudget, type CallBudget } from './retry';
import { authorizationHeader, requestMessage, signMessage } from '../signature';
import { makeStamp } from '../stamp';
import { sendOnce } from './transport';
import { wechatpayErrors } from '../wechatpay.errors';

/** Where the caller writes its one line per attempt; a pino logger fits. */
export interface AttemptLog {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export interface CallerOptions extends Omit<HostOptions, 'onBreakerChange'> {
  readonly mchid: string;
  /** Serial of the merchant certificate that belongs to `merchantKey`. */
  readonly merchantSerial: string;
  readonly merchantKey: KeyObject;
  /** `PUB_KEY_ID_…`: sent along, so that WeChat Pay signs its answers with that key; undefined in certificate mode. */
  readonly publicKeyId: string | undefined;
  /** Version of this service, for the User-Agent. */
  readonly version: string;
  readonly clock: Clock;
  readonly log: AttemptLog;
}

/** One request to WeChat Pay, before it is signed. */
export interface WechatpayRequest {
  readonly method: 'POST' | 'GET';
  /** Path with the raw query, percent-encoded as it is to be sent. */
  readonly path: string;
  /** The bytes to be signed and sent; absent for a request without a body. */
  readonly body?: Buffer;
  /** Decides whether an answer is WeChat Pay's. */
  readonly believe: Belief;
  /** Longest answer that is read; 1 MiB unless told. */
  readonly bytesMax?: number;
  /** The host that is tried first; the API's own unless told. Must be one of `origins`. */
  readonly origin?: string;
}

/** A believed answer. */
export type Answered = AttemptOutcome & { readonly kind: 'answered' };

/** Signs, sends and repeats. */
export interface Caller {
  /** The hosts that are called and no others. */
  readonly origins: readonly string[];
  /** Gives a believed 2xx, or throws WECHATPAY_UNAVAILABLE or WechatpayRefused. */
  call(request: WechatpayRequest, budget: CallBudget): Promise<Answered>;
  /** Waits for calls in flight and closes the connections. */
  close(): Promise<void>;
}

const RESPONSE_BYTES_MAX = 1_048_576;

/** Makes the caller of one merchant; it keeps connections open until `close`. */
export function createCaller(options: CallerOptions): Caller {
  const { log } = options;
  const hosts = openHosts({
    ...options,
    onBreakerChange: (host, state) => log.warn({ host, state }, 'the circuit breaker of a WeChat Pay host changed'),
  });
  return {
    origins: hosts.map(({ origin }) => origin),
    call: (request, budget) => call(hosts, options, request, budget),
    close: async () => {
      await Promise.all(hosts.map(({ pool }) => pool.close()));
    },
  };
}

/** Calls with repeats: identical body, but nonce, timestamp and signature of its own for each attempt. */
async function call(
  hosts: readonly Host[],
  options: CallerOptions,
  request: WechatpayRequest,
  budget: CallBudget,
): Promise<Answered> {
  const first = hosts.filter(({ origin }) => origin === request.origin);
  const preferred = [...first, ...hosts.filter((host) => !first.includes(host))];
  let failed: Host | undefined;
  const outcome = await attemptWithinBudget(async (timeoutMs, attempt) => {
    const admitted = admitHost(preferred, failed);
    if (admitted === undefined) return NOBODY_TO_CALL;
    const { host, admission } = admitted;
    const startedMs = monotonicMs();
    const { method, path, body, believe, bytesMax = RESPONSE_BYTES_MAX } = request;
    const terms = { timeoutMs, signal: budget.signal, believe, bytesMax, now: () => options.clock.now() };
    const signed = { method, path, headers: signedHeaders(options, request), body: body ?? null };
    const sent = await sendOnce(host.pool, signed, terms);
    admission.settle(sent.health);
    if (sent.outcome.kind === 'unknown' && sent.outcome.repeat === 'elsewhere') failed = host;
    const durationMs = Math.round(monotonicMs() - startedMs);
    // The query may hold a download token.
    const line = { host: host.origin, method, path: path.split('?')[0], attempt, status: sent.status, durationMs };
    writeLine(options.log, line, sent.outcome);
    return sent.outcome;
  }, budget);
  if (outcome.kind === 'refused') throw outcome.refusal;
  if (outcome.kind === 'unknown') throw unavailable(outcome);
  return outcome;
}

/** Every breaker is open: nothing is sent, and the caller is told at once. */
const NOBODY_TO_CALL: AttemptOutcome = {
  kind: 'unknown',
  repeat: 'never',
  code: null,
  requestId: null,
  cause: new Error('WeChat Pay failed too often; it is left alone for a while'),
};

function signedHeaders(options: CallerOptions, request: WechatpayRequest): Readonly<Record<string, string>> {
  const { mchid, merchantSerial, publicKeyId } = options;
  const { method, path: canonicalUrl, body = Buffer.alloc(0) } = request;
  const stamp = makeStamp(options.clock);
  const signature = signMessage(options.merchantKey, requestMessage({ method, canonicalUrl, ...stamp, body }));
  return {
    accept: 'application/json',
    // The signature covers the bytes before compression; asking for none keeps them the bytes on the wire.
    'accept-encoding': 'identity',
    ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
    'user-agent': `billing-guard/${options.version} (node ${process.version})`,
    ...(publicKeyId === undefined ? {} : { 'wechatpay-serial': publicKeyId }),
    authorization: authorizationHeader({ mchid, merchantSerial, ...stamp, signature }),
  };
}

/** One line per attempt: names and numbers only, no body, no signature, no payer. */
function writeLine(log: AttemptLog, fields: Readonly<Record<string, unknown>>, outcome: AttemptOutcome): void {
  if (outcome.kind === 'answered') {
    log.info({ ...fields, outcome: 'answered', wechatpayRequestId: outcome.requestId }, 'WeChat Pay call');
    return;
  }
  const { code, requestId } = outcome.kind === 'refused' ? outcome.refusal : outcome;
  const why = outcome.kind === 'unknown' ? { why: outcome.cause.message } : { place: outcome.refusal.place };
  log.warn({ ...fields, outcome: outcome.kind, code, wechatpayRequestId: requestId, ...why }, 'WeChat Pay call');
}

/** The refusal of a call whose outcome is not known. */
export function unavailable(told: {
  readonly code: string | null;
  readonly requestId: string | null;
  readonly cause: unknown;
}): Error {
  const metadata = {
    ...(told.code === null ? {} : { wechatpay_code: told.code }),
    ...(told.requestId === null ? {} : { request_id: told.requestId }),
  };
  return wechatpayErrors.WECHATPAY_UNAVAILABLE({ metadata, cause: told.cause });
}
