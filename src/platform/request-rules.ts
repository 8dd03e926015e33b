import { z } from 'zod';
import { fromEpochMs } from './time';

/**
 * The rules that request fields share, so that an id or a text means the same in every RPC. A violation becomes
 * INVALID_REQUEST with the field's path.
 */

/** One thing that is asked of a text, and what the caller is told when it is not so. Characters are code points. */
interface Demand {
  readonly isKept: (text: string) => boolean;
  readonly description: string;
}

/**
 * A text of which several things are asked; the caller is told of each that is not so. What `plain` matches keeps them
 * all and is not looked at again: requests hold up to a thousand items, and zod takes its time for each of its checks.
 */
function demanding(plain: RegExp, demands: readonly Demand[]): z.ZodType<string> {
  return z.string().check(({ value, issues }) => {
    if (plain.test(value)) return;
    for (const { isKept, description } of demands) {
      if (!isKept(value)) issues.push({ code: 'custom', message: description, input: value, continue: true });
    }
  });
}

const ID_DEMANDS: readonly Demand[] = [
  { isKept: (text) => /^.{0,64}$/su.test(text), description: 'has more than 64 characters' },
  { isKept: (text) => /^[\x20-\x7e]*$/.test(text), description: 'must be printable ASCII' },
  { isKept: (text) => text.trim() === text, description: 'must not begin or end with a space' },
];

/** 1–64 printable ASCII characters. A space at either end is refused: SQL compares `'a'` and `'a '` as equal. */
export const opaqueId = demanding(/^[\x21-\x7e](?:[\x20-\x7e]{0,62}[\x21-\x7e])?$/, [
  { isKept: (text) => text !== '', description: 'is required' },
  ...ID_DEMANDS,
]);

/** Like opaqueId, but may be empty. */
export const optionalOpaqueId = demanding(/^(?:[\x21-\x7e](?:[\x20-\x7e]{0,62}[\x21-\x7e])?)?$/, ID_DEMANDS);

/** An order id: WeChat Pay's out_trade_no. */
export const orderId = z.string().regex(/^[0-9A-Za-z_-]{6,32}$/, 'must be 6 to 32 of 0-9 A-Z a-z _ -');

/** Free text for people: at most 256 characters, no control characters, no lone surrogates. */
export const freeText = demanding(/^[^\p{Cc}\p{Cs}]{0,256}$/u, [
  { isKept: (text) => /^.{0,256}$/su.test(text), description: 'has more than 256 characters' },
  { isKept: (text) => !/[\p{Cc}\p{Cs}]/u.test(text), description: 'must not contain control characters' },
]);

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

/** The name that a number of the wire stands for; undefined for 0, which as a filter means "all", and for unknown numbers. */
export function nameOf<Name extends string>(numbers: Readonly<Record<Name, number>>, value: number): Name | undefined {
  const found = Object.entries<number>(numbers).find(([, known]) => known === value);
  return found?.[0] as Name | undefined;
}
