/** The service answered something the story can not go on from. The message is all that the reader needs. */
export class Unexpected extends Error {}

/** A value that the answer must have. */
export function present<Value>(value: Value | undefined, what: string): Value {
  if (value === undefined) throw new Unexpected(`The answer has no ${what}.`);
  return value;
}
