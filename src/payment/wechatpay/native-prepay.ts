import { z } from 'zod';
import type { Fen } from '../../platform/money';
import { addMs } from '../../platform/time';

/**
 * The native prepay call (Native 下单), pure: what is asked and what a right answer looks like.
 * Source: WeChat Pay API v3, Native下单.
 */
export const NATIVE_PREPAY_PATH = '/v3/pay/transactions/native';

const DESCRIPTION_BYTES_MAX = 127;
const SHANGHAI_OFFSET_MS = 8 * 60 * 60 * 1_000;

/** One order to be paid by a QR code. The same values always give the same bytes, as a repeated prepay demands. */
export interface NativePrepay {
  /** Becomes out_trade_no: 6–32 of [0-9A-Za-z_-], never used before for another order. */
  readonly orderId: string;
  /** Shown to the payer; shortened and stripped to what WeChat Pay accepts. */
  readonly description: string;
  /** At least 1. */
  readonly amount: Fen;
  /** The last moment to pay, to the second. */
  readonly expireTime: Date;
  /** Public URL of our notification route, as it was when the order was made. */
  readonly notifyUrl: string;
}

/** Who is paid. */
export interface Payee {
  readonly appid: string;
  readonly mchid: string;
}

/** The body's bytes: made once, signed and sent as they are. */
export function nativePrepayBody(prepay: NativePrepay, payee: Payee): Buffer {
  const body = {
    appid: payee.appid,
    mchid: payee.mchid,
    description: fitDescription(prepay.description),
    out_trade_no: prepay.orderId,
    time_expire: formatExpireTime(prepay.expireTime),
    notify_url: prepay.notifyUrl,
    amount: { total: prepay.amount, currency: 'CNY' },
  };
  return Buffer.from(JSON.stringify(body));
}

/** What a 200 must hold; a 200 without it is an error envelope. */
export const nativePrepayAnswer = z.object({ code_url: z.string().min(1).max(512) });

/** `yyyy-MM-DDTHH:mm:ss+08:00`, the one form WeChat Pay takes; fractions of a second are dropped. */
function formatExpireTime(at: Date): string {
  return `${addMs(at, SHANGHAI_OFFSET_MS).toISOString().slice(0, 19)}+08:00`;
}

/**
 * Cuts a description to 127 bytes of UTF-8 between two characters. WeChat Pay refuses characters of four bytes (emoji),
 * and control characters make no sense to a payer: both are dropped.
 */
function fitDescription(description: string): string {
  let fitted = '';
  let bytes = 0;
  for (const character of description) {
    if (!isAccepted(character)) continue;
    bytes += Buffer.byteLength(character);
    if (bytes > DESCRIPTION_BYTES_MAX) break;
    fitted += character;
  }
  return fitted;
}

function isAccepted(character: string): boolean {
  const point = character.codePointAt(0) ?? 0;
  const isControl = point < 0x20 || (point >= 0x7f && point < 0xa0);
  const isLoneSurrogate = point >= 0xd800 && point <= 0xdfff;
  return point <= 0xffff && !isControl && !isLoneSurrogate;
}
