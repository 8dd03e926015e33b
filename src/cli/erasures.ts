import { Option, type Command } from 'commander';
import { ErasureState, PrivacyServiceClient, type Erasure } from '../gen/billing/v1/privacy_service.pb';
import { systemClock } from '../platform/clock';
import { callUnary } from './connection';
import { tellRequestId } from './failure';
import type { Cell } from './output';
import { addPaging, tellNextPage, type CommandParts, type PagingOptions } from './quota';
import { addRequestId, requestIdOf, type RequestOptions } from './request-id';

/** The commands about erasing what a user can be known by: one of operations proposes, another one approves. */

/** Adds `user erase`, `erasures`, `erasure`, `approve-erasure` and `reject-erasure`. */
export function addErasureCommands(program: Command, parts: CommandParts): void {
  const user = program.command('user').description('personal data of users (个人信息)');
  addErase(user, parts);
  addList(user, parts);
  addShow(user, parts);
  addDecide(user, parts, 'approve-erasure', 'approveErasure', 'agree to what somebody else has proposed; for good');
  addDecide(user, parts, 'reject-erasure', 'rejectErasure', 'end a proposal');
}

const STATES = ['proposed', 'approved', 'running', 'done', 'rejected'] as const;
type State = (typeof STATES)[number];

const wireState = (state: State | undefined): ErasureState =>
  state === undefined ? ErasureState.UNSPECIFIED : ErasureState[state.toUpperCase() as Uppercase<State>];

function erasureFields(one: Erasure | undefined): Readonly<Record<string, Cell>> {
  if (one === undefined) return {};
  return {
    erasure_id: one.erasureId,
    user_id: one.userId,
    reason: one.reason,
    state: ErasureState[one.state],
    requested_by: one.requestedBy,
    create_time: one.createTime,
    decided_by: one.decidedBy,
    decide_time: one.decideTime,
    start_time: one.startTime,
    end_time: one.endTime,
    payers: one.payers,
    notifications: one.notifications,
    identities: one.identities,
  };
}

function addErase(user: Command, parts: CommandParts): void {
  const erase = user
    .command('erase <user_id>')
    .description('propose to erase what a user can be known by; nothing happens before somebody else approves it')
    .requiredOption('--reason <text>', 'why; it stays, so name no person in it');
  addRequestId(erase).action((userId: string, options: RequestOptions & { readonly reason: string }) =>
    show(parts, options, (client, requestId, now) =>
      callUnary(client.eraseUser.bind(client), { requestId, userId, reason: options.reason }, now),
    ),
  );
}

/** Runs a write under its request id and shows the erasure. */
async function show(
  { output, withClient }: CommandParts,
  options: RequestOptions,
  write: (
    client: PrivacyServiceClient,
    requestId: string,
    now: Date,
  ) => Promise<{ readonly erasure?: Erasure | undefined; readonly replayed: boolean }>,
): Promise<void> {
  const requestId = requestIdOf(options);
  const { erasure, replayed } = await withClient(PrivacyServiceClient, (client) =>
    write(client, requestId, systemClock.now()),
  ).catch(tellRequestId(requestId));
  output().record({ request_id: requestId, replayed, ...erasureFields(erasure) });
}

type ListOptions = PagingOptions & { readonly state?: State; readonly user?: string };

function addList(user: Command, { output, withClient }: CommandParts): void {
  const list = user
    .command('erasures')
    .description('erasures, newest first')
    .addOption(new Option('--state <state>', 'only those that stand there').choices(STATES))
    .option('--user <user_id>', 'only those of one user');
  addPaging(list).action(async ({ state, user: userId = '', pageSize, pageToken = '' }: ListOptions) => {
    const request = { state: wireState(state), userId, pageSize, pageToken };
    const page = await withClient(PrivacyServiceClient, (client) =>
      callUnary(client.listErasures.bind(client), request, systemClock.now()),
    );
    output().rows(
      ['erasure', 'user', 'state', 'requested by', 'requested', 'decided by', 'done'],
      page.erasures.map((one) => [
        ...[one.erasureId, one.userId, ErasureState[one.state], one.requestedBy],
        ...[one.createTime, one.decidedBy, one.endTime],
      ]),
    );
    tellNextPage(page.nextPageToken);
  });
}

function addShow(user: Command, { output, withClient }: CommandParts): void {
  user
    .command('erasure <erasure_id>')
    .description('everything about one erasure')
    .action(async (erasureId: string) => {
      const { erasure } = await withClient(PrivacyServiceClient, (client) =>
        callUnary(client.getErasure.bind(client), { erasureId }, systemClock.now()),
      );
      output().record(erasureFields(erasure));
    });
}

function addDecide(
  user: Command,
  parts: CommandParts,
  word: string,
  method: 'approveErasure' | 'rejectErasure',
  description: string,
): void {
  const decide = user.command(`${word} <erasure_id>`).description(description);
  addRequestId(decide).action((erasureId: string, options: RequestOptions) =>
    show(parts, options, (client, requestId, now) =>
      callUnary(client[method].bind(client), { requestId, erasureId }, now),
    ),
  );
}
