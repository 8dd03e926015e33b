import { z } from 'zod';
import { fromEpochMs } from './time';

/**
 * The rules that request fields share, so that an id or a text means the same in every RPC. A violation becomes
 * INVALID_REQUEST with the field's path.
 */

/** 1–64 printable ASCII characters. A space at either end is refused: SQL compares `'a'` and `'a '` as equal. */
export const opaqueId = z
  .string()
  .min(1, 'is required')
  .max(64, 'has more than 64 characters')
  .regex(/^[\x20-\x7e]*$/, 'must be printable ASCII')
  .refine((value) => value.trim() === value, 'must not begin or end with a space');

/** Like opaqueId, but may be empty. */
export const optionalOpaqueId = z.union([z.literal(''), opaqueId]);

/** An order id: WeChat Pay's out_trade_no. */
export const orderId = z.string().regex(/^[0-9A-Za-z_-]{6,32}$/, 'must be 6 to 32 of 0-9 A-Z a-z _ -');

/** Free text for people: at most 256 characters, no control characters, no lone surrogates. */
export const freeText = z
  .string()
  .max(256, 'has more than 256 characters')
  .refine((value) => !/[\p{Cc}\p{Cs}]/u.test(value), 'must not contain control characters');

/** A number of units that must be at least 1. */
export const positiveUnits = z.number().int('must be a whole number').min(1, 'must be at least 1');

/** A number of units that may be 0. */
export const units = z.number().int('must be a whole number').min(0, 'must not be negative');

const PAGE_SIZE_DEFAULT = 50;
const PAGE_SIZE_MAX = 200;

/** AIP-158: 0 means the default, above the maximum counts as the maximum. */
export const pageSize = z
  .number()
  .int('must be a whole number')
  .min(0, 'must not be negative')
  .transform((size) => (size === 0 ? PAGE_SIZE_DEFAULT : Math.min(size, PAGE_SIZE_MAX)));

/** The opaque token of a page; paging.ts reads it. */
export const pageToken = z.string().max(512, 'has more than 512 characters');

const INSTANT_MIN = fromEpochMs(Date.parse('0001-01-01T00:00:00Z'));
const INSTANT_MAX = fromEpochMs(Date.parse('9999-12-31T23:59:59.999Z'));

/** An instant that may be left out, within the years a Timestamp can hold. */
export const optionalInstant = z
  .date('is not an instant')
  .min(INSTANT_MIN, 'is before year 1')
  .max(INSTANT_MAX, 'is after year 9999')
  .optional();

/** A filter by an enum of the wire, 0 for "all"; unknown numbers are refused. */
export function enumFilter(known: readonly number[]): z.ZodType<number> {
  return z.number().refine((value) => value === 0 || (value > 0 && known.includes(value)), 'is not a known value');
}
