import { JobKind } from '../../../src/gen/billing/v1/job_service.pb';
import { call } from '../billing';
import type { Stage } from '../stage';

/** Step 30: what the service does by itself (定时任务), and what of it has failed for good. */
export async function lookAtJobs({ report, operations: { job } }: Stage): Promise<void> {
  report.step('What the service does by itself (定时任务)');
  const { jobs } = await call(job.listJobs.bind(job), {});
  report.rows(
    'jobs',
    ['job', 'kind', 'schedule', 'dead letters', 'meaning'],
    jobs.map(({ name, kind, schedule, deadLetters, meaning }) => [name, JobKind[kind], schedule, deadLetters, meaning]),
  );
  const deadLetters = jobs.reduce((letters, entry) => letters + entry.deadLetters, 0);
  report.check(
    `${jobs.length} jobs, and nothing that they gave up (死信): ${deadLetters} dead letters`,
    jobs.length > 0 && deadLetters === 0,
  );
}
