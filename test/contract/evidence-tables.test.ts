import { NOT_EVIDENCE, OTHERWISE_HELD, TABLE_RULES } from '../../src/audit/evidence/table-rules';
import { TABLE_PRIVILEGES } from '../../migrations/privileges';

/** R7.2: evidence holds every row about its subject, so every table of the schema is decided, by a rule or by a reason. */
describe('the tables of exported evidence', () => {
  const decided = [
    ...TABLE_RULES.map(({ table }) => table),
    ...Object.keys(OTHERWISE_HELD),
    ...Object.keys(NOT_EVIDENCE),
  ];

  test('are all tables of the schema, each decided once', () => {
    expect([...decided].sort()).toEqual(Object.keys(TABLE_PRIVILEGES).sort());
  });

  test('that are left out are left out for a reason', () => {
    for (const reason of Object.values(NOT_EVIDENCE)) expect(reason.length).toBeGreaterThan(10);
  });

  test('are asked by something: the user, or ids that the subject leads to', () => {
    for (const { table, user, matches } of TABLE_RULES) {
      expect({ table, asked: user !== undefined || matches.length > 0 }).toEqual({ table, asked: true });
    }
  });
});
