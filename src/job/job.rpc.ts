import { z } from 'zod';
import {
  DeadLetterState,
  JobKind,
  JobServiceService,
  type DeadLetter,
  type Job,
} from '../gen/billing/v1/job_service.pb';
import type { Clock } from '../platform/clock';
import type { Database } from '../platform/db/database';
import { scheduleText, type JobEntry, type JobKind as KindOfJob } from '../platform/jobs/job-entry';
import * as rules from '../platform/request-rules';
import { defineService, type RpcService } from '../platform/rpc/service';
import type { DeadLetterRow, DeadLetterState as StoredState } from './dead-letter.model';
import { countDeadLetters, listDeadLetters, readDeadLetter, readLastSlots } from './job.queries';
import { rerunDeadLetter } from './rerun-dead-letter';

const KINDS: Readonly<Record<KindOfJob, JobKind>> = {
  subject: JobKind.SUBJECT,
  sweep: JobKind.SWEEP,
  daily: JobKind.DAILY,
  hourly: JobKind.HOURLY,
  process: JobKind.PROCESS,
  leased: JobKind.LEASED,
};

const STATES: Readonly<Record<StoredState, DeadLetterState>> = {
  open: DeadLetterState.OPEN,
  rerun: DeadLetterState.RERUN,
  resolved: DeadLetterState.RESOLVED,
};

const listRequest = z.object({
  job: rules.optionalOpaqueId,
  state: rules.enumFilter(Object.values(STATES)),
  pageSize: rules.pageSize,
  pageToken: rules.pageToken,
});

const rerunRequest = z.object({ requestId: rules.opaqueId, deadLetterId: rules.opaqueId });

function toDeadLetterMessage(row: DeadLetterRow): DeadLetter {
  const { id: deadLetterId, job, subject, state, error, attempts, firstTime, lastTime, resolveTime } = row;
  const known = { deadLetterId, job, subject, error, attempts, firstTime, lastTime };
  return { ...known, state: STATES[state], resolveTime: resolveTime ?? undefined };
}

/** What JobService is built from. */
export interface JobServiceParts {
  readonly db: Database;
  readonly clock: Clock;
  /** Every job there is. */
  readonly jobs: readonly JobEntry[];
}

/** JobService: decode, call, encode. */
export function createJobService({ db, clock, jobs }: JobServiceParts): RpcService {
  return defineService(JobServiceService, {
    listJobs: async () => ({ jobs: await readJobs(db, jobs) }),
    listDeadLetters: async (_context, request) => {
      const { job, state, pageSize, pageToken } = listRequest.parse(request);
      const filter = { job: job === '' ? undefined : job, state: rules.nameOf(STATES, state) };
      const page = await listDeadLetters(db, filter, pageSize, pageToken);
      return { deadLetters: page.rows.map(toDeadLetterMessage), nextPageToken: page.nextPageToken };
    },
    rerunDeadLetter: async ({ caller, signal }, request) => {
      const command = { ...rerunRequest.parse(request), caller, signal, now: clock.now() };
      const { response, replayed } = await rerunDeadLetter(db, command);
      return { deadLetter: toDeadLetterMessage(await readDeadLetter(db, response.deadLetterId)), replayed };
    },
  });
}

async function readJobs(db: Database, jobs: readonly JobEntry[]): Promise<Job[]> {
  const slotted = jobs.filter(({ kind }) => kind === 'daily' || kind === 'hourly').map(({ name }) => name);
  const [letters, slots] = await Promise.all([countDeadLetters(db), readLastSlots(db, slotted)]);
  return jobs.map(({ name, kind, schedule, meaning }) => {
    const last = slots.get(name);
    return {
      name,
      kind: KINDS[kind],
      schedule: scheduleText(schedule),
      meaning: meaning.en,
      meaningZh: meaning.zh,
      deadLetters: letters.get(name) ?? 0,
      lastSlot: last?.slot ?? '',
      lastSlotTime: last?.endTime,
    };
  });
}
