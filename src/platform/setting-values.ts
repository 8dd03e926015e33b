import { z } from 'zod';
import { publicKeysIn } from './crypto/signing';

/** What the values of settings look like. */

/** Decimal digits and nothing else: an empty setting is a mistake, not a zero. */
export const wholeNumber = z
  .string()
  .regex(/^\d{1,9}$/, 'must be a whole number')
  .transform(Number);
export const port = wholeNumber.pipe(z.number().max(65_535));
export const milliseconds = (fallback: number) => wholeNumber.pipe(z.number().min(1).max(600_000)).default(fallback);
export const count = (fallback: number, max: number) => wholeNumber.pipe(z.number().min(1).max(max)).default(fallback);
export const text = z.string().min(1);
/** `host:port`; a host that is an IPv6 address stands in brackets. */
export const address = z
  .string()
  .regex(/^(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:]{2,39}\]):\d{1,5}$/, { error: 'must be host:port', abort: true })
  .refine((value) => Number(value.split(':').at(-1)) <= 65_535, 'must be host:port');
export const pem = (label: RegExp) => z.string().regex(label, 'must be PEM');

/** Public keys in PEM, one after the other. */
export const publicKeys = z
  .string()
  .transform(publicKeysIn)
  .pipe(z.array(text).min(1, 'must be public keys in PEM'))
  .optional();

/** A key on its own. */
export const secretKey = z
  .string()
  .regex(/^[A-Za-z0-9+/]{43}=$/, 'must be base64 of 32 bytes')
  .transform((key) => Buffer.from(key, 'base64'));
