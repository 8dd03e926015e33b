import { grantDuePeriods } from '../../src/membership';
import type { QueuedJob } from '../../src/platform/jobs/queued-job';
import { each, type RunDue } from './play';
import type { World } from './world';

/** The job that gives what is due, run in this process until nothing is: the simulation without workers and Redis. */

const DUE_MAX = 500;
/** How many rounds a job may need for what is due at one instant. */
const ROUNDS_MAX = 100;

async function runOut(job: QueuedJob): Promise<void> {
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const due = await job.findDue(DUE_MAX);
    if (due.length === 0) return;
    await each(due, (id) => job.run(id, new AbortController().signal));
  }
  throw new Error(`${job.name} never comes to an end`);
}

/** Runs the job here, at the world's time. */
export function jobsHere({ foundation: { db, clock } }: World): RunDue {
  const job = grantDuePeriods({ db, clock }, 1);
  return () => runOut(job);
}
