import { isDeepStrictEqual } from 'node:util';

/** `expect(actual).toEqual(expected)`, which is too slow to say a million times what is so anyway. */
export function expectSame(actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toEqual(expected);
}
