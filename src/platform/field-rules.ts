import { z } from 'zod';
import { platformErrors, type FieldViolation } from './errors';
import * as rules from './request-rules';

/** Rules for the fields of what people set up (promotions, campaigns, plans); pure. Violations name fields as the proto does. */

const NAME_LENGTH_MAX = 64;

/** A name that is shown to people. */
export const shownName = rules.freeText
  .refine(
    (text) => new RegExp(`^.{1,${NAME_LENGTH_MAX}}$`, 'su').test(text),
    `must have 1 to ${NAME_LENGTH_MAX} characters`,
  )
  .refine((text) => text === '' || text.trim() !== '', 'must not be blank')
  // They would show people who decide another name than is stored.
  .refine((text) => !/\p{Bidi_Control}/u.test(text), 'must not contain bidirectional controls');

/** Nothing is older than the business, and the driver reads years below 100 as others. */
const INSTANT_MIN_MS = Date.UTC(2000, 0, 1);

/** An instant that people choose, or none. */
export const chosenInstant = rules.optionalInstant.refine(
  (time) => time === undefined || time.getTime() >= INSTANT_MIN_MS,
  'is before the year 2000',
);

/** A whole number from `min` to `max`. */
export const wholeNumber = (min: number, max: number) =>
  z.number().int('must be a whole number').min(min, `must be at least ${min}`).max(max, `must be at most ${max}`);

/** What fields must be together. The violation names the first of them that changes. */
export interface Relation<Fields> {
  readonly fields: readonly [keyof Fields, ...(keyof Fields)[]];
  readonly isKept: (fields: Fields) => boolean;
  readonly description: string;
}

/** What is wrong with each of the fields that are given, taken alone. */
export function brokenFields<Name extends string>(
  ruleOf: Readonly<Record<Name, z.ZodType>>,
  pathOf: (field: Name) => string,
  fields: Readonly<Partial<Record<Name, unknown>>>,
): FieldViolation[] {
  return (Object.keys(fields) as Name[]).flatMap((field) => {
    const { error } = ruleOf[field].safeParse(fields[field]);
    return (error?.issues ?? []).map(({ path, message }) => ({
      field: `${pathOf(field)}${path.map((step) => `[${String(step)}]`).join('')}`,
      description: message,
    }));
  });
}

/** What is wrong between fields, where at least one of them changes. Each of them alone is right. */
export function brokenRelations<Fields>(
  relations: readonly Relation<Fields>[],
  pathOf: (field: keyof Fields) => string,
  fields: Fields,
  changed: readonly (keyof Fields)[],
): FieldViolation[] {
  return relations
    .filter(({ isKept }) => !isKept(fields))
    .flatMap(({ fields: involved, description }) => {
      const named = involved.find((field) => changed.includes(field));
      return named === undefined ? [] : [{ field: pathOf(named), description }];
    });
}

/**
 * Refuses a change by somebody who has looked at another revision than `current`; 0 stands for any. `what` names the thing.
 * Throws INVALID_REQUEST.
 */
export function refuseStale(what: string, current: number, lookedAt: number): void {
  if (lookedAt === 0 || lookedAt === current) return;
  const description = `is not that of the ${what}, which has changed: it is ${current} now`;
  refuseViolations([{ field: 'revision', description }]);
}

/** Throws INVALID_REQUEST if there are violations. */
export function refuseViolations(fieldViolations: readonly FieldViolation[]): void {
  if (fieldViolations.length > 0) throw platformErrors.INVALID_REQUEST({ fieldViolations });
}
