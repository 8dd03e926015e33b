import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import type { WechatpayKeys } from '../keys';
import { findFaultAfterLearning, type SignatureFault } from '../signed-message';
import { WechatpayRefused, type RefusedPlace } from '../wechatpay.errors';

/** What one attempt to call WeChat Pay came to. */
export type AttemptOutcome =
  /** A 2xx that is believed. */
  | { readonly kind: 'answered'; readonly body: Buffer; readonly requestId: string | null }
  /** Declined for good. */
  | { readonly kind: 'refused'; readonly refusal: WechatpayRefused }
  /** Whether WeChat Pay acted is not known. */
  | {
      readonly kind: 'unknown';
      readonly repeat: Repeat;
      readonly code: string | null;
      readonly requestId: string | null;
      readonly cause: Error;
    };

/**
 * Whether an identical repeat at once is sound and likely to help. `elsewhere`: better at another host, if there is one,
 * because this one was not reached or says that it can not.
 */
export type Repeat = 'never' | 'here' | 'elsewhere';

/** One HTTP answer, unread. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Decides whether an answer is WeChat Pay's; null means that it is. Never throws. */
export type Belief = (answer: HttpAnswer, now: Date) => Promise<SignatureFault | null>;

/** Statuses after which the documentation wants the identical request repeated, and where. */
const REPEATS: ReadonlyMap<number, Repeat> = new Map([
  [202, 'here'],
  [429, 'here'],
  [500, 'here'],
  [502, 'elsewhere'],
  [503, 'elsewhere'],
]);
/** The documented tolerance between WeChat's clock and ours. */
export const ANSWER_AGE_MAX_SECONDS = 300;
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

const place = {
  field: z
    .string()
    .regex(/^[\w/.[\]-]{1,64}$/)
    .nullable()
    .catch(null),
  location: z.enum(['body', 'url', 'header', 'authorization', 'query']).nullable().catch(null),
};
const errorEnvelope = z.object({
  code: z.string().regex(/^[A-Z0-9_]{1,64}$/),
  detail: z.object(place).catch({ field: null, location: null }),
});

/** Believes what a key of the ring signed, however new the key. */
export function believeSigned(keys: WechatpayKeys): Belief {
  return ({ headers, body }, now) =>
    findFaultAfterLearning(headers, body, { keys, now, ageMaxSeconds: ANSWER_AGE_MAX_SECONDS });
}

/** Believes a file, which WeChat Pay does not sign: whoever asks for one holds its hash. Of errors it believes none. */
export const believeFile: Belief = ({ status }) => Promise.resolve(status === 200 ? null : 'headers_missing');

/**
 * Judges an answer. A 2xx counts only when it is believed; otherwise it may be forged or mangled, so the outcome is
 * unknown, never failure. A 4xx counts as a refusal only when it names a code of WeChat's: a gateway's HTML page says
 * nothing about the order.
 */
export async function judgeAnswer(answer: HttpAnswer, believe: Belief, now: Date): Promise<AttemptOutcome> {
  const { status, headers, body } = answer;
  const requestId = readRequestId(headers);
  const error = readError(body);
  const unknown = (repeat: Repeat, why: string): AttemptOutcome => {
    return { kind: 'unknown', repeat, code: error?.code ?? null, requestId, cause: new Error(why) };
  };
  // A 202 is never used, only repeated, so it needs no verification.
  const repeat = REPEATS.get(status);
  if (repeat !== undefined) return unknown(repeat, `HTTP ${status}`);

  const fault = await believe(answer, now);
  if (status >= 200 && status < 300) {
    if (fault === null) return { kind: 'answered', body, requestId };
    // A probe is answered by asking again: the repeat gets a true signature.
    return unknown(fault === 'signtest' ? 'here' : 'never', `HTTP ${status} is not verified: ${fault}`);
  }
  if (status < 400 || status >= 500 || error === undefined) return unknown('never', `HTTP ${status}`);
  return {
    kind: 'refused',
    refusal: new WechatpayRefused(status, error.code, requestId, fault === null, error.detail),
  };
}

/** The error code in a body, in its present spelling; null where the body is no error envelope. */
export function readErrorCode(body: Buffer): string | null {
  return readError(body)?.code ?? null;
}

function readError(body: Buffer): { readonly code: string; readonly detail: RefusedPlace } | undefined {
  const parsed = errorEnvelope.safeParse(parseJson(body));
  if (!parsed.success) return undefined;
  const { code, detail } = parsed.data;
  return { code: PRESENT_SPELLINGS.get(code) ?? code, detail };
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
