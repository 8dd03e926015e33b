import fc from 'fast-check';
import { z } from 'zod';
import * as rules from '../../src/platform/request-rules';

/** The rules of texts, written as zod has them: one check for each demand. Ours must say the same, only faster. */
const opaqueId = z
  .string()
  .min(1, 'is required')
  .max(64, 'has more than 64 characters')
  .regex(/^[\x20-\x7e]*$/, 'must be printable ASCII')
  .refine((value) => value.trim() === value, 'must not begin or end with a space');
const freeText = z
  .string()
  .max(256, 'has more than 256 characters')
  .refine((value) => !/[\p{Cc}\p{Cs}]/u.test(value), 'must not contain control characters');

const PLAIN_RULES = {
  opaqueId,
  optionalOpaqueId: z.union([z.literal(''), opaqueId]),
  freeText,
};

/** Mostly texts near the edges of the rules: odd characters, odd ends, lengths about the limits. */
const characters = fc.constantFrom(
  'a',
  'Z',
  '0',
  '~',
  ' ',
  '\t',
  '\n',
  '\u007f',
  '\u0085',
  '\u00a0',
  '好',
  '👗',
  '\ud800',
);
const texts = fc.oneof(
  fc.string({ unit: characters, maxLength: 6 }),
  fc
    .tuple(fc.constantFrom(62, 63, 64, 65, 254, 255, 256, 257), characters, characters, characters)
    .map(([length, first, fill, last]) => `${first}${fill.repeat(length - 2)}${last}`),
  fc.string({ unit: 'binary', maxLength: 70 }),
);

test.each(['opaqueId', 'optionalOpaqueId', 'freeText'] as const)('%s says of any text what its demands say', (name) => {
  const messages = (schema: z.ZodType, value: unknown): string[] =>
    schema.safeParse(value).error?.issues.map(({ message }) => message) ?? [];
  fc.assert(
    fc.property(texts, (text) => {
      expect(messages(rules[name], text)).toEqual(messages(PLAIN_RULES[name], text));
    }),
    { numRuns: 3_000 },
  );
  for (const value of [7, null, undefined, {}]) expect(rules[name].safeParse(value).success).toBe(false);
});
