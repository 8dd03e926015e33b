import { z } from 'zod';
import { GiftCampaignStatus, GiftServiceService, type GiftCampaign } from '../gen/billing/v1/gift_service.pb';
import type { Clock } from '../platform/clock';
import type { CommandResult } from '../platform/db/command';
import type { Database } from '../platform/db/database';
import { platformErrors } from '../platform/errors';
import * as rules from '../platform/request-rules';
import { defineService, type Handlers, type RpcService } from '../platform/rpc/service';
import { fromEpochMs } from '../platform/time';
import { approveCampaign } from './approve-campaign';
import type { CampaignAnswer } from './campaign-command';
import { FIELD_NAMES, fieldOf, fromColumns, type CampaignFields, type FieldName } from './campaign-fields';
import { refuseViolations } from '../platform/field-rules';
import { fieldViolations, relationViolations } from './campaign-terms';
import type { CampaignRow, CampaignStatus as StoredStatus } from './campaign.model';
import { listCampaigns, readCampaign } from './campaign.queries';
import { createCampaign } from './create-campaign';
import { grantGift } from './grant-gift';
import { setCampaignStatus } from './set-campaign-status';
import { updateCampaign } from './update-campaign';

const STATUSES: Readonly<Record<StoredStatus, GiftCampaignStatus>> = {
  draft: GiftCampaignStatus.DRAFT,
  active: GiftCampaignStatus.ACTIVE,
  paused: GiftCampaignStatus.PAUSED,
  ended: GiftCampaignStatus.ENDED,
};

/** A message that must be there; its fields have their own rules. */
const campaignMessage = z.custom<GiftCampaign>((value) => value !== undefined, 'is required');

const anyRevision = z.number().int('must be a whole number').min(0, 'must not be negative');

const writeRequest = z.object({ requestId: rules.opaqueId, campaign: campaignMessage });
const updateRequest = z.object({ requestId: rules.opaqueId, campaign: campaignMessage, revision: anyRevision });
/** Its id: one that is made where it is empty, or one that is known. */
const newCampaign = z.object({ campaign: z.object({ campaignId: rules.optionalOpaqueId }) });
const knownCampaign = z.object({ campaign: z.object({ campaignId: rules.opaqueId }) });

const approveRequest = z.object({
  requestId: rules.opaqueId,
  campaignId: rules.opaqueId,
  revision: z.number().int('must be a whole number').min(1, 'must be the revision that was looked at'),
});

const statusRequest = z.object({
  requestId: rules.opaqueId,
  campaignId: rules.opaqueId,
  status: z.number().transform((value, context): StoredStatus => {
    const status = rules.nameOf(STATUSES, value);
    if (status !== undefined) return status;
    context.addIssue('is not a known value');
    return z.NEVER;
  }),
});

const campaignRequest = z.object({ campaignId: rules.opaqueId });

const listRequest = z.object({
  status: rules.enumFilter(Object.values(STATUSES)),
  pageSize: rules.pageSize,
  pageToken: rules.pageToken,
});

const grantRequest = z.object({ requestId: rules.opaqueId, userId: rules.opaqueId, campaignId: rules.opaqueId });

/** The fields that are set in a message: what differs from a message of nothing. */
function setFields(message: GiftCampaign): FieldName[] {
  const nothing: unknown[] = ['', 0, undefined];
  return FIELD_NAMES.filter((field) => !nothing.includes(message[field]));
}

/** The fields that an update names, by its mask or else by setting them. Throws INVALID_REQUEST. */
function namedFields(message: GiftCampaign, mask: readonly string[]): FieldName[] {
  if (mask.length === 0) return setFields(message);
  return mask.map((path) => {
    const field = fieldOf(path);
    if (field !== undefined) return field;
    const description = 'names what is no field of a campaign, or is read only';
    throw platformErrors.INVALID_REQUEST({ fieldViolations: [{ field: 'update_mask', description }] });
  });
}

/** The fields of a message that are named, judged each alone. Throws INVALID_REQUEST. */
function judgeFields<Name extends FieldName>(
  message: GiftCampaign,
  names: readonly Name[],
): Pick<CampaignFields, Name> {
  const named: Readonly<Record<string, unknown>> = Object.fromEntries(names.map((field) => [field, message[field]]));
  refuseViolations(fieldViolations(named));
  return named as Pick<CampaignFields, Name>;
}

function toCampaignMessage(row: CampaignRow): GiftCampaign {
  const { id: campaignId, status, grantedUnits, createdBy, createTime, revision, approvedBy, approveTime } = row;
  return {
    campaignId,
    ...fromColumns(row),
    status: STATUSES[status],
    grantedUnits,
    createdBy,
    createTime,
    revision,
    approvedBy: approvedBy ?? '',
    approveTime: approveTime ?? undefined,
  };
}

/** What GiftService is built from. */
export interface GiftServiceParts {
  readonly db: Database;
  readonly clock: Clock;
}

/** GiftService: decode, call, encode. */
export function createGiftService(parts: GiftServiceParts): RpcService {
  return defineService(GiftServiceService, { ...writes(parts), ...grants(parts), ...reads(parts) });
}

type GiftHandlers = Handlers<typeof GiftServiceService>;
type Writes = 'createGiftCampaign' | 'updateGiftCampaign' | 'approveGiftCampaign' | 'setGiftCampaignStatus';

/** The RPCs that change campaigns. Each answers with the campaign as it is now. */
function writes({ db, clock }: GiftServiceParts): Pick<GiftHandlers, Writes> {
  const answer = async ({ response, replayed }: CommandResult<CampaignAnswer>) => {
    return { campaign: toCampaignMessage(await readCampaign(db, response.campaignId)), replayed };
  };
  return {
    createGiftCampaign: async ({ caller, signal }, request) => {
      const { requestId, campaign } = writeRequest.parse(request);
      const { campaignId } = newCampaign.parse(request).campaign;
      const fields = judgeFields(campaign, FIELD_NAMES);
      refuseViolations(relationViolations(fields, FIELD_NAMES));
      return answer(await createCampaign(db, { requestId, campaignId, fields, caller, signal, now: clock.now() }));
    },
    updateGiftCampaign: async ({ caller, signal }, request) => {
      const { requestId, campaign, revision } = updateRequest.parse(request);
      const { campaignId } = knownCampaign.parse(request).campaign;
      const fields = judgeFields(campaign, namedFields(campaign, request.updateMask ?? []));
      const command = { requestId, campaignId, fields, revision, caller, signal, now: clock.now() };
      return answer(await updateCampaign(db, command));
    },
    approveGiftCampaign: async ({ caller, signal }, request) =>
      answer(await approveCampaign(db, { ...approveRequest.parse(request), caller, signal, now: clock.now() })),
    setGiftCampaignStatus: async ({ caller, signal }, request) =>
      answer(await setCampaignStatus(db, { ...statusRequest.parse(request), caller, signal, now: clock.now() })),
  };
}

/** The RPC that gives. */
function grants({ db, clock }: GiftServiceParts): Pick<GiftHandlers, 'grantGift'> {
  return {
    grantGift: async ({ caller, signal }, request) => {
      const command = { ...grantRequest.parse(request), caller, signal, now: clock.now() };
      const { response, replayed } = await grantGift(db, command);
      const { grantId, units, expireTime, quotaRemaining } = response;
      return { grantId, units, expireTime: fromEpochMs(Date.parse(expireTime)), quotaRemaining, replayed };
    },
  };
}

/** The RPCs that look at campaigns. */
function reads({ db }: GiftServiceParts): Omit<GiftHandlers, Writes | 'grantGift'> {
  return {
    getGiftCampaign: async (_context, request) => {
      const { campaignId } = campaignRequest.parse(request);
      return { campaign: toCampaignMessage(await readCampaign(db, campaignId)) };
    },
    listGiftCampaigns: async (_context, request) => {
      const { status, pageSize, pageToken } = listRequest.parse(request);
      const page = await listCampaigns(db, rules.nameOf(STATUSES, status), pageSize, pageToken);
      return { campaigns: page.rows.map(toCampaignMessage), nextPageToken: page.nextPageToken };
    },
  };
}
