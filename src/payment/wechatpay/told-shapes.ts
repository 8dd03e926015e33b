import { z } from 'zod';
import { fen } from '../../platform/money';
import { fromEpochMs } from '../../platform/time';

/** The forms of values that recur in what WeChat Pay tells, in answers and in notifications. */

/** An id or a word of WeChat's: printable, at most 32 characters. */
export const idShape = z.string().regex(/^[\x21-\x7e]{1,32}$/);

/** An amount in fen. */
export const amountShape = z.int().min(0).transform(fen);

/** WeChat Pay did not exist before; a time outside is nonsense that would book money into a year without a bill. */
const MOMENT_FROM = Date.UTC(2010, 0);
const MOMENT_BEFORE = Date.UTC(2100, 0);

/** An RFC 3339 instant with its offset, at which money moved. */
export const momentShape = z.iso
  .datetime({ offset: true })
  .transform((text) => Date.parse(text))
  .pipe(z.number().min(MOMENT_FROM).lt(MOMENT_BEFORE))
  .transform(fromEpochMs);
