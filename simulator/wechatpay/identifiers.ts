import { createHash, randomBytes, randomInt } from 'node:crypto';
import { shanghaiDigits } from './time';

const ALPHANUMERIC = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const DIGITS = '0123456789';

/** Letters and digits from the system's secure source, for nonces and code_urls. */
export function randomAlphanumeric(length: number): string {
  return randomFrom(ALPHANUMERIC, length);
}

/** 28 digits that begin with 4200 and hold the business day, like the real ones. */
export function newTransactionId(at: Date): string {
  return `4200${randomFrom(DIGITS, 6)}${shanghaiDigits(at).slice(0, 8)}${randomFrom(DIGITS, 10)}`;
}

/** 29 digits that begin with 50 and hold the business day, like the real ones. */
export function newRefundId(at: Date): string {
  return `50${randomFrom(DIGITS, 8)}${shanghaiDigits(at).slice(0, 8)}${randomFrom(DIGITS, 11)}`;
}

/** 36 characters that begin with wx and the second. */
export function newPrepayId(at: Date): string {
  return `wx${shanghaiDigits(at)}${randomBytes(10).toString('hex')}`;
}

/** The number of a movement of money: always the same for the same movement. */
export function flowNumber(movement: string): string {
  const digest = createHash('sha256').update(movement).digest();
  return digest.readBigUInt64BE(0).toString().padStart(20, '0');
}

/** The id of one notification; its repeats keep it. */
export function newNotificationId(at: Date): string {
  return `EV-${shanghaiDigits(at)}${randomFrom(DIGITS, 9)}`;
}

/** `{id}-{n}`: n is WeChat Pay's internal number of the outcome, 0 when all went well. */
export function newRequestId(internalNumber: number): string {
  return `${randomBytes(16).toString('hex').toUpperCase()}-${internalNumber}`;
}

function randomFrom(alphabet: string, length: number): string {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('');
}
