import type { z } from 'zod';
import type { FieldViolation } from '../platform/errors';
import {
  brokenFields,
  brokenRelations,
  chosenInstant,
  shownName,
  wholeNumber,
  type Relation,
} from '../platform/field-rules';
import { protoPath, type CampaignFields, type FieldName } from './campaign-fields';

/**
 * The rules of a campaign's fields, pure; creation and change share them. Each violation names the field as the proto
 * does, `campaign.budget_units`.
 */

/** Far beyond any campaign, and small enough that sums stay exact. */
const UNITS_MAX = 1_000_000_000_000;
const VALID_DAYS_MAX = 3_650;

/** What each field must be, whatever the others are. */
const FIELD_RULES: Readonly<Record<FieldName, z.ZodType>> = {
  name: shownName,
  units: wholeNumber(1, UNITS_MAX),
  validDays: wholeNumber(1, VALID_DAYS_MAX),
  budgetUnits: wholeNumber(1, UNITS_MAX),
  startTime: chosenInstant,
  endTime: chosenInstant.refine((time) => time !== undefined, 'is required'),
};

const RELATIONS: readonly Relation<CampaignFields>[] = [
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
  return brokenFields(FIELD_RULES, protoPath, fields);
}

/** What is wrong between fields, where at least one of them changes. Each of them alone is right. */
export function relationViolations(fields: CampaignFields, changed: readonly FieldName[]): FieldViolation[] {
  return brokenRelations(RELATIONS, protoPath, fields, changed);
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
