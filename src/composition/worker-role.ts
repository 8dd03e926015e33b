import { createDeadLetters, createJobSlots } from '../job';
import { startJobQueues, type JobQueues } from '../platform/jobs/job-queues';
import { slotWork, subjectWork, sweepWork } from '../platform/jobs/job-work';
import { startProcessJobs } from '../platform/jobs/process-jobs';
import { createTaskStatusSource } from '../quota';
import type { Closable, Foundation } from './foundation';
import { jobsOfKind } from './job-list';
import { dailyJobs, hourlyJobs, processJobs, subjectJobs, sweepJobs } from './worker-jobs';

/**
 * The worker role: what the database says is due, by the list of jobs. Schedulers in Redis say when to look, queues spread
 * what was found over the processes, and the database remembers.
 */
export function startWorker(foundation: Foundation, closables: Closable[]): JobQueues {
  const { config, log, clock, metrics } = foundation;
  const taskStatus = openTaskStatus(foundation);
  if (taskStatus !== undefined) {
    closables.push({ name: 'task-status', close: () => Promise.resolve(taskStatus.close()) });
  }
  const subjects = subjectJobs(foundation, closables);
  const letters = createDeadLetters(foundation);
  const slots = createJobSlots(foundation);
  const [sweeps, dailies] = [sweepJobs(foundation, taskStatus), dailyJobs(foundation)];
  const hourlies = hourlyJobs(foundation, closables);
  const works = [
    ...jobsOfKind('subject').map(({ name }) => subjectWork(subjects[name], letters)),
    ...jobsOfKind('sweep').map(({ name }) => sweepWork({ name, ...sweeps[name] }, letters)),
    ...jobsOfKind('daily').map(({ name, schedule }) =>
      slotWork({ name, ...dailies[name] }, schedule, { letters, slots, clock }),
    ),
    ...jobsOfKind('hourly').map(({ name, schedule }) =>
      slotWork({ name, ...hourlies[name] }, schedule, { letters, slots, clock }),
    ),
  ];
  const own = processJobs(foundation, Object.values(subjects));
  const running = jobsOfKind('process').map(({ name }) => ({ name, run: own[name] }));
  const gauges = startProcessJobs(running, config.WORKER_POLL_INTERVAL_MS, log);
  closables.push({ name: 'gauges', close: () => gauges.stop() });
  const queues = startJobQueues(works, {
    redisUrl: config.REDIS_URL,
    prefix: config.JOBS_PREFIX,
    intervalMs: config.WORKER_POLL_INTERVAL_MS,
    lockMs: config.JOB_LOCK_MS,
    retry: { attempts: config.JOB_ATTEMPTS, firstMs: config.JOB_RETRY_FIRST_MS },
    observer: {
      jobEnded: (job, outcome, seconds) => {
        metrics.jobRuns.inc({ job, outcome });
        metrics.jobSeconds.observe({ job }, seconds);
      },
    },
    ...{ letters, clock, log },
  });
  closables.push({ name: 'job queues', close: () => queues.stop(0) });
  return queues;
}

/** The task service, if one is configured. */
function openTaskStatus({ config, tls }: Foundation) {
  const { TASK_STATUS_ADDRESS: address, TASK_STATUS_TIMEOUT_MS: timeoutMs } = config;
  if (address === undefined) return undefined;
  const source = createTaskStatusSource({ address, timeoutMs, tls: tls.current() });
  tls.onChange((renewed) => source.renewTls(renewed));
  return source;
}
