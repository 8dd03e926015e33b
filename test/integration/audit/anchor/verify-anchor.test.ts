import type { Connection } from 'mysql2/promise';
import { verifyAuditChain, type SignedAnchor } from '../../../../src/audit';
import { verifyLedgerOf } from '../../../../src/cli/verify-ledger';
import { monotonicMs } from '../../../../src/platform/clock';
import { withSnapshot } from '../../../../src/platform/db/snapshot';
import { AnchorStage } from '../../../support/anchor-stage';
import { openTestDatabase, type TestDatabase } from '../../../support/database';
import { mustSucceed } from '../../../support/clients';
import { Forger } from '../../../support/forgery';
import {
  consume,
  newId,
  refund,
  registerMember,
  registerUser,
  startHarness,
  type Harness,
} from '../../../support/harness';
import { readInfra } from '../../../support/infra';
import { registerWith } from '../../../support/registrations';

const MINUTE_MS = 60_000;

/** Every table that a forgery below touches. */
const TOUCHED = [
  ...['users', 'quota_logs', 'quota_charges', 'audit_logs', 'audit_chain', 'audit_chain_head', 'audit_anchors'],
  ...['orders', 'payments', 'membership_periods'],
];
/** The tables beside the log that know a user; their generated columns are of no matter here. */
const OF_USER = ['quota_logs', 'quota_grants', 'quota_charges', 'orders', 'payments', 'membership_periods'];

/**
 * R7.2, issue 7 must show 2, lesson 47: whoever may do everything to the database, rewrites a whole chain consistently or takes a whole
 * user away, and leaves a database that agrees with itself. The anchor was signed elsewhere.
 */
describe('a database against an anchor', () => {
  let h: Harness;
  let db: TestDatabase;
  let stage: AnchorStage;
  let root: Connection;
  let forger: Forger;
  let anchor: SignedAnchor;
  const users: string[] = [];
  /** Came after the anchor. */
  let newcomer = '';

  async function act(userId: string, from: number, to: number): Promise<void> {
    for (let n = from; n <= to; n += 1) await mustSucceed(consume(h, { userId, requestId: `c-${n}`, amount: 7 }));
  }

  beforeAll(async () => {
    db = await openTestDatabase(readInfra());
    h = await startHarness({ DATABASE_URL: db.url });
    stage = await AnchorStage.open(db, h.infra, h.clock);
    // The clock goes on by an hour at the end, so that what comes after the anchor is newer than the slack.
    for (let i = 0; i < 4; i += 1) {
      const { userId } = await registerMember(h);
      users.push(userId);
      await act(userId, 1, 5);
      await mustSucceed(refund(h, { userId, requestId: 'r-1', consumeRequestId: 'c-2', amount: 3 }));
    }
    // One without a log: somebody else has had the grant of this identity.
    const identity = 'ab'.repeat(32);
    for (const id of [newId('u'), newId('u')]) await mustSucceed(registerWith(h, id, [identity]));
    users.sort();
    await stage.untilSealed();
    h.clock.advanceMs(60 * MINUTE_MS);
    await stage.run('2026-01-31T14');
    [anchor] = (await stage.anchors()) as [SignedAnchor];
    newcomer = await registerUser(h);
    await act(users[0] ?? '', 6, 8);
    await stage.untilSealed();
    await h.stop();
    root = await db.connect('root');
    forger = await Forger.begin(root, TOUCHED);
  }, 120_000);
  afterEach(() => forger.undo());
  afterAll(async () => {
    await root.end();
    await stage.close();
    await db.close();
  });

  const victim = (): string => users[1] ?? '';
  const verify = () => stage.verify(anchor);
  /** What the database says of itself. */
  async function expectConsistent(): Promise<void> {
    expect((await verifyLedgerOf(db.url, undefined, monotonicMs)).fault).toBeUndefined();
    const { faults } = await withSnapshot(db.url, {}, ({ knex }) => verifyAuditChain(knex));
    expect(faults).toEqual([]);
  }
  async function expectDisproved(subject: string, problem: RegExp): Promise<void> {
    const report = await verify();
    expect(report.problems).toContainEqual({ subject, problem: expect.stringMatching(problem) as string });
  }

  test('that is as it was is proved, and how much of it is newer is said', async () => {
    const { anchor: said } = anchor;
    expect(said.users).toMatchObject({ count: 6, rows: 4 * 8 + 1 });
    const report = await verify();
    expect(report).toMatchObject({ problems: [], problemCount: 0, root: said.users.root });
    expect(report.users).toEqual({ anchored: 6, proved: 6, newer: 1 });
    expect(report.rows).toEqual({ anchored: 33, proved: 33, newer: 3 + 1 });
    // The newcomer's registration alone is in the audit log: quota has its own.
    expect(report.audits).toEqual({ anchored: said.audit.position, proved: said.audit.position, newer: 1 });
    expect(report.newerTableRows).toBeGreaterThan(5);
  });

  test('is read with the report account, which may not write', async () => {
    const { user, password } = h.infra.accounts.report;
    const url = new URL(db.url);
    Object.assign(url, { username: user, password });
    expect(await stage.verify(anchor, url.href)).toMatchObject({ problems: [], users: { proved: 6 } });
  });

  test('of which a whole chain was rewritten consistently is disproved: the database itself notices nothing', async () => {
    const postings = await forger.postings(victim());
    const cheaper = postings.map((row) => {
      if (row.requestId !== 'c-1') return row;
      const [[lot, units]] = row.lots as [[number, number]];
      return { ...row, amount: row.amount + 1, units: row.units - 1, lots: [[lot, units + 1]] as const };
    });
    const { sequence = 0, lots: [[lot = 0] = []] = [] } = cheaper.find(({ requestId }) => requestId === 'c-1') ?? {};
    await forger.writeLog(victim(), cheaper);
    const whose = [victim(), lot];
    await forger.run('UPDATE quota_grants SET remaining = remaining + 1 WHERE user_id = ? AND grant_id = ?', whose);
    await forger.run('UPDATE quota_charges SET units = units - 1 WHERE user_id = ? AND sequence = ?', [
      ...[victim(), sequence],
    ]);
    try {
      await expectConsistent();
      const { problems, problemCount, root: led, users: tally, rows } = await verify();
      const problem = 'was rewritten: rows 1 to 8 are not those of the anchor, though their chain is whole';
      expect({ problems, problemCount }).toEqual({ problems: [{ subject: victim(), problem }], problemCount: 1 });
      expect(led).not.toBe(anchor.anchor.users.root);
      expect([tally.proved, rows.proved]).toEqual([5, 33 - 8]);
    } finally {
      await forger.run('UPDATE quota_grants SET remaining = remaining - 1 WHERE user_id = ? AND grant_id = ?', whose);
    }
  });

  test('from which a whole user was removed is disproved', async () => {
    for (const table of OF_USER) {
      await forger.run(`CREATE TEMPORARY TABLE gone_${table} AS SELECT * FROM ${table} WHERE user_id = ?`, [victim()]);
      await forger.run(`DELETE FROM ${table} WHERE user_id = ?`, [victim()]);
    }
    await forger.run('DELETE FROM users WHERE id = ?', [victim()]);
    try {
      await expectConsistent();
      const { problems, users: tally } = await verify();
      expect(problems).toContainEqual({ subject: victim(), problem: 'is gone, with 8 rows of the log' });
      expect(problems.map(({ subject }) => subject)).toEqual(
        expect.arrayContaining(['quota_logs', 'orders', 'payments', 'quota_grants']),
      );
      expect(tally.proved).toBe(5);
    } finally {
      await forger.run('INSERT INTO quota_grants SELECT * FROM gone_quota_grants');
      for (const table of OF_USER) await forger.run(`DROP TEMPORARY TABLE gone_${table}`);
    }
  });

  test('in which a user has another name is disproved, though every count is the same', async () => {
    const renamed = `${victim()}-x`;
    const postings = await forger.postings(victim());
    await forger.run('UPDATE users SET id = ? WHERE id = ?', [renamed, victim()]);
    await forger.run('DELETE FROM quota_logs WHERE user_id = ?', [victim()]);
    for (const table of ['quota_grants', 'quota_charges']) {
      await forger.run(`UPDATE ${table} SET user_id = ? WHERE user_id = ?`, [renamed, victim()]);
    }
    await forger.writeLog(renamed, postings);
    try {
      await expectConsistent();
      const { problems, problemCount } = await verify();
      expect(problemCount).toBe(2);
      expect(problems).toEqual([
        { subject: victim(), problem: 'is gone, with 8 rows of the log' },
        { subject: renamed, problem: 'says to be older than the anchor, which does not know this user' },
      ]);
    } finally {
      await forger.run('UPDATE quota_grants SET user_id = ? WHERE user_id = ?', [victim(), renamed]);
    }
  });

  test('of which a log was cut off is disproved', async () => {
    // Two consumes fewer.
    await forger.writeLog(victim(), (await forger.postings(victim())).slice(0, 6));
    await expectDisproved(victim(), /^was shortened: 6 of the 8 rows of the anchor are there$/);
    await forger.writeLog(victim(), []);
    await expectDisproved(victim(), /^has no log; the anchor has 8 rows$/);
  });

  test('of which one row was changed names that row', async () => {
    await forger.run("UPDATE quota_logs SET description = 'x' WHERE user_id = ? AND sequence = 5", [victim()]);
    await expectDisproved(victim(), /^row 5 does not match its hash$/);
  });

  test('in which a user or a row was put among old ones is disproved', async () => {
    await forger.run(
      `INSERT INTO users SELECT 'planted', 0, 0, ?, log_time, NULL, NULL, create_time FROM users WHERE id = ?`,
      [Buffer.alloc(32), victim()],
    );
    await expectDisproved('planted', /older than the anchor/);
    const postings = await forger.postings(victim());
    const last = postings.at(-1);
    if (last === undefined) throw new Error('no log');
    const more = { ...last, sequence: last.sequence + 1, requestId: 'planted' };
    await forger.writeLog(victim(), [...postings, more]);
    await expectDisproved(victim(), /^row 9 says that it is older than the anchor, which lacks it$/);
  });

  test('is not proved where it is newer: there only the chain must hold', async () => {
    const user = users[0] ?? '';
    await forger.writeLog(user, (await forger.postings(user)).slice(0, -1));
    // The last consume is gone without a trace that the anchor could know of.
    expect(await verify()).toMatchObject({ problems: [], rows: { proved: 33, newer: 3 } });
    await forger.run("UPDATE quota_logs SET actor = 'x' WHERE user_id = ? AND sequence = 10", [user]);
    await expectDisproved(user, /^row 10, newer than the anchor, does not match its hash$/);
    await forger.undo();
    await forger.run('UPDATE users SET log_hash = ? WHERE id = ?', [Buffer.alloc(32, 1), newcomer]);
    await expectDisproved(newcomer, /^names another end of the log than the log has$/);
  });

  test('of which the audit log was rewritten or shortened, consistently, is disproved', async () => {
    await forger.run("UPDATE audit_logs SET actor = 'spiffe://billing/finance/nobody' ORDER BY id LIMIT 1");
    await forger.rechainAudits();
    await expectConsistent();
    await expectDisproved('audit log', /^was rewritten/);
    await forger.undo();
    const { position } = anchor.anchor.audit;
    await forger.run('DELETE a FROM audit_logs a JOIN audit_chain c ON c.audit_id = a.id WHERE c.position >= ?', [
      position,
    ]);
    await forger.run('DELETE FROM audit_chain WHERE position >= ?', [position]);
    await forger.rechainAudits();
    await expectConsistent();
    await expectDisproved('audit log', /^was shortened: the anchor has \d+ places, place \d+ is gone$/);
    await expectDisproved('audit_logs', /^lost rows/);
  });

  test('that has lost a row of any counted table, or has another anchor of the same number, is disproved', async () => {
    await forger.run('DELETE FROM payments WHERE user_id = ?', [victim()]);
    await expectDisproved('payments', /^lost rows: the anchor counts 4, 3 are there$/);
    await forger.run('UPDATE audit_anchors SET hash = ?', [Buffer.alloc(32)]);
    await expectDisproved('anchor 1', /^is another one in the database$/);
    await forger.run('DELETE FROM audit_anchors');
    await expectDisproved('anchor 1', /^is not among the anchors of the database$/);
  });
});
