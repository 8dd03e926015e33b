import { openTestDatabase, type TestDatabase } from '../../support/database';
import { newId } from '../../support/harness';
import { readInfra } from '../../support/infra';
import { errnoOf, REFUSALS } from '../../support/schema-facts';

const DUPLICATE = 1062;

/** What the code should never try, the database refuses: a second open alert, and a resolved one that changes. */
describe('the alerts', () => {
  let db: TestDatabase;
  const open = newId('o');
  const resolved = newId('r');
  const insert = (subjectId: string, values = "'critical', '{}', 1, NULL, ''") =>
    `INSERT INTO alerts (id, kind, subject_type, subject_id, open_time, last_time, severity, details, occurrences, resolve_time, resolution)
     VALUES ('${newId('a').slice(0, 26)}', 'payment_mismatch', 'order', '${subjectId}', '2026-01-01', '2026-01-01', ${values})`;

  beforeAll(async () => {
    db = await openTestDatabase(readInfra());
    await db.query(insert(open), [], 'app');
    await db.query(insert(resolved), [], 'app');
    const close = "UPDATE alerts SET resolve_time = '2026-01-02', resolution = 'mended' WHERE subject_id = ?";
    await db.query(close, [resolved], 'app');
  });
  afterAll(() => db.close());

  const rows = () => db.query('SELECT * FROM alerts WHERE subject_id IN (?, ?) ORDER BY subject_id', [open, resolved]);
  const unchanged = async (attempt: () => Promise<void>): Promise<void> => {
    const before = await rows();
    await attempt();
    expect(await rows()).toEqual(before);
  };

  test('are open once for each kind and subject', () =>
    unchanged(async () => {
      expect(await errnoOf(db, insert(open), 'app')).toBe(DUPLICATE);
    }));

  test.each([
    ['a severity that is not known', "'fatal', '{}', 1, NULL, ''"],
    ['details that are no JSON', "'critical', '{', 1, NULL, ''"],
    ['no occurrence', "'critical', '{}', 0, NULL, ''"],
    ['an end without a resolution', "'critical', '{}', 1, '2026-01-02', ''"],
    ['a resolution without an end', "'critical', '{}', 1, NULL, 'mended'"],
  ])('never have %s', (_what, values) =>
    unchanged(async () => {
      expect(REFUSALS.check).toContain(await errnoOf(db, insert(newId('x'), values), 'app'));
    }),
  );

  test.each([
    'occurrences = 2',
    "details = '[]'",
    "last_time = '2026-01-03'",
    'resolve_time = NULL',
    "resolution = 'other'",
  ])('that are resolved refuse %s', (change) =>
    unchanged(async () => {
      const errno = await errnoOf(db, `UPDATE alerts SET ${change} WHERE subject_id = ?`, 'app', [resolved]);
      expect([...REFUSALS.trigger, ...REFUSALS.check]).toContain(errno);
    }),
  );

  test.each([
    "kind = 'order_stuck'",
    "subject_id = 'x'",
    "severity = 'warning'",
    "user_id = 'x'",
    "open_time = '2026-01-03'",
  ])('never change their %s, not even by root', (change) =>
    unchanged(async () => {
      expect(REFUSALS.trigger).toContain(
        await errnoOf(db, `UPDATE alerts SET ${change} WHERE subject_id = ?`, 'root', [open]),
      );
      expect(REFUSALS.privilege).toContain(
        await errnoOf(db, `UPDATE alerts SET ${change} WHERE subject_id = ?`, 'app', [open]),
      );
    }),
  );
});
