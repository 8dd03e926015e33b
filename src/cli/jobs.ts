import { Option, type Command } from 'commander';
import { DeadLetterState, JobKind, JobServiceClient, type DeadLetter } from '../gen/billing/v1/job_service.pb';
import { systemClock } from '../platform/clock';
import { callUnary } from './connection';
import { tellRequestId } from './failure';
import type { Cell } from './output';
import { addPaging, tellNextPage, type CommandParts, type PagingOptions } from './quota';
import { addRequestId, requestIdOf, type RequestOptions } from './request-id';

/** The commands that look after what the service does by itself. */

/** Adds `jobs list`, `dead` and `rerun`. */
export function addJobCommands(program: Command, parts: CommandParts): void {
  const jobs = program.command('jobs').description('what the service does by itself, and what it gave up');
  addList(jobs, parts);
  addDead(jobs, parts);
  addRerun(jobs, parts);
}

const STATES = {
  open: DeadLetterState.OPEN,
  rerun: DeadLetterState.RERUN,
  resolved: DeadLetterState.RESOLVED,
} as const;

function addList(jobs: Command, { output, withClient }: CommandParts): void {
  jobs
    .command('list')
    .description('every job with its schedule and meaning, and how much of it failed for good')
    .option('--zh', 'meanings in Chinese')
    .action(async ({ zh = false }: { readonly zh?: boolean }) => {
      const { jobs: all } = await withClient(JobServiceClient, (client) =>
        callUnary(client.listJobs.bind(client), {}, systemClock.now()),
      );
      output().rows(
        ['job', 'kind', 'schedule', 'dead letters', 'last done', 'meaning'],
        all.map((job) => [
          job.name,
          JobKind[job.kind],
          job.schedule,
          job.deadLetters,
          job.lastSlot,
          zh ? job.meaningZh : job.meaning,
        ]),
      );
    });
}

interface DeadOptions extends PagingOptions {
  readonly job?: string;
  readonly state?: keyof typeof STATES;
}

function addDead(jobs: Command, { output, withClient }: CommandParts): void {
  const dead = jobs
    .command('dead')
    .description('dead letters that are not resolved, newest first')
    .option('--job <job>', 'only those of one job')
    .addOption(new Option('--state <state>', 'only those that stand there').choices(Object.keys(STATES)));
  addPaging(dead).action(async ({ job = '', state, pageSize, pageToken = '' }: DeadOptions) => {
    const filter = state === undefined ? DeadLetterState.UNSPECIFIED : STATES[state];
    const page = await withClient(JobServiceClient, (client) =>
      callUnary(client.listDeadLetters.bind(client), { job, state: filter, pageSize, pageToken }, systemClock.now()),
    );
    output().rows(
      ['dead letter', 'job', 'subject', 'state', 'attempts', 'error', 'first', 'last', 'resolved'],
      page.deadLetters.map((one) => Object.values(deadLetterFields(one))),
    );
    tellNextPage(page.nextPageToken);
  });
}

/** In the order of the list's headings. */
function deadLetterFields(one: DeadLetter): Readonly<Record<string, Cell>> {
  return {
    dead_letter_id: one.deadLetterId,
    job: one.job,
    subject: one.subject,
    state: DeadLetterState[one.state],
    attempts: one.attempts,
    error: one.error,
    first_time: one.firstTime,
    last_time: one.lastTime,
    resolve_time: one.resolveTime,
  };
}

function addRerun(jobs: Command, { output, withClient }: CommandParts): void {
  const again = jobs
    .command('rerun <dead_letter_id>')
    .description('have the subject of a dead letter run again, once what made it fail is mended');
  addRequestId(again).action(async (deadLetterId: string, options: RequestOptions) => {
    const requestId = requestIdOf(options);
    const { deadLetter, replayed } = await withClient(JobServiceClient, (client) =>
      callUnary(client.rerunDeadLetter.bind(client), { requestId, deadLetterId }, systemClock.now()),
    ).catch(tellRequestId(requestId));
    const fields = deadLetter === undefined ? {} : deadLetterFields(deadLetter);
    output().record({ ...fields, request_id: requestId, replayed });
  });
}
