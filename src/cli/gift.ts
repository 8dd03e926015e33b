import { readFileSync } from 'node:fs';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { GiftCampaignStatus, GiftServiceClient, type GiftCampaign } from '../gen/billing/v1/gift_service.pb';
import { systemClock } from '../platform/clock';
import { sha256 } from '../platform/crypto/sha256';
import { fromEpochMs } from '../platform/time';
import { callUnary } from './connection';
import { parseInstantMs } from './dev-clock';
import { readFailure, tellRequestId } from './failure';
import { grantGifts, type GiftRun } from './grant-gifts';
import { addRequestId, requestIdOf, type RequestOptions } from './request-id';
import type { Cell } from './output';
import { addPaging, tellNextPage, type CommandParts, type PagingOptions } from './quota';
import { parseUserList } from './user-list';

/** The commands about gift campaigns: operations makes them, another of operations approves them. */

/** Adds `gift list`, `show`, `create`, `update`, `approve`, `pause`, `resume`, `end` and `grant`. */
export function addGiftCommands(program: Command, parts: CommandParts): void {
  const gift = program.command('gift').description('gift campaigns (活动赠送): make, approve and give');
  addList(gift, parts);
  addShow(gift, parts);
  addCreate(gift, parts);
  addUpdate(gift, parts);
  addApprove(gift, parts);
  addMove(gift, parts, 'pause', GiftCampaignStatus.PAUSED, 'give nothing for now');
  addMove(gift, parts, 'resume', GiftCampaignStatus.ACTIVE, 'give again');
  addMove(gift, parts, 'end', GiftCampaignStatus.ENDED, 'give nothing any more, for good');
  addGrant(gift, parts);
}

const STATUSES = ['draft', 'active', 'paused', 'ended'] as const;
type Status = (typeof STATUSES)[number];

function wireStatus(status: Status | undefined): GiftCampaignStatus {
  return status === undefined
    ? GiftCampaignStatus.UNSPECIFIED
    : GiftCampaignStatus[status.toUpperCase() as Uppercase<Status>];
}

function campaignFields(one: GiftCampaign | undefined): Readonly<Record<string, Cell>> {
  if (one === undefined) return {};
  return {
    campaign_id: one.campaignId,
    name: one.name,
    status: GiftCampaignStatus[one.status],
    units: one.units,
    valid_days: one.validDays,
    budget_units: one.budgetUnits,
    granted_units: one.grantedUnits,
    start_time: one.startTime,
    end_time: one.endTime,
    revision: one.revision,
    created_by: one.createdBy,
    create_time: one.createTime,
    approved_by: one.approvedBy,
    approve_time: one.approveTime,
  };
}

type ListOptions = PagingOptions & { readonly status?: Status };

function addList(gift: Command, { output, withClient }: CommandParts): void {
  const list = gift.command('list').description('gift campaigns, by id');
  list.addOption(new Option('--status <status>', 'only those that stand there').choices(STATUSES));
  addPaging(list).action(async ({ status, pageSize, pageToken = '' }: ListOptions) => {
    const request = { status: wireStatus(status), pageSize, pageToken };
    const page = await withClient(GiftServiceClient, (client) =>
      callUnary(client.listGiftCampaigns.bind(client), request, systemClock.now()),
    );
    output().rows(
      ['campaign', 'name', 'status', 'units', 'granted units', 'budget units', 'ends', 'approved by'],
      page.campaigns.map((one) => [
        ...[one.campaignId, one.name, GiftCampaignStatus[one.status], one.units],
        ...[one.grantedUnits, one.budgetUnits, one.endTime, one.approvedBy],
      ]),
    );
    tellNextPage(page.nextPageToken);
  });
}

function addShow(gift: Command, { output, withClient }: CommandParts): void {
  gift
    .command('show <campaign_id>')
    .description('everything about one gift campaign')
    .action(async (campaignId: string) => {
      const { campaign } = await withClient(GiftServiceClient, (client) =>
        callUnary(client.getGiftCampaign.bind(client), { campaignId }, systemClock.now()),
      );
      output().record(campaignFields(campaign));
    });
}

function parseCount(text: string): number {
  if (!/^[1-9]\d{0,12}$/.test(text)) throw new InvalidArgumentError('It must be a whole number, at least 1.');
  return Number(text);
}

const parseInstant = (text: string): Date => fromEpochMs(parseInstantMs(text));

interface FieldOptions {
  readonly name?: string;
  readonly units?: number;
  readonly validDays?: number;
  readonly budgetUnits?: number;
  readonly startTime?: Date;
  readonly endTime?: Date;
}

/** Adds what people decide about a campaign. */
function addFields(command: Command): Command {
  return command
    .option('--name <text>', "its name; the user's quota log shows it")
    .option('--units <units>', 'units that each user gets', parseCount)
    .option('--valid-days <days>', 'days that a gift can be used', parseCount)
    .option('--budget-units <units>', 'the most units that all gifts together give', parseCount)
    .option('--start-time <instant>', 'from when on it gives; default: from its approval on', parseInstant)
    .option('--end-time <instant>', 'until when it gives, for example 2026-10-08T00:00:00+08:00', parseInstant);
}

/** A message with what was given; the service says what is missing. */
function messageOf(campaignId: string, options: FieldOptions): GiftCampaign {
  const { name = '', units = 0, validDays = 0, budgetUnits = 0, startTime, endTime } = options;
  const readOnly = { grantedUnits: 0, status: GiftCampaignStatus.UNSPECIFIED, createdBy: '', createTime: undefined };
  const given = { campaignId, name, units, validDays, budgetUnits, startTime, endTime };
  return { ...given, ...readOnly, revision: 0, approvedBy: '', approveTime: undefined };
}

/** What a write of a campaign answers. */
interface CampaignReply {
  readonly campaign?: GiftCampaign | undefined;
  readonly replayed: boolean;
}

/** Runs a write under its request id and shows the campaign. */
async function show(
  { output, withClient }: CommandParts,
  options: RequestOptions,
  write: (client: GiftServiceClient, requestId: string, now: Date) => Promise<CampaignReply>,
): Promise<void> {
  const requestId = requestIdOf(options);
  const { campaign, replayed } = await withClient(GiftServiceClient, (client) =>
    write(client, requestId, systemClock.now()),
  ).catch(tellRequestId(requestId));
  output().record({ request_id: requestId, replayed, ...campaignFields(campaign) });
}

function addCreate(gift: Command, parts: CommandParts): void {
  const create = gift
    .command('create')
    .description('make a draft; it gives nothing before somebody else approves it')
    .option('--id <campaign_id>', 'its id; default: one is made', '');
  addRequestId(addFields(create)).action((options: FieldOptions & RequestOptions & { readonly id: string }) =>
    show(parts, options, (client, requestId, now) =>
      callUnary(client.createGiftCampaign.bind(client), { requestId, campaign: messageOf(options.id, options) }, now),
    ),
  );
}

type UpdateOptions = FieldOptions & RequestOptions & { readonly revision: number };

function addUpdate(gift: Command, parts: CommandParts): void {
  const update = gift
    .command('update <campaign_id>')
    .description('change fields of a draft; who does so can not approve it any more')
    .option('--revision <number>', 'the revision that you have looked at; default: any', parseCount, 0);
  addRequestId(addFields(update)).action((campaignId: string, options: UpdateOptions) =>
    show(parts, options, (client, requestId, now) => {
      const campaign = messageOf(campaignId, options);
      const request = { requestId, campaign, updateMask: undefined, revision: options.revision };
      return callUnary(client.updateGiftCampaign.bind(client), request, now);
    }),
  );
}

function addApprove(gift: Command, parts: CommandParts): void {
  const approve = gift
    .command('approve <campaign_id>')
    .description('agree to a draft that somebody else has made, and let it give; look at `gift show` first')
    .requiredOption('--revision <number>', 'the revision that you have looked at', parseCount);
  addRequestId(approve).action((campaignId: string, options: RequestOptions & { readonly revision: number }) =>
    show(parts, options, (client, requestId, now) => {
      const request = { requestId, campaignId, revision: options.revision };
      return callUnary(client.approveGiftCampaign.bind(client), request, now);
    }),
  );
}

function addMove(
  gift: Command,
  parts: CommandParts,
  word: string,
  status: GiftCampaignStatus,
  description: string,
): void {
  const move = gift.command(`${word} <campaign_id>`).description(description);
  addRequestId(move).action((campaignId: string, options: RequestOptions) =>
    show(parts, options, (client, requestId, now) =>
      callUnary(client.setGiftCampaignStatus.bind(client), { requestId, campaignId, status }, now),
    ),
  );
}

/** Always the same for a campaign, and ids are each user's own: who runs a list again gives nothing twice. */
const grantRequestId = (campaignId: string): string => `gift-${sha256(campaignId).toString('hex').slice(0, 32)}`;

interface GrantOptions {
  readonly usersFile?: string;
  readonly atOnce: number;
}

function parseAtOnce(text: string): number {
  if (!/^([1-9]|[1-5]\d|6[0-4])$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1 to 64.');
  return Number(text);
}

function addGrant(gift: Command, parts: CommandParts): void {
  gift
    .command('grant <campaign_id> [user_id]')
    .description('give the gift to a user, or to every user of a file; may be run again, nobody gets it twice')
    .option('--users-file <file>', 'users, an id a line')
    .option('--at-once <calls>', 'of a file: how many at a time, 1 to 64', parseAtOnce, 8)
    .action((campaignId: string, userId: string | undefined, options: GrantOptions) => {
      const { usersFile } = options;
      if (usersFile !== undefined && userId === undefined) return grantToAll(parts, campaignId, usersFile, options);
      if (usersFile === undefined && userId !== undefined) return grantToOne(parts, campaignId, userId);
      throw new InvalidArgumentError('Name either a user or --users-file.');
    });
}

async function grantToOne({ output, withClient }: CommandParts, campaignId: string, userId: string): Promise<void> {
  const requestId = grantRequestId(campaignId);
  const given = await withClient(GiftServiceClient, (client) =>
    callUnary(client.grantGift.bind(client), { requestId, userId, campaignId }, systemClock.now()),
  );
  output().record({
    ...{ campaign_id: campaignId, user_id: userId, replayed: given.replayed, grant: given.grantId },
    ...{ units: given.units, expires: given.expireTime, quota_remaining: given.quotaRemaining },
  });
}

/** Users between two lines of progress. */
const TOLD_EVERY = 100;

async function grantToAll(
  { output, withClient }: CommandParts,
  campaignId: string,
  file: string,
  { atOnce }: GrantOptions,
): Promise<void> {
  const { userIds, faultyLines } = parseUserList(readFileSync(file, 'utf8'));
  if (faultyLines.length > 0) {
    throw new InvalidArgumentError(
      `${file}: no user id in line ${faultyLines.slice(0, 10).join(', ')}; nobody got anything`,
    );
  }
  const requestId = grantRequestId(campaignId);
  const run = await withClient(GiftServiceClient, (client) =>
    grantGifts(userIds, {
      atOnce,
      give: async (userId) => {
        const request = { requestId, userId, campaignId };
        const { replayed } = await callUnary(client.grantGift.bind(client), request, systemClock.now());
        return replayed ? 'had it' : 'given';
      },
      readFailure,
      tell: (soFar) => tellProgress(soFar, userIds.length),
    }),
  );
  output().recordWithRows(
    {
      ...{ campaign_id: campaignId, users: userIds.length, given: run.given, had_it: run.hadIt },
      ...{ refused: run.refused.length, not_tried: run.notTried },
    },
    'refusals',
    ['user', 'code', 'reason', 'message'],
    run.refused.map(({ userId, failure }) => [userId, failure.code, failure.reason ?? '', failure.message]),
  );
  if (run.refused.length > 0 || run.notTried > 0) process.exitCode = 1;
}

function tellProgress({ given, hadIt, refused, notTried }: GiftRun, users: number): void {
  const done = users - notTried;
  if (done % TOLD_EVERY !== 0 && done !== users) return;
  process.stderr.write(`${done} of ${users}: ${given} given, ${hadIt} had it, ${refused.length} refused\n`);
}
