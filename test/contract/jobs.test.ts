import { readFileSync } from 'node:fs';
import { JOB_LIST } from '../../src/composition/job-list';
import { scheduleText, type JobEntry } from '../../src/platform/jobs/job-entry';
import { tableUnder } from '../support/doc-tables';

const PAGE = readFileSync('docs/jobs.md', 'utf8');
const JOBS: readonly JobEntry[] = JOB_LIST;

/** Issue 6: one place lists every job with its schedule and meaning; docs/jobs.md is the same list. */
describe('the documented jobs', () => {
  test('are the jobs that exist, in their order, with kind, schedule and both meanings', () => {
    const listed = JOBS.map(({ name, kind, schedule, meaning }) => {
      return [name, kind, scheduleText(schedule), meaning.en, meaning.zh];
    });
    expect(listed.length).toBeGreaterThan(10);
    expect(tableUnder(PAGE, 'Jobs')).toEqual(listed);
  });

  test('have names that a queue, a column and a metric take, each once', () => {
    const names = JOBS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z][a-z-]{2,62}[a-z]$/);
  });

  test('have a page that names each kind', () => {
    for (const { kind } of JOBS) expect(PAGE).toMatch(new RegExp(`^\\| ${kind} \\|`, 'm'));
  });
});
