import type { Connection } from 'mysql2/promise';
import { mustSucceed } from '../../support/clients';
import { openTestDatabase, type TestDatabase } from '../../support/database';
import { grantGiftCall, makeCampaign, openCampaign } from '../../support/gift-calls';
import { newId, registerUser, startHarness } from '../../support/harness';
import { readInfra } from '../../support/infra';
import { checksums, errnoOf, REFUSALS } from '../../support/schema-facts';

const { trigger, check, privilege } = REFUSALS;

let db: TestDatabase;
let root: Connection;
let draftId: string;
let activeId: string;
let before: Awaited<ReturnType<typeof checksums>>;

beforeAll(async () => {
  const h = await startHarness();
  draftId = (await makeCampaign(h)).campaignId;
  activeId = await openCampaign(h, { startTime: new Date('2020-01-01T00:00:00Z') });
  await mustSucceed(grantGiftCall(h, await registerUser(h), activeId));
  await h.stop();
  db = await openTestDatabase(readInfra());
  root = await db.connect('root');
  before = await checksums(db);
});
afterEach(async () => {
  expect(await checksums(db)).toEqual(before);
});
afterAll(async () => {
  await root.end();
  await db.close();
});

/** The refusal of an UPDATE by the database's root, whom no privilege stops. */
const byRoot = (set: string, id: string): Promise<number> =>
  errnoOf(db, `UPDATE gift_campaigns SET ${set} WHERE id = ?`, 'root', [id]);
const FIRST = "'spiffe://billing/operations/operations'";
const approval = (who: string): string => `status = 'active', approved_by = ${who}, approve_time = '2026-01-01'`;

/** Lesson 23: what the code should never try, the database refuses, whoever asks. */
describe('a gift campaign in the database', () => {
  test.each([
    ['its creator', FIRST],
    ['its creator under another role', "'spiffe://billing/finance/operations'"],
    ['a name alone, which is that of its creator', "'/operations'"],
  ])('is not approved by %s', async (_who, identity) => {
    expect(trigger).toContain(await byRoot(approval(identity), draftId));
  });

  test('is not approved by an editor, and no editor is taken from the list', async () => {
    const [editor, other] = ['spiffe://billing/operations/bo', 'spiffe://billing/operations/cy'];
    await root.beginTransaction();
    const withEditor = `editors = CONCAT(LEFT(editors, CHAR_LENGTH(editors) - 1), ',"${editor}"]'), revision = revision + 1`;
    await root.query(`UPDATE gift_campaigns SET ${withEditor} WHERE id = ?`, [draftId]);
    const refusals = [
      approval(`'${editor}'`),
      `editors = '["${editor}"]'`,
      `editors = '[]', revision = revision + 1`,
      `editors = '["spiffe://billing/operations/operations"]', ${approval(`'${editor}'`)}`,
    ];
    for (const set of refusals) {
      const refused = root.query(`UPDATE gift_campaigns SET ${set} WHERE id = ?`, [draftId]).then(
        () => 0,
        (error: { errno: number }) => error.errno,
      );
      expect({ set, errno: await refused }).toEqual({ set, errno: trigger[0] });
    }
    // A third may.
    await root.query(`UPDATE gift_campaigns SET ${approval(`'${other}'`)} WHERE id = ?`, [draftId]);
    await root.rollback();
  });

  test('is not active without an approval, nor approved without being active', async () => {
    expect(check).toContain(await byRoot("status = 'active'", draftId));
    expect([...trigger, ...check]).toContain(
      await byRoot("approved_by = 'spiffe://billing/operations/cy', approve_time = '2026-01-01'", draftId),
    );
    expect(trigger).toContain(await byRoot(approval("'spiffe://billing/operations/cy'"), activeId));
    expect(trigger).toContain(await byRoot('approved_by = NULL, approve_time = NULL', activeId));
  });

  test.each([
    ...["name = 'x'", 'units = 21', 'valid_days = 31', 'budget_units = 101', 'start_time = NULL'],
    ...["end_time = '2091-01-01'", "editors = '[]'", 'revision = revision + 1'],
  ])('that was approved is never changed: %s', async (set) => {
    expect(trigger).toContain(await byRoot(set, activeId));
  });

  test('is not changed in the same stroke as it is approved, nor edited without a revision', async () => {
    expect(trigger).toContain(
      await byRoot(`budget_units = 1000000, ${approval("'spiffe://billing/operations/cy'")}`, draftId),
    );
    expect(trigger).toContain(await byRoot('units = 21', draftId));
  });

  test.each(["status = 'draft'", "status = 'draft', approved_by = NULL, approve_time = NULL"])(
    'never goes back: %s',
    async (set) => {
      expect(trigger).toContain(await byRoot(set, activeId));
    },
  );

  test('is not ended before it was approved', async () => {
    expect([...trigger, ...check]).toContain(await byRoot("status = 'ended'", draftId));
  });

  test('counts its gifts itself: nobody who serves may write the count, and nobody makes it anything else', async () => {
    const sql = 'UPDATE gift_campaigns SET granted_units = granted_units + 20 WHERE id = ?';
    for (const account of ['app', 'report'] as const) {
      expect(privilege).toContain(await errnoOf(db, sql, account, [activeId]));
    }
    for (const set of [
      'granted_units = 0',
      'granted_units = granted_units - 20',
      'granted_units = granted_units + 19',
    ]) {
      expect(trigger).toContain(await byRoot(set, activeId));
    }
    expect(trigger).toContain(await byRoot('granted_units = granted_units + 20', draftId));
    // Beyond the budget, not even in single steps.
    await root.beginTransaction();
    for (let given = 40; given <= 100; given += 20) await root.query(sql, [activeId]);
    await expect(root.query(sql, [activeId])).rejects.toMatchObject({ errno: check[0] });
    await root.rollback();
  });

  test.each([
    ['active', "'active', 20, 100, 0, 1, '[\"me\"]', 'you', '2026-01-01'"],
    ['with units given', "'draft', 20, 100, 20, 1, '[\"me\"]', NULL, NULL"],
    ['of somebody else', "'draft', 20, 100, 0, 1, '[\"you\"]', NULL, NULL"],
    ['without editors', "'draft', 20, 100, 0, 1, '[]', NULL, NULL"],
    ['without a budget', "'draft', 20, 19, 0, 1, '[\"me\"]', NULL, NULL"],
    ['that gives nothing', "'draft', 0, 100, 0, 1, '[\"me\"]', NULL, NULL"],
  ])('is not born %s', async (_what, values) => {
    const sql =
      'INSERT INTO gift_campaigns (id, name, valid_days, end_time, created_by, create_time, status, units, budget_units, ' +
      `granted_units, revision, editors, approved_by, approve_time) VALUES (?, 'x', 30, '2090-01-01', 'me', '2026-01-01', ${values})`;
    expect([...trigger, ...check]).toContain(await errnoOf(db, sql, 'app', [newId('c')]));
  });
});
