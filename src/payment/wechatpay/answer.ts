import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import type { KeyRing } from './keys';
import { findSignatureFault } from './signed-message';
import { WechatpayRefused } from './wechatpay.errors';

/** What one attempt to call WeChat Pay came to. */
export type AttemptOutcome =
  /** A 2xx that WeChat Pay signed. */
  | { readonly kind: 'answered'; readonly body: Buffer; readonly requestId: string | null }
  /** Declined for good. */
  | { readonly kind: 'refused'; readonly refusal: WechatpayRefused }
  /** Whether WeChat Pay acted is not known. `mayRepeat`: an identical repeat at once is sound and likely to help. */
  | {
      readonly kind: 'unknown';
      readonly mayRepeat: boolean;
      readonly code: string | null;
      readonly requestId: string | null;
      readonly cause: Error;
    };

/** One HTTP answer, unread. */
interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Statuses after which the documentation wants the identical request repeated. */
const REPEATABLE_STATUSES: ReadonlySet<number> = new Set([202, 429, 500, 502, 503]);
/** The documented tolerance between WeChat's clock and ours. */
const ANSWER_AGE_MAX_SECONDS = 300;
const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;

/** Old spellings that WeChat Pay still sends, and the present ones. */
const PRESENT_SPELLINGS: ReadonlyMap<string, string> = new Map([
  ['SYSTEMERROR', 'SYSTEM_ERROR'],
  ['ORDERNOTEXIST', 'ORDER_NOT_EXIST'],
  ['NOTENOUGH', 'NOT_ENOUGH'],
  ['ORDERPAID', 'ORDER_PAID'],
  ['ORDERCLOSED', 'ORDER_CLOSED'],
  ['ACCOUNTERROR', 'ACCOUNT_ERROR'],
]);

const errorEnvelope = z.object({ code: z.string().regex(/^[A-Z0-9_]{1,64}$/) });

/**
 * Judges an answer. A 2xx counts only with WeChat's valid signature; without one it may be forged or mangled, so the
 * outcome is unknown, never failure. A 4xx counts as a refusal only when it names a code of WeChat's: a gateway's HTML
 * page says nothing about the order.
 */
export function judgeAnswer(answer: HttpAnswer, keys: KeyRing, now: Date): AttemptOutcome {
  const { status, headers, body } = answer;
  const requestId = readRequestId(headers);
  const unknown = (mayRepeat: boolean, why: string): AttemptOutcome => {
    return { kind: 'unknown', mayRepeat, code: readErrorCode(body), requestId, cause: new Error(why) };
  };
  // A 202 is never used, only repeated, so it needs no verification.
  if (REPEATABLE_STATUSES.has(status)) return unknown(true, `HTTP ${status}`);

  const fault = findSignatureFault(headers, body, { keys, now, ageMaxSeconds: ANSWER_AGE_MAX_SECONDS });
  if (status >= 200 && status < 300) {
    if (fault === null) return { kind: 'answered', body, requestId };
    // A probe is answered by asking again: the repeat gets a true signature.
    return unknown(fault === 'signtest', `HTTP ${status} is not verified: ${fault}`);
  }
  const code = readErrorCode(body);
  if (status < 400 || status >= 500 || code === null) return unknown(false, `HTTP ${status}`);
  return { kind: 'refused', refusal: new WechatpayRefused(status, code, requestId, fault === null) };
}

/** The error code in a body, in its present spelling; null where the body is no error envelope. */
export function readErrorCode(body: Buffer): string | null {
  const parsed = errorEnvelope.safeParse(parseJson(body));
  if (!parsed.success) return null;
  return PRESENT_SPELLINGS.get(parsed.data.code) ?? parsed.data.code;
}

/** The JSON of a body; undefined where it is none. */
export function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

function readRequestId(headers: IncomingHttpHeaders): string | null {
  const value = headers['request-id'];
  return typeof value === 'string' && REQUEST_ID.test(value) ? value : null;
}
