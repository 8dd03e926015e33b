import {
  changedFields,
  describeFields,
  FIELD_NAMES,
  fieldOf,
  fromColumns,
  protoName,
  toColumns,
  type CampaignFields,
} from '../../../src/gift/campaign-fields';
import { fieldViolations, relationViolations, timeViolations } from '../../../src/gift/campaign-terms';
import { refuseViolations } from '../../../src/platform/field-rules';

const at = (text: string): Date => new Date(text);
const FIELDS: CampaignFields = {
  name: '国庆赠送',
  units: 20,
  validDays: 30,
  budgetUnits: 1_000,
  startTime: at('2026-10-01T00:00:00+08:00'),
  endTime: at('2026-10-08T00:00:00+08:00'),
};

const paths = (violations: readonly { field: string }[]): string[] => violations.map(({ field }) => field);

describe('the fields of a campaign', () => {
  test('are right as they are, and at the ends of what they may be', () => {
    expect(fieldViolations(FIELDS)).toEqual([]);
    const least = { ...FIELDS, name: 'x', units: 1, validDays: 1, budgetUnits: 1, startTime: undefined };
    const most = { ...FIELDS, name: '名'.repeat(64), units: 10 ** 12, validDays: 3_650, budgetUnits: 10 ** 12 };
    for (const fields of [least, most]) {
      expect(fieldViolations(fields)).toEqual([]);
      expect(relationViolations(fields, FIELD_NAMES)).toEqual([]);
    }
  });

  test.each([
    ['no name', { name: '' }, 'campaign.name'],
    ['a blank name', { name: ' \u3000' }, 'campaign.name'],
    ['a name of 65 characters', { name: '名'.repeat(65) }, 'campaign.name'],
    ['a name that shows another (bidirectional controls)', { name: 'a\u202eb' }, 'campaign.name'],
    ['no units', { units: 0 }, 'campaign.units'],
    ['units below none', { units: -1 }, 'campaign.units'],
    ['half a unit', { units: 0.5 }, 'campaign.units'],
    ['more units than any campaign has', { units: 10 ** 12 + 1 }, 'campaign.units'],
    ['no validity', { validDays: 0 }, 'campaign.valid_days'],
    ['a validity of more than ten years', { validDays: 3_651 }, 'campaign.valid_days'],
    ['no budget', { budgetUnits: 0 }, 'campaign.budget_units'],
    ['no end', { endTime: undefined }, 'campaign.end_time'],
    ['a start before the business', { startTime: at('1999-12-31T00:00:00Z') }, 'campaign.start_time'],
  ])('are refused with %s', (_what, wrong, path) => {
    expect(new Set(paths(fieldViolations({ ...FIELDS, ...wrong })))).toEqual(new Set([path]));
  });

  test('go together: a budget for one gift at least, and an end after the start', () => {
    const poor = { ...FIELDS, units: 1_001 };
    expect(paths(relationViolations(poor, ['units']))).toEqual(['campaign.units']);
    expect(paths(relationViolations(poor, FIELD_NAMES))).toEqual(['campaign.budget_units']);
    expect(relationViolations({ ...FIELDS, units: 1_000 }, FIELD_NAMES)).toEqual([]);
    const empty = { ...FIELDS, endTime: at('2026-10-01T00:00:00+08:00') };
    expect(paths(relationViolations(empty, FIELD_NAMES))).toEqual(['campaign.end_time']);
    // What is wrong already and does not change is nobody's edit.
    expect(relationViolations(empty, ['name'])).toEqual([]);
  });

  test('end in the future when they are written', () => {
    expect(timeViolations(FIELDS, at('2026-10-07T23:59:59.999+08:00'))).toEqual([]);
    expect(paths(timeViolations(FIELDS, FIELDS.endTime))).toEqual(['campaign.end_time']);
    expect(timeViolations({ name: 'x' }, FIELDS.endTime)).toEqual([]);
  });

  test('are refused all together', () => {
    refuseViolations([]);
    const violations = fieldViolations({ ...FIELDS, name: '', units: 0 });
    expect(() => refuseViolations(violations)).toThrow(
      expect.objectContaining({ reason: 'INVALID_REQUEST', fieldViolations: violations }),
    );
  });
});

describe('the forms of the fields', () => {
  test('name each field as the proto does, there and back', () => {
    expect(FIELD_NAMES.map((field) => fieldOf(protoName(field)))).toEqual(FIELD_NAMES);
    expect(fieldOf('granted_units')).toBeUndefined();
  });

  test('survive the columns, with and without a start', () => {
    expect(fromColumns(toColumns(FIELDS))).toEqual(FIELDS);
    const open = { ...FIELDS, startTime: undefined };
    expect(toColumns(open).startTime).toBeNull();
    expect(fromColumns(toColumns(open))).toEqual(open);
  });

  test('tell what changes, and what is wanted as it is', () => {
    const wanted = { ...FIELDS, endTime: new Date(FIELDS.endTime), startTime: undefined, units: 21 };
    expect(changedFields(FIELDS, wanted)).toEqual(['units', 'startTime']);
    expect(changedFields(FIELDS, { name: FIELDS.name })).toEqual([]);
    expect(describeFields(wanted, ['units', 'startTime', 'endTime'])).toEqual({
      ...{ units: 21, start_time: '', end_time: '2026-10-07T16:00:00.000Z' },
    });
  });
});
