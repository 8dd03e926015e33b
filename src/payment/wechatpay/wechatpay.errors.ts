import { defineErrors } from '../../platform/errors';

/** Refusals that reach callers when WeChat Pay is at fault. */
export const wechatpayErrors = defineErrors({
  WECHATPAY_UNAVAILABLE: {
    code: 'UNAVAILABLE',
    message: 'WeChat Pay gave no usable answer; whether it acted is not known. Retry with the same request_id.',
    retryAfterMs: 2_000,
  },
});

/** Which part of a request WeChat Pay declined, by the documentation's names; what stood there is not told. */
export interface RefusedPlace {
  /** `/amount/total` or a name; null when not told. */
  readonly field: string | null;
  readonly location: 'body' | 'url' | 'header' | 'authorization' | 'query' | null;
}

/**
 * WeChat Pay declined the request for good: the same request would be declined again. The order domain decides by
 * `code` what that means. SIGN_ERROR, NO_AUTH, MCH_NOT_EXISTS and APPID_MCHID_NOT_MATCH tell of our configuration or
 * clock, not of the order.
 */
export class WechatpayRefused extends Error {
  constructor(
    readonly httpStatus: number,
    /** WeChat's code in its present spelling: ORDER_PAID also where WeChat wrote ORDERPAID. */
    readonly code: string,
    /** WeChat's Request-ID, which its support asks for; null when it sent none. */
    readonly requestId: string | null,
    /** Whether the answer carried WeChat's valid signature. Errors often lack one: query before relying on such. */
    readonly isVerified: boolean,
    /** For people who look for the reason; nothing is decided by it. */
    readonly place: RefusedPlace = { field: null, location: null },
  ) {
    super(`WeChat Pay refused the request: ${code} (HTTP ${httpStatus}).`);
    this.name = 'WechatpayRefused';
  }
}

/** WeChat Pay is still making the bill; the same question helps later. */
export class BillNotReady extends Error {
  constructor(readonly day: string) {
    super(`WeChat Pay has not finished the bill of ${day} yet.`);
    this.name = 'BillNotReady';
  }
}

/** What can be wrong with a bill that WeChat Pay gave. */
export type BillFault =
  /** The download address lies outside the configured hosts; nothing was fetched. */
  | 'host'
  /** Longer than what is read into memory, packed or unpacked. */
  | 'too_large'
  /** Does not unpack. */
  | 'packing'
  /** Not the bytes that the signed answer promised. */
  | 'hash'
  /** Not the documented form. */
  | 'malformed'
  /** Counts or sums differ from the summary in the bill itself. */
  | 'totals';

/** A bill that can not be used; nothing of it was given out. Asking again gives a new file. */
export class BillUnusable extends Error {
  constructor(
    readonly fault: BillFault,
    /** Where, by column names and line numbers; never a value. */
    where: string,
    cause?: unknown,
  ) {
    super(`The bill of WeChat Pay can not be used: ${fault}: ${where}.`, { cause });
    this.name = 'BillUnusable';
  }
}

/** Why a notification was refused, and the HTTP status that WeChat Pay gets for it. */
const NOTIFICATION_REFUSALS = {
  /** A signature header is absent, or its timestamp or nonce has no legal form. */
  headers_missing: 401,
  /** WeChat's own probe of whether we verify; expected now and then, so it is counted apart and pages nobody. */
  signtest: 401,
  stale: 401,
  unknown_serial: 401,
  signature_invalid: 401,
  /** Signed by WeChat Pay, yet not the JSON that its documentation promises. */
  malformed: 400,
  /** Signed by WeChat Pay, yet our APIv3 key does not open it: our configuration is wrong, WeChat must retry. */
  decrypt_failed: 500,
} as const;

type NotificationRefusal = keyof typeof NOTIFICATION_REFUSALS;

/** What may be said in a log of a notification that WeChat Pay signed. */
interface SignedRefusal {
  /** WeChat's id of the event, where it could be read. */
  readonly eventId: string | undefined;
  /** What is wrong and where, by names of ours and of the documentation; never anything of the content. */
  readonly fault: string;
}

/** A notification that was not believed or not understood; nothing of it may be applied. */
export class NotificationRefused extends Error {
  readonly httpStatus: 401 | 400 | 500;

  constructor(
    readonly reason: NotificationRefusal,
    /** Absent where the signature was not believed: then nothing of it was looked at. */
    readonly signed?: SignedRefusal,
  ) {
    super(`WeChat Pay notification refused: ${reason}.`);
    this.name = 'NotificationRefused';
    this.httpStatus = NOTIFICATION_REFUSALS[reason];
  }
}
