import { openTestDatabase, type Row, type TestDatabase } from '../../support/database';
import { newId, registerMember, startHarness } from '../../support/harness';
import { readInfra } from '../../support/infra';
import { readRefundRows, refundOf } from '../../support/refund-calls';
import { errnoOf, REFUSALS } from '../../support/schema-facts';

const { trigger, check } = REFUSALS;
const PROPOSER = 'spiffe://billing/finance/ada';
const OTHER = 'spiffe://billing/finance/bo';
/** The same person in another role. */
const ADA_AGAIN = 'spiffe://billing/operations/ada';

let db: TestDatabase;
/** A refund as it was proposed, of a part, so that the payment has room for others. */
let proposal: Row;

beforeAll(async () => {
  const h = await startHarness({ REFUND_SECOND_PERSON_FEN: '0' });
  const member = await registerMember(h);
  await refundOf(h, { ...member, amount: 1_000 });
  [proposal = {}] = await readRefundRows(h, member.orderId);
  await h.stop();
  db = await openTestDatabase(readInfra());
});
afterAll(() => db.close());

function born(changes: Row = {}): Row {
  const unfrozen = { frozen_units: 0, freeze_sequence: null, paused_grant_time: null };
  const fresh = { id: newId('r').slice(0, 26), requested_by: PROPOSER, amount: 1 };
  return { ...proposal, ...unfrozen, ...fresh, ...changes };
}

async function propose(): Promise<string> {
  const row = born();
  await db.query(`INSERT INTO refunds (${Object.keys(row).join(', ')}) VALUES (?)`, [Object.values(row)]);
  return String(row['id']);
}

const decided = (decision: string, by: string): Row => ({
  ...{ decision, decided_by: by, decide_time: '2026-01-01 00:00:00.000' },
});

async function update(id: string, changes: Row, account: 'root' | 'app' = 'root'): Promise<number> {
  const sets = Object.keys(changes).map((column) => `${column} = ?`);
  return errnoOf(db, `UPDATE refunds SET ${sets.join(', ')} WHERE id = ?`, account, [...Object.values(changes), id]);
}

const rowOf = async (id: string): Promise<Row | undefined> =>
  (await db.query('SELECT * FROM refunds WHERE id = ?', [id]))[0];

/** Issue 7: no way but another person's approval leads from a proposal to money, whoever writes to the table. */
describe('the database refuses that a proposal', () => {
  const due = { next_attempt_time: '2026-01-01 00:00:00.000' };
  const ofWechat = { refund_id: 'w', success_time: '2026-01-01', apply_time: '2026-01-01' };

  test.each<[string, Row, readonly number[]]>([
    ['is due to be sent', due, check],
    ['becomes created without an approval', { status: 'created', ...due }, check],
    ['is processing without ever having been created', { status: 'processing' }, trigger],
    ['has succeeded', { status: 'succeeded', ...ofWechat }, trigger],
    ['is approved by who asked for it', { status: 'created', ...decided('approved', PROPOSER) }, check],
    ['is approved by the same person in another role', { status: 'created', ...decided('approved', ADA_AGAIN) }, check],
    ['is created though it was rejected', { status: 'created', ...decided('rejected', OTHER) }, check],
    ['is approved and goes on waiting', decided('approved', OTHER), check],
    ['is closed without a decision', { status: 'closed' }, check],
    ['is decided by nobody', { status: 'closed', decision: 'rejected' }, check],
    ['is decided in an unknown way', { status: 'closed', ...decided('lost', OTHER) }, check],
    ['needs no approval any more', { approve_deadline: null }, trigger],
    ['was asked for by somebody else', { requested_by: OTHER }, trigger],
    ['is of another amount', { amount: 2 }, trigger],
    ['has a reason of a decision that nobody made', { decision_reason: 'x' }, trigger],
  ])('%s', async (_title, changes, errnos) => {
    const id = await propose();
    const before = await rowOf(id);
    const errno = await update(id, changes);
    expect({ errno, refused: errnos.includes(errno) }).toMatchObject({ refused: true });
    expect(await rowOf(id)).toEqual(before);
  });

  test.each<[string, Row]>([
    ['without a deadline', { approve_deadline: null }],
    ['of something that nobody asked for', { cause: 'automatic' }],
    ['that is approved already, by who asked for it', { status: 'created', ...decided('approved', PROPOSER) }],
  ])('is written %s', async (_title, changes) => {
    const row = born(changes);
    const sql = `INSERT INTO refunds (${Object.keys(row).join(', ')}) VALUES (?)`;
    expect(check).toContain(await errnoOf(db, sql, 'root', [Object.values(row)]));
  });

  test('is decided a second time, or its decision changes', async () => {
    const id = await propose();
    expect(await update(id, { status: 'created', ...due, ...decided('approved', OTHER) }, 'app')).toBe(0);
    for (const changes of [
      { status: 'proposed' },
      { decision: 'rejected' },
      { decided_by: 'spiffe://billing/finance/cy' },
      { decide_time: '2026-02-01' },
      { decision: null, decided_by: null, decide_time: null },
      { decision_reason: 'later' },
    ]) {
      expect({ changes, errno: await update(id, changes) }).toEqual({ changes, errno: 1644 });
    }
  });

  test('and what a person gave back alone in a day never shrinks, nor becomes another’s', async () => {
    await db.query("INSERT INTO refund_alone_days (person, business_day, amount) VALUES ('ada', '2026-01-01', 500)");
    for (const sets of ['amount = amount - 1', "person = 'bo'", "business_day = '2026-01-02'"]) {
      const sql = `UPDATE refund_alone_days SET ${sets} WHERE person = 'ada'`;
      expect({ sets, errno: await errnoOf(db, sql) }).toEqual({ sets, errno: 1644 });
    }
    expect(await errnoOf(db, "DELETE FROM refund_alone_days WHERE person = 'ada'")).toBe(1644);
    expect(await errnoOf(db, "UPDATE refund_alone_days SET amount = 501 WHERE person = 'ada'", 'app')).toBe(0);
  });
});
