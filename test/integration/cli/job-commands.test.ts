import { JOB_LIST } from '../../../src/composition/job-list';
import type { Identity } from '../../support/clients';
import { billingAs } from '../../support/command';
import { createOrder, registerMember, startHarness, until, type Harness } from '../../support/harness';
import { expectBalanced } from '../../support/user-rows';

const DAY_MS = 86_400_000;

/** Issue 6, must show 6: a failing job ends in dead letters with its error, is mended and re-run from the command line. */
describe('billing jobs', () => {
  let h: Harness;
  beforeAll(async () => {
    h = await startHarness({ JOB_ATTEMPTS: '3', JOB_RETRY_FIRST_MS: '10' });
  });
  afterAll(() => h.stop());

  const run = (identity: Identity, ...words: string[]) => billingAs(h, identity, words);
  async function json(...words: string[]): Promise<Record<string, unknown>[]> {
    const { code, stdout, stderr } = await run('operations', '--json', 'jobs', ...words);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return JSON.parse(stdout) as Record<string, unknown>[];
  }
  const lotsOf = (userId: string) =>
    h.db.query("SELECT order_id FROM quota_grants WHERE user_id = ? AND source = 'membership'", [userId]);

  /** A member with a month bought ahead. */
  async function memberOfTwoMonths(): Promise<string> {
    const { userId } = await registerMember(h);
    const orderId = await createOrder(h, userId);
    await h.control('/_control/pay', { order_id: orderId });
    const paid = "SELECT 1 FROM orders WHERE id = ? AND status = 'paid'";
    await until('the second is paid', async () => (await h.db.query(paid, [orderId])).length === 1);
    return userId;
  }

  test('list shows every job with its schedule and meaning, in English and Chinese', async () => {
    const known = JOB_LIST.map(({ name, kind, meaning }) => ({
      job: name,
      kind: kind.toUpperCase(),
      meaning: meaning.en,
    }));
    expect(await json('list')).toMatchObject(known);
    const [daily] = (await json('list')).filter(({ job }) => job === 'drop-old-refusals');
    expect(daily).toMatchObject({ schedule: 'daily at 03:20 Asia/Shanghai', dead_letters: 0 });
    const { stdout } = await run('auditor', 'jobs', 'list', '--zh');
    expect(stdout).toContain('补发');
  });

  test('a failing job ends in dead letters with its error, is mended, and re-run from here', async () => {
    const [broken, well] = [await memberOfTwoMonths(), await memberOfTwoMonths()];
    await h.db.query(`
      CREATE TRIGGER test_broken BEFORE INSERT ON quota_grants FOR EACH ROW
      BEGIN IF NEW.user_id = '${broken}' THEN
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'broken for a test'; END IF; END`);
    h.clock.advanceMs(32 * DAY_MS);
    const stateOf = async () => {
      const sql = "SELECT state FROM job_dead_letters WHERE job = 'grant-due-periods' AND subject = ?";
      return (await h.db.query(sql, [broken]))[0]?.['state'];
    };
    await until('it is given up', async () => (await stateOf()) === 'open');
    const [letter] = (await json('dead', '--job', 'grant-due-periods')).filter(({ subject }) => subject === broken);
    const error = expect.stringContaining('broken for a test') as string;
    expect(letter).toMatchObject({ state: 'OPEN', error });
    // Three, or twice three where a look had found it due just before.
    expect(Number(letter?.['attempts']) % 3).toBe(0);
    // It told what the database said, not the statement.
    expect(letter?.['error']).not.toContain('INSERT');
    const [listed] = (await json('list')).filter(({ job }) => job === 'grant-due-periods');
    expect(listed).toMatchObject({ dead_letters: 1 });
    await until('the gauge says so', async () => {
      const metrics = await (await fetch(`${h.internalUrl}/metrics`)).text();
      return metrics.includes('billing_job_dead_letters{job="grant-due-periods"} 1');
    });
    // Nobody else waits for it.
    await until('the other has the second month', async () => (await lotsOf(well)).length === 2);
    expect(await lotsOf(broken)).toHaveLength(1);

    await h.db.query('DROP TRIGGER test_broken');
    const id = String(letter?.['dead_letter']);
    const shown = { dead_letter_id: id, subject: broken, request_id: 'mended-1' };
    expect(await json('rerun', id, '--request-id', 'mended-1')).toMatchObject({ ...shown, replayed: false });
    await until('it is resolved', async () => (await stateOf()) === 'resolved');
    expect(await json('rerun', id, '--request-id', 'mended-1')).toMatchObject({
      ...shown,
      state: 'RESOLVED',
      replayed: true,
    });
    expect(await lotsOf(broken)).toHaveLength(2);
    await expectBalanced(h.db, broken);
    const alert = "SELECT resolution FROM alerts WHERE kind = 'job_dead_letter' AND subject_id = ?";
    expect(await h.db.query(alert, [id])).toEqual([{ resolution: 'job_succeeded' }]);
    const audit = 'SELECT action, actor, cause FROM audit_logs WHERE subject_type = ? AND subject_id = ?';
    expect(await h.db.query(audit, ['dead_letter', id])).toMatchObject([
      { action: 'RerunDeadLetter', cause: 'mended-1' },
    ]);
    const again = await run('operations', '--json', 'jobs', 'rerun', id);
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('DEAD_LETTER_RESOLVED') as string });
  }, 120_000);

  test('rerun says what is wrong: not there, and not for auditors; nothing is audited', async () => {
    const audits = () => h.db.query("SELECT COUNT(*) AS n FROM audit_logs WHERE action = 'RerunDeadLetter'");
    const before = await audits();
    for (const [identity, reason] of [
      ['operations', 'DEAD_LETTER_NOT_FOUND'],
      ['auditor', 'CALLER_NOT_ALLOWED'],
      ['finance', 'CALLER_NOT_ALLOWED'],
    ] as const) {
      const { code, stderr } = await run(identity, '--json', 'jobs', 'rerun', 'nothing');
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(reason) as string });
    }
    expect(await audits()).toEqual(before);
  });

  test('dead shows one job alone, a page at a time', async () => {
    for (const id of ['1', '2', '3']) {
      await h.db.query(
        `INSERT INTO job_dead_letters (id, job, subject, state, error, attempts, first_time, last_time)
         VALUES (?, 'test-job', ?, 'open', 'x', 1, '2026-01-01', '2026-01-01')`,
        [`00000000000000000000000${id}`, `s-${id}`],
      );
    }
    expect((await json('dead', '--job', 'test-job')).map(({ subject }) => subject)).toEqual(['s-3', 's-2', 's-1']);
    const { stdout, stderr } = await run('operations', 'jobs', 'dead', '--job', 'test-job', '--page-size', '2');
    expect(stdout).not.toContain('s-1');
    expect(stderr).toMatch(/^More: --page-token \S+\n$/);
  });
});
