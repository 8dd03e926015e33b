import type { Check, QueryCheck } from '../../../../src/audit/review/check';
import { ReviewRow } from '../../../../src/audit/review/review.model';
import { findDueReviews } from '../../../../src/audit/review/review.queries';
import { runReviews } from '../../../../src/audit/review/run-reviews.job';
import { createSigner } from '../../../../src/platform/crypto/signing';
import type { Database } from '../../../../src/platform/db/database';
import { createLogger } from '../../../../src/platform/log';
import { until } from '../../../support/harness';
import { openTestDatabase, type Row, type TestDatabase } from '../../../support/database';
import { readInfra } from '../../../support/infra';
import { CHECK_TERMS, factsWith } from '../../../support/review-files';
import { openServiceDatabase } from '../../../support/service-database';
import { TestClock } from '../../../support/test-clock';

const infra = readInfra();
const clock = new TestClock();
let testDb: TestDatabase;
let db: Database;
beforeAll(async () => {
  testDb = await openTestDatabase(infra);
  db = openServiceDatabase(infra, testDb);
});
afterAll(async () => {
  await db.knex.destroy();
  await testDb.close();
});

let number = 0;
/** Asks for a review as RunReview does, after whatever was open has ended. */
async function ask(): Promise<string> {
  await testDb.query(
    "UPDATE reviews SET state = 'failed', end_time = NOW(3), lease_time = NULL WHERE end_time IS NULL",
  );
  number += 1;
  const id = `review-${number}`;
  await testDb.query(
    "INSERT INTO reviews (id, reviewer, requested_by, state, progress, create_time) VALUES (?, 'me', 'me', 'requested', '{}', NOW(3))",
    [id],
  );
  return id;
}

const rowOf = async (id: string): Promise<Row | undefined> =>
  (await testDb.query('SELECT * FROM reviews WHERE id = ?', [id]))[0];

function jobWith(run: QueryCheck['run'], databaseUrl = testDb.url) {
  const check: Check = { ...CHECK_TERMS, id: 'only', run };
  const log = createLogger({ level: 'fatal', role: 'worker', destination: { write: () => undefined } });
  const signer = createSigner(infra.auditSigningKey);
  const facts = { readFacts: () => Promise.resolve(factsWith()) };
  return runReviews({ db, clock, log, databaseUrl, signer: () => signer, ...facts, checks: [check] });
}

const NEVER = new AbortController().signal;
const MINUTE_MS = 60_000;

/** A review is made once by one process; whoever dies, or loses its turn, leaves nothing that is wrong. */
describe('the job that makes reviews', () => {
  test('makes what was asked for once, and not what has ended', async () => {
    const id = await ask();
    expect(await findDueReviews(db, clock.now(), 10)).toEqual([id]);
    let runs = 0;
    const job = jobWith(() => {
      runs += 1;
      return Promise.resolve([]);
    });
    await Promise.all([job.run(id, NEVER), job.run(id, NEVER)]);
    await job.run(id, NEVER);
    expect(runs).toBe(1);
    expect(await rowOf(id)).toMatchObject({ state: 'done', verdict: 'failed', lease_time: null, error: '' });
    expect(await findDueReviews(db, clock.now(), 10)).toEqual([]);
    const audits = await testDb.query(
      "SELECT action FROM audit_logs WHERE subject_type = 'review' AND subject_id = ?",
      [id],
    );
    expect(audits).toEqual([{ action: 'EndReview' }]);
  });

  test('is due again, at once, when the process has no time left', async () => {
    const id = await ask();
    const stopping = new AbortController();
    await jobWith(async ({ db: reader }) => {
      setTimeout(() => stopping.abort(), 50);
      await reader.rows('SELECT SLEEP(30) AS slept');
      return [];
    }).run(id, stopping.signal);
    expect(await rowOf(id)).toMatchObject({ state: 'running', lease_time: null, end_time: null });
    expect(await findDueReviews(db, clock.now(), 10)).toEqual([id]);
    await jobWith(() => Promise.resolve([])).run(id, NEVER);
    expect(await rowOf(id)).toMatchObject({ state: 'done' });
  });

  test('keeps its turn while a single question takes longer than a turn, and says at what it is', async () => {
    const id = await ask();
    await jobWith(async () => {
      clock.advanceMs(3 * MINUTE_MS);
      const isHeld = async (): Promise<boolean> => Number((await rowOf(id))?.['lease_time']) > clock.now().getTime();
      await until('the turn was taken anew', isHeld);
      expect(await findDueReviews(db, clock.now(), 10)).toEqual([]);
      expect(JSON.parse(String((await rowOf(id))?.['progress']))).toMatchObject({ checksTotal: 1, at: 'only' });
      return [];
    }).run(id, NEVER);
    const row = await rowOf(id);
    expect(row).toMatchObject({ state: 'done' });
    expect(JSON.parse(String(row?.['progress']))).toMatchObject({ checksDone: 1, checksTotal: 1 });
  });

  test('is taken over from a process that is gone (lesson 12), and writes nothing when its own turn was taken', async () => {
    const id = await ask();
    let takenOver: Promise<void> | undefined;
    const slow = jobWith(async () => {
      // Its lease runs out, and another process takes the review and makes it.
      clock.advanceMs(3 * MINUTE_MS);
      expect(await findDueReviews(db, clock.now(), 10)).toEqual([id]);
      takenOver = jobWith(() => Promise.resolve([{ evidence: { by: 'the other' } }])).run(id, NEVER);
      await takenOver;
      return [{ evidence: { by: 'the slow one' } }];
    });
    await slow.run(id, NEVER);
    const row = await rowOf(id);
    expect(row).toMatchObject({ state: 'done' });
    expect(String(row?.['document'])).toContain('the other');
    expect(String(row?.['document'])).not.toContain('the slow one');
    const ends = await testDb.query("SELECT 1 FROM audit_logs WHERE action = 'EndReview' AND subject_id = ?", [id]);
    expect(ends).toHaveLength(1);
  });

  test('that can not be made ends, says why, and does not stand in the way of the next', async () => {
    const id = await ask();
    await jobWith(() => Promise.resolve([]), testDb.url.replace(/\/[^/]+$/, '/no_such_database')).run(id, NEVER);
    const row = await rowOf(id);
    expect(row).toMatchObject({ state: 'failed', verdict: null, document: null, lease_time: null });
    expect(String(row?.['error'])).toContain('no_such_database');
    const audits = await testDb.query(
      "SELECT action FROM audit_logs WHERE subject_type = 'review' AND subject_id = ?",
      [id],
    );
    expect(audits).toEqual([{ action: 'FailReview' }]);
    const next = await ask();
    await jobWith(() => Promise.resolve([])).run(next, NEVER);
    expect(await rowOf(next)).toMatchObject({ state: 'done' });
  });

  test('leaves what it came to for ever: nobody changes an ended review', async () => {
    const id = await ask();
    await jobWith(() => Promise.resolve([])).run(id, NEVER);
    for (const change of [
      "verdict = 'passed'",
      "document = '{}'",
      "state = 'requested', end_time = NULL",
      'severe = 0',
    ]) {
      await expect(testDb.query(`UPDATE reviews SET ${change} WHERE id = ?`, [id])).rejects.toMatchObject({
        errno: 1644,
      });
    }
    await expect(testDb.query('DELETE FROM reviews WHERE id = ?', [id])).rejects.toMatchObject({ errno: 1644 });
    await expect(ReviewRow.query(db.knex).findById(id).delete()).rejects.toThrow(/denied/);
  });
});
