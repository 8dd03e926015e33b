import type { ContentValue } from '../platform/request-content';
import type { CampaignRow } from './campaign.model';

/** What people decide about a gift campaign, in the forms that it takes: a request's content, a row, an audit row. Pure. */
export interface CampaignFields {
  readonly name: string;
  readonly units: number;
  readonly validDays: number;
  readonly budgetUnits: number;
  readonly startTime: Date | undefined;
  readonly endTime: Date;
}

export type FieldName = keyof CampaignFields;
type FieldValue = CampaignFields[FieldName];

/** The names that proto, audit rows and events use. */
const PROTO_NAMES: Readonly<Record<FieldName, string>> = {
  name: 'name',
  units: 'units',
  validDays: 'valid_days',
  budgetUnits: 'budget_units',
  startTime: 'start_time',
  endTime: 'end_time',
};

/** Every field. */
export const FIELD_NAMES = Object.keys(PROTO_NAMES) as readonly FieldName[];

/** The proto name of a field. */
export function protoName(field: FieldName): string {
  return PROTO_NAMES[field];
}

/** Where a field stands in a request. */
export function protoPath(field: FieldName): string {
  return `campaign.${PROTO_NAMES[field]}`;
}

/** The field that a proto name means, if people may decide about it. */
export function fieldOf(name: string): FieldName | undefined {
  return FIELD_NAMES.find((field) => PROTO_NAMES[field] === name);
}

/** A value as text or number that can be compared, hashed and written down. */
function plain(value: FieldValue): ContentValue {
  if (value === undefined) return '';
  return value instanceof Date ? value.toISOString() : value;
}

/** Fields by their proto names: what a request's content, an audit row or an event says of them. */
export function describeFields(
  fields: Readonly<Partial<CampaignFields>>,
  names: readonly FieldName[] = FIELD_NAMES,
): Record<string, ContentValue> {
  return Object.fromEntries(
    names.filter((field) => field in fields).map((field) => [PROTO_NAMES[field], plain(fields[field])]),
  );
}

/** The fields of which something else is wanted than what is stored. */
export function changedFields(stored: CampaignFields, wanted: Readonly<Partial<CampaignFields>>): FieldName[] {
  return FIELD_NAMES.filter((field) => field in wanted && plain(stored[field]) !== plain(wanted[field]));
}

type FieldColumns = Pick<CampaignRow, FieldName>;

/** The columns that hold the fields. */
export function toColumns(fields: CampaignFields): FieldColumns {
  return { ...fields, startTime: fields.startTime ?? null };
}

/** The fields that columns hold. */
export function fromColumns(row: FieldColumns): CampaignFields {
  const { name, units, validDays, budgetUnits, startTime, endTime } = row;
  return { name, units, validDays, budgetUnits, startTime: startTime ?? undefined, endTime };
}
