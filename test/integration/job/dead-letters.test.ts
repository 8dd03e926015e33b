import { createDeadLetters, createJobSlots } from '../../../src/job';
import type { Database } from '../../../src/platform/db/database';
import type { DeadLetters, JobSlots } from '../../../src/platform/jobs/job-storage';
import { createLogger } from '../../../src/platform/log';
import { openTestDatabase, type TestDatabase } from '../../support/database';
import { newId } from '../../support/harness';
import { readInfra } from '../../support/infra';
import { errnoOf, REFUSALS } from '../../support/schema-facts';
import { openServiceDatabase } from '../../support/service-database';
import { TestClock } from '../../support/test-clock';

const MINUTE_MS = 60_000;

/** What jobs remember is in the database, and the database keeps it as it is. */
describe('what jobs remember', () => {
  let rows: TestDatabase;
  let db: Database;
  let letters: DeadLetters;
  let slots: JobSlots;
  let job: string;
  const clock = new TestClock();
  const log = createLogger({ level: 'fatal', role: 'worker', destination: { write: () => undefined } });

  beforeAll(async () => {
    const infra = readInfra();
    rows = await openTestDatabase(infra);
    db = openServiceDatabase(infra, rows);
    letters = createDeadLetters({ db, clock, log });
    slots = createJobSlots({ db, clock });
  });
  beforeEach(() => {
    job = newId('job');
    clock.stopAt(new Date('2026-07-01T00:00:00Z'));
  });
  afterAll(async () => {
    await db.knex.destroy();
    await rows.close();
  });

  const bury = (subject: string, error = 'broken', attempts = 3) => letters.bury({ job, subject, error, attempts });
  const unresolved = async () => Object.fromEntries(await letters.unresolved(job, 100));
  const stored = () =>
    rows.query('SELECT * FROM job_dead_letters WHERE job = ? ORDER BY resolve_time IS NULL, subject', [job]);
  const alerts = async () => {
    const mine = "SELECT occurrences, resolution FROM alerts WHERE kind = 'job_dead_letter' AND details LIKE ?";
    return rows.query(`${mine} ORDER BY open_time`, [`%${job}%`]);
  };
  const rerun = (subject: string) =>
    rows.query("UPDATE job_dead_letters SET state = 'rerun' WHERE job = ? AND subject = ?", [job, subject], 'app');

  describe('of dead letters', () => {
    test('one of a subject is open, counts every attempt, tells the last error, and has an alert', async () => {
      await bury('s-1', 'first', 3);
      clock.advanceMs(MINUTE_MS);
      await bury('s-1', 'second', 2);
      const times = { first_time: new Date('2026-07-01T00:00:00Z'), last_time: new Date('2026-07-01T00:01:00Z') };
      const told = { subject: 's-1', state: 'open', error: 'second', attempts: 5, resolve_time: null };
      expect(await stored()).toMatchObject([{ ...told, ...times }]);
      expect(await alerts()).toEqual([{ occurrences: 2, resolution: '' }]);
    });

    test('thirty that are buried at once leave one, with every attempt', async () => {
      await Promise.all(Array.from({ length: 30 }, () => bury('s-1', 'broken', 1)));
      expect(await stored()).toMatchObject([{ state: 'open', attempts: 30 }]);
      expect(await alerts()).toEqual([{ occurrences: 30, resolution: '' }]);
    });

    test('what is to be run again is told, first, and open again after the next failure', async () => {
      await bury('s-1');
      await bury('s-2');
      await rerun('s-2');
      expect(await unresolved()).toEqual({ 's-1': 'open', 's-2': 'rerun' });
      expect([...(await letters.unresolved(job, 1)).keys()]).toEqual(['s-2']);
      await bury('s-2', 'again', 1);
      expect(await unresolved()).toEqual({ 's-1': 'open', 's-2': 'open' });
    });

    test('a success resolves that of its subject, or all of the job; it stays, and a new failure is a new one', async () => {
      for (const subject of ['s-1', 's-2', 's-3']) await bury(subject);
      await letters.resolve(job, 's-2');
      expect(await unresolved()).toEqual({ 's-1': 'open', 's-3': 'open' });
      await letters.resolve(job);
      expect(await unresolved()).toEqual({});
      expect(await alerts()).toEqual([1, 2, 3].map(() => ({ occurrences: 1, resolution: 'job_succeeded' })));
      await letters.resolve(job);
      await bury('s-1', 'once more', 1);
      expect((await stored()).map(({ subject, state, attempts }) => [subject, state, attempts])).toEqual([
        ['s-1', 'resolved', 3],
        ['s-2', 'resolved', 3],
        ['s-3', 'resolved', 3],
        ['s-1', 'open', 1],
      ]);
    });

    test.each([
      ['a state that is not known', "state = 'lost'"],
      ['resolved without a time', "state = 'resolved'"],
      ['a time without being resolved', "resolve_time = '2026-07-02'"],
      ['no attempt', 'attempts = 0'],
      ['another subject', "subject = 'other'"],
      ['another beginning', "first_time = '2020-01-01'"],
    ])('the database refuses %s', async (_what, change) => {
      await bury('s-1');
      const before = await stored();
      const errno = await errnoOf(rows, `UPDATE job_dead_letters SET ${change} WHERE job = ?`, 'root', [job]);
      expect([...REFUSALS.trigger, ...REFUSALS.check]).toContain(errno);
      expect(await stored()).toEqual(before);
    });

    test('the database refuses to change or delete a resolved one', async () => {
      await bury('s-1');
      await letters.resolve(job, 's-1');
      const before = await stored();
      for (const sql of [
        "UPDATE job_dead_letters SET error = '' WHERE job = ?",
        'DELETE FROM job_dead_letters WHERE job = ?',
      ]) {
        expect(REFUSALS.trigger).toContain(await errnoOf(rows, sql, 'root', [job]));
      }
      expect(await stored()).toEqual(before);
    });
  });

  describe('of days', () => {
    const DAY = '2026-07-01';
    const day = () => rows.query('SELECT attempts, lease_time, end_time FROM job_slots WHERE job = ?', [job]);

    test('of twenty that take a day at once, one has it', async () => {
      const taken = await Promise.all(Array.from({ length: 20 }, () => slots.take(job, DAY)));
      expect(taken.filter((isMine) => isMine)).toHaveLength(1);
      expect(await slots.isFree(job, DAY)).toBe(false);
      expect(await slots.take(job, '2026-07-02')).toBe(true);
    });

    test('who died with it keeps it for a minute, or as long as it said that it goes on', async () => {
      await slots.take(job, DAY);
      clock.advanceMs(MINUTE_MS - 1);
      expect([await slots.isFree(job, DAY), await slots.take(job, DAY)]).toEqual([false, false]);
      await slots.hold(job, DAY);
      clock.advanceMs(MINUTE_MS - 1);
      expect(await slots.take(job, DAY)).toBe(false);
      clock.advanceMs(1);
      const again = await Promise.all(Array.from({ length: 10 }, () => slots.take(job, DAY)));
      expect(again.filter((isMine) => isMine)).toHaveLength(1);
      expect(await day()).toMatchObject([{ attempts: 2, end_time: null }]);
    });

    test('one that was given back is free, one that is done is done for ever', async () => {
      await slots.take(job, DAY);
      await slots.giveBack(job, DAY);
      expect(await slots.take(job, DAY)).toBe(true);
      await slots.end(job, DAY);
      const before = await day();
      clock.advanceMs(365 * 24 * 60 * MINUTE_MS);
      expect([await slots.isFree(job, DAY), await slots.take(job, DAY)]).toEqual([false, false]);
      await slots.giveBack(job, DAY);
      expect(await day()).toEqual(before);
      const sql = 'UPDATE job_slots SET end_time = NULL WHERE job = ?';
      expect(REFUSALS.trigger).toContain(await errnoOf(rows, sql, 'root', [job]));
    });
  });
});
