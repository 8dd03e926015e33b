import { ReviewState, ReviewVerdict, type RunReviewRequest } from '../../../../src/gen/billing/v1/review.pb';
import { verifyReview, type SignedReview } from '../../../../src/audit/review/sign-review';
import { createSigner, createVerifier } from '../../../../src/platform/crypto/signing';
import { mustSucceed, type Identity } from '../../../support/clients';
import { billing, billingAs } from '../../../support/command';
import { openTestDatabase, type TestDatabase } from '../../../support/database';
import { registerUser, startHarness, type Harness } from '../../../support/harness';
import { readInfra } from '../../../support/infra';
import { endedReview, getReviewCall, runReviewCall } from '../../../support/review-calls';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let db: TestDatabase;
let h: Harness;
let databaseUrl: string;
let directory: string;
beforeAll(async () => {
  const infra = readInfra();
  db = await openTestDatabase(infra);
  const { user, password } = infra.accounts.report;
  databaseUrl = `mysql://${user}:${encodeURIComponent(password)}@${infra.host}:${infra.port}/${db.name}`;
  h = await startHarness({ DATABASE_URL: db.url, REVIEW_DATABASE_URL: databaseUrl });
  await registerUser(h);
  directory = mkdtempSync(join(tmpdir(), 'review-'));
});
afterAll(async () => {
  rmSync(directory, { recursive: true });
  await h.stop();
  await db.close();
});

const run = (requestId: string, fields: Partial<RunReviewRequest> = {}, as: Identity = 'auditor') =>
  runReviewCall(h, requestId, fields, as);
const get = (reviewId: string, withDocument = false, as: Identity = 'auditor') =>
  getReviewCall(h, reviewId, withDocument, as);
const untilEnded = (reviewId: string) => endedReview(h, reviewId);

const auditRows = (reviewId: string) =>
  db.query("SELECT action, actor, cause FROM audit_logs WHERE subject_type = 'review' AND subject_id = ? ORDER BY id", [
    reviewId,
  ]);

/** Issue 7: whoever audits asks the service for a review; a worker makes it with the account that only reads, and signs it. */
describe('RunReview', () => {
  test('has a review made, signed by the service, which every check could be made for', async () => {
    const { review: asked, replayed } = await mustSucceed(run('run-1', { reviewer: '审计员 王' }));
    expect({ replayed, state: asked?.state }).toEqual({ replayed: false, state: ReviewState.REQUESTED });
    const review = await untilEnded(asked?.reviewId ?? '');
    expect(review).toMatchObject({ state: ReviewState.DONE, error: '', reviewer: '审计员 王' });
    expect(review.requestedBy).toBe('spiffe://billing/auditor/auditor');
    const verification = verifyReview(review.document, [
      createVerifier(createSigner(h.infra.auditSigningKey).publicKeyPem),
    ]);
    if (!verification.isProved) throw new Error(verification.problem);
    const { checks, verdict, database, problems } = verification.signed.review;
    expect(checks.filter(({ outcome }) => outcome === 'broken').map(({ id, error }) => `${id}: ${error}`)).toEqual([]);
    // What jest runs was built by nobody: no result of the 100-claims test is of it. All the rest is in order.
    const found = checks.filter(({ outcome, severity }) => outcome === 'found' && severity === 'severe');
    expect(found.map(({ id, evidence }) => [id, evidence])).toEqual([
      ['claims-untested', [expect.objectContaining({ problem: 'there is no result of the test' })]],
    ]);
    expect(verdict).toBe('failed');
    expect(database).toMatchObject({ name: db.name, users: 1 });
    expect(review).toMatchObject({ verdict: ReviewVerdict.FAILED, severeProblems: problems.severe });
    expect(review.progress).toMatchObject({ checksDone: checks.length, checksTotal: checks.length });
    expect(await auditRows(review.reviewId)).toEqual([
      { action: 'RunReview', actor: 'spiffe://billing/auditor/auditor', cause: 'run-1' },
      { action: 'EndReview', actor: 'spiffe://billing/system/billing-guard', cause: review.reviewId },
    ]);
  });

  test('repeated gives the same review, and with other content is refused (lesson 6)', async () => {
    const first = await mustSucceed(run('run-2'));
    const reviewId = first.review?.reviewId ?? '';
    const again = await mustSucceed(run('run-2'));
    expect({ replayed: again.replayed, reviewId: again.review?.reviewId }).toEqual({ replayed: true, reviewId });
    expect(again.review?.reviewer).toBe('billing_guard_skill');
    expect(await run('run-2', { reviewer: 'another' })).toMatchObject({ reason: 'REQUEST_ID_REUSED' });
    await untilEnded(reviewId);
    expect(await auditRows(reviewId)).toHaveLength(2);
  });

  test('is refused while one is made, and of two at once one is refused; nothing is written for it (lessons 1, 9)', async () => {
    const replies = await Promise.all([run('run-3'), run('run-4')]);
    expect(replies.map(({ ok }) => ok).sort()).toEqual([false, true]);
    const [made] = replies.filter((reply) => reply.ok);
    const reviewId = made?.ok === true ? (made.response.review?.reviewId ?? '') : '';
    expect(replies.find(({ ok }) => !ok)).toMatchObject({
      ...{ code: 'FAILED_PRECONDITION', reason: 'REVIEW_IN_PROGRESS', metadata: { review_id: reviewId } },
    });
    await untilEnded(reviewId);
    expect(
      await db.query("SELECT 1 FROM request_keys WHERE kind = 'RunReview' AND request_id IN ('run-3', 'run-4')"),
    ).toHaveLength(1);
  });

  test('is for auditors alone', async () => {
    const before = await db.query('SELECT id FROM reviews');
    for (const role of ['operations', 'finance', 'order-service', 'ai-task-service'] as const) {
      expect(await run('run-5', {}, role)).toMatchObject({ ok: false, reason: 'CALLER_NOT_ALLOWED' });
      expect(await get('', true, role)).toMatchObject({ ok: false, reason: 'CALLER_NOT_ALLOWED' });
    }
    expect(await db.query('SELECT id FROM reviews')).toEqual(before);
  });
});

describe('GetReview', () => {
  test('without an id gives the last one, and its document only when it is wanted', async () => {
    const [last] = await db.query('SELECT id FROM reviews ORDER BY id DESC LIMIT 1');
    const { review } = await mustSucceed(get(''));
    expect(review).toMatchObject({ reviewId: last?.['id'], document: '' });
  });

  test('does not know a review that was never asked for', async () => {
    expect(await get('01K0000000000000000000NONE')).toMatchObject({
      ...{ code: 'NOT_FOUND', reason: 'REVIEW_NOT_FOUND', metadata: { review_id: '01K0000000000000000000NONE' } },
    });
  });
});

/** One command, whose exit code a pipeline can act on: 0 passed, 1 not passed, 2 could not be made. */
describe('billing audit review', () => {
  const json = 'REVIEW-BillingGuard.json';

  test('has the service make a review, writes its reports and says what is wrong', async () => {
    const out = join(directory, 'of-service');
    const { code, stdout } = await billingAs(h, 'auditor', ['--json', 'audit', 'review', '--out', out]);
    const told = JSON.parse(stdout) as Record<string, unknown>;
    expect(code).toBe(1);
    expect(told).toMatchObject({ verdict: 'failed', scope: 'all' });
    expect(told['problems']).toContainEqual(expect.objectContaining({ severity: 'severe', check: 'claims-untested' }));
    expect(readFileSync(join(out, 'REVIEW-BillingGuard.md'), 'utf8')).toMatch(/^# 活动营销系统财务安全审查报告\n/);
    expect(readFileSync(join(out, 'REVIEW-BillingGuard.html'), 'utf8')).toContain('不通过审查');
    const publicKey = join(directory, 'public.pem');
    writeFileSync(publicKey, createSigner(h.infra.auditSigningKey).publicKeyPem);
    const verify = (file: string) =>
      billingAs(h, 'auditor', ['--json', 'audit', 'review', '--verify', file, '--public-key', publicKey]);
    const proved = await verify(join(out, json));
    expect({ code: proved.code, told: JSON.parse(proved.stdout) as unknown }).toMatchObject({
      ...{ code: 0, told: { signature: 'good', verdict: 'failed' } },
    });
    const text = readFileSync(join(out, json), 'utf8');
    writeFileSync(join(out, json), text.replace('"verdict": "failed"', '"verdict": "passed"'));
    const changed = await verify(join(out, json));
    expect({ code: changed.code, told: JSON.parse(changed.stdout) as unknown }).toMatchObject({
      ...{ code: 1, told: { signature: 'BAD' } },
    });
  });

  test('reviews a database by itself, of data alone passes, in English and one format', async () => {
    const out = join(directory, 'direct');
    const words = ['--database', databaseUrl, '--data-only', '--en', '--format', 'md', '--out', out];
    const { code, stdout, stderr } = await billingAs(h, 'auditor', [
      'audit',
      'review',
      ...words,
      '--reviewer',
      'drill',
    ]);
    expect({ code, stderr, stdout }).toMatchObject({ code: 0 });
    const report = readFileSync(join(out, 'REVIEW-BillingGuard.md'), 'utf8');
    expect(report).toContain('☑️ **The data passed**');
    expect(report).toContain('## Reviewer\ndrill\n');
    expect(report).toContain('The signed originals of callbacks were not opened');
    expect(existsSync(join(out, json))).toBe(false);
  });

  test('with data keys opens the originals of callbacks, by an account that may read them', async () => {
    const out = join(directory, 'opened');
    const words = ['--database', databaseUrl, '--data-only', '--en', '--format', 'all', '--out', out];
    const review = (env: Readonly<Record<string, string>>) => {
      const { code } = billing(['audit', 'review', ...words], { DATA_KEYS: h.infra.dataKeys, ...env });
      const { review: made } = JSON.parse(readFileSync(join(out, json), 'utf8')) as SignedReview;
      const check = made.checks.find(({ id }) => id === 'callback-differs-from-original');
      return { code, outcome: check?.outcome, error: check?.error };
    };
    expect(review({ ORIGINALS_DATABASE_URL: db.url })).toEqual({ code: 0, outcome: 'clean', error: '' });
    expect(readFileSync(join(out, 'REVIEW-BillingGuard.md'), 'utf8')).not.toContain('were not opened');
    // Keys that were given and did not help pass nothing.
    const denied = { code: 1, outcome: 'broken', error: expect.stringContaining('sealed_body') as string };
    expect(review({})).toEqual(denied);
  });

  test('that can not be made ends with 2 and says why', async () => {
    const nowhere = databaseUrl.replace(/\/[^/]+$/, '/no_such_database');
    const words = ['audit', 'review', '--database', nowhere, '--out', join(directory, 'none')];
    const { code, stdout, stderr } = await billingAs(h, 'auditor', words);
    expect({ code, stdout, stderr }).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/no_such_database/) as string,
    });
    expect(existsSync(join(directory, 'none'))).toBe(false);
    const denied = await billingAs(h, 'operations', ['audit', 'review', '--out', join(directory, 'none')]);
    expect(denied).toMatchObject({ code: 2, stderr: expect.stringContaining('CALLER_NOT_ALLOWED') as string });
    await db.query(
      `INSERT INTO reviews (id, reviewer, requested_by, state, progress, error, create_time, end_time)
      VALUES ('failed', 'me', 'me', 'failed', '{"checksDone":0,"checksTotal":0,"at":"","rows":0}', 'the disk is full', NOW(3), NOW(3))`,
    );
    const failed = await billingAs(h, 'auditor', ['audit', 'review', '--review', 'failed']);
    expect(failed).toMatchObject({ code: 2, stderr: expect.stringContaining('the disk is full') as string });
    const wrong = [['--format', 'pdf'], ['--zh', '--en'], ['--data-only'], ['--verify', 'no-such-file']];
    const ended = await Promise.all(wrong.map((options) => billingAs(h, 'auditor', ['audit', 'review', ...options])));
    expect(ended.map(({ code: told, stdout: said }) => ({ told, said }))).toEqual(
      wrong.map(() => ({ told: 2, said: '' })),
    );
  });
});
