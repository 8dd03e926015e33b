import { z } from 'zod';
import { platformErrors, type FieldViolation } from '../platform/errors';
import * as rules from '../platform/request-rules';
import { protoPath, type CampaignFields, type FieldName } from './campaign-fields';

/**
 * The rules of a campaign's fields, pure; creation and change share them. Each violation names the field as the proto
 * does, `campaign.budget_units`.
 */

/** Far beyond any campaign, and small enough that sums stay exact. */
const UNITS_MAX = 1_000_000_000_000;
const NAME_LENGTH_MAX = 64;
const VALID_DAYS_MAX = 3_650;

const wholeNumber = (max: number) =>
  z.number().int('must be a whole number').min(1, 'must be at least 1').max(max, `must be at most ${max}`);

const name = rules.freeText
  .refine(
    (text) => new RegExp(`^.{1,${NAME_LENGTH_MAX}}$`, 'su').test(text),
    `must have 1 to ${NAME_LENGTH_MAX} characters`,
  )
  .refine((text) => text === '' || text.trim() !== '', 'must not be blank')
  // They would show people who decide another name than is stored.
  .refine((text) => !/\p{Bidi_Control}/u.test(text), 'must not contain bidirectional controls');

/** No campaign is older than the business, and the driver reads years below 100 as others. */
const INSTANT_MIN_MS = Date.UTC(2000, 0, 1);

const instant = rules.optionalInstant.refine(
  (time) => time === undefined || time.getTime() >= INSTANT_MIN_MS,
  'is before the year 2000',
);

/** What each field must be, whatever the others are. */
const FIELD_RULES: Readonly<Record<FieldName, z.ZodType>> = {
  name,
  units: wholeNumber(UNITS_MAX),
  validDays: wholeNumber(VALID_DAYS_MAX),
  budgetUnits: wholeNumber(UNITS_MAX),
  startTime: instant,
  endTime: instant.refine((time) => time !== undefined, 'is required'),
};

/** What fields must be together. The violation names the first of them that changes. */
interface Relation {
  readonly fields: readonly [FieldName, ...FieldName[]];
  readonly isKept: (fields: CampaignFields) => boolean;
  readonly description: string;
}

const RELATIONS: readonly Relation[] = [
  {
    fields: ['budgetUnits', 'units'],
    isKept: ({ budgetUnits, units }) => budgetUnits >= units,
    description: 'budget_units must be enough for one gift of units',
  },
  {
    fields: ['endTime', 'startTime'],
    isKept: ({ startTime, endTime }) => startTime === undefined || startTime.getTime() < endTime.getTime(),
    description: 'end_time must be after start_time',
  },
];

/** What is wrong with each of the fields that are given, taken alone. */
export function fieldViolations(fields: Readonly<Partial<Record<FieldName, unknown>>>): FieldViolation[] {
  return (Object.keys(fields) as FieldName[]).flatMap((field) => {
    const { error } = FIELD_RULES[field].safeParse(fields[field]);
    return (error?.issues ?? []).map(({ message }) => ({ field: protoPath(field), description: message }));
  });
}

/** What is wrong between fields, where at least one of them changes. Each of them alone is right. */
export function relationViolations(fields: CampaignFields, changed: readonly FieldName[]): FieldViolation[] {
  return RELATIONS.filter(({ isKept }) => !isKept(fields)).flatMap(({ fields: involved, description }) => {
    const named = involved.find((field) => changed.includes(field));
    return named === undefined ? [] : [{ field: protoPath(named), description }];
  });
}

/**
 * What is wrong with the new fields at this instant. Apart from the rest: a repeated request is answered from what was
 * stored, however late it comes.
 */
export function timeViolations(fields: Readonly<Partial<CampaignFields>>, now: Date): FieldViolation[] {
  const { endTime } = fields;
  if (endTime === undefined || now.getTime() < endTime.getTime()) return [];
  return [{ field: protoPath('endTime'), description: 'must be in the future' }];
}

/** Throws INVALID_REQUEST if there are violations. */
export function refuseViolations(fieldViolations: readonly FieldViolation[]): void {
  if (fieldViolations.length > 0) throw platformErrors.INVALID_REQUEST({ fieldViolations });
}
