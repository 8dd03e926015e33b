import {
  GiftCampaign,
  GiftCampaignStatus,
  type GrantGiftResponse,
  type ListGiftCampaignsRequest,
} from '../../src/gen/billing/v1/gift_service.pb';
import { call, mustSucceed, type Identity, type Reply } from './clients';
import { newId, type Harness } from './harness';
import type { Callers } from './promotion-calls';
import { CHANGED_BY_ITSELF, digestTables } from './table-digest';

/** GiftService as people of operations call it. */

/** Who calls, under which request id; a new one unless given. */
export interface GiftCallAs {
  readonly as?: Identity;
  readonly requestId?: string;
  /** The revision that was looked at; 1, which is a new draft's, for approvals, and any for edits, unless given. */
  readonly revision?: number;
}

const FAR = new Date('2090-01-01T00:00:00.000Z');

/** 20 units for 30 days, for at most 5 users, until 2090, but for the fields given. */
export function aCampaign(fields: Partial<GiftCampaign> = {}): GiftCampaign {
  const usual = { name: '国庆赠送', units: 20, validDays: 30, budgetUnits: 100, endTime: FAR };
  return GiftCampaign.fromPartial({ ...usual, ...fields });
}

/** CreateGiftCampaign of a campaign as it is given. */
export function createCampaignCall(h: Callers, campaign: GiftCampaign | undefined, by: GiftCallAs = {}) {
  const { as = 'operations', requestId = newId('create') } = by;
  const { gift } = h.as(as);
  return call(gift.createGiftCampaign.bind(gift), { requestId, campaign });
}

/** Makes a draft and returns it as it was answered. */
export async function makeCampaign(
  h: Callers,
  fields: Partial<GiftCampaign> = {},
  by: GiftCallAs = {},
): Promise<GiftCampaign> {
  const { campaign } = await mustSucceed(createCampaignCall(h, aCampaign(fields), by));
  if (campaign === undefined) throw new Error('no campaign was answered');
  return campaign;
}

/** UpdateGiftCampaign with these fields; without a mask those that are set. */
export function updateCampaignCall(
  h: Callers,
  fields: Partial<GiftCampaign>,
  updateMask?: string[],
  by: GiftCallAs = {},
) {
  const { as = 'operations', requestId = newId('update'), revision = 0 } = by;
  const { gift } = h.as(as);
  const campaign = GiftCampaign.fromPartial(fields);
  return call(gift.updateGiftCampaign.bind(gift), { requestId, campaign, updateMask, revision });
}

/** ApproveGiftCampaign, as the second person of operations unless told otherwise. */
export function approveCall(h: Callers, campaignId: string, by: GiftCallAs = {}) {
  const { as = 'operations-2', requestId = newId('approve'), revision = 1 } = by;
  const { gift } = h.as(as);
  return call(gift.approveGiftCampaign.bind(gift), { requestId, campaignId, revision });
}

export function campaignStatusCall(h: Callers, campaignId: string, status: GiftCampaignStatus, by: GiftCallAs = {}) {
  const { as = 'operations', requestId = newId('status') } = by;
  const { gift } = h.as(as);
  return call(gift.setGiftCampaignStatus.bind(gift), { requestId, campaignId, status });
}

/** Makes a campaign that two people have agreed to. Returns its id. */
export async function openCampaign(h: Callers, fields: Partial<GiftCampaign> = {}): Promise<string> {
  const { campaignId } = await makeCampaign(h, fields);
  await mustSucceed(approveCall(h, campaignId));
  return campaignId;
}

/** GrantGift as operations. */
export function grantGiftCall(
  h: Callers,
  userId: string,
  campaignId: string,
  by: GiftCallAs = {},
): Promise<Reply<GrantGiftResponse>> {
  const { as = 'operations', requestId = newId('gift') } = by;
  const { gift } = h.as(as);
  return call(gift.grantGift.bind(gift), { requestId, userId, campaignId });
}

export function getCampaignCall(h: Callers, campaignId: string) {
  const { gift } = h.as('auditor');
  return call(gift.getGiftCampaign.bind(gift), { campaignId });
}

/** The campaign as it is now. */
export async function readCampaign(h: Callers, campaignId: string): Promise<GiftCampaign> {
  const { campaign } = await mustSucceed(getCampaignCall(h, campaignId));
  if (campaign === undefined) throw new Error('no campaign was answered');
  return campaign;
}

export function listCampaignsCall(h: Callers, fields: Partial<ListGiftCampaignsRequest> = {}) {
  const { gift } = h.as('finance');
  const request = { status: GiftCampaignStatus.UNSPECIFIED, pageSize: 0, pageToken: '', ...fields };
  return call(gift.listGiftCampaigns.bind(gift), request);
}

/** A digest of everything that a call about gifts may write: equal means that nothing changed. */
export function giftState({ db }: Pick<Harness, 'db'>): Promise<Readonly<Record<string, string>>> {
  const tables = ['gift_campaigns', 'users', 'quota_grants', 'quota_logs', 'request_keys', 'audit_logs', 'outbox'];
  return digestTables(db, tables, CHANGED_BY_ITSELF);
}

/** The row of a campaign, its audit rows and its events, oldest first. */
export async function readCampaignTraces({ db }: Pick<Harness, 'db'>, campaignId: string) {
  const [row] = await db.query('SELECT * FROM gift_campaigns WHERE id = ?', [campaignId]);
  const audit = await db.query(
    "SELECT * FROM audit_logs WHERE subject_type = 'gift_campaign' AND subject_id = ? ORDER BY id",
    [campaignId],
  );
  const events = await db.query(
    "SELECT * FROM outbox WHERE type LIKE 'gift%' AND JSON_VALUE(payload, '$.campaign_id') = ? ORDER BY id",
    [campaignId],
  );
  return { row, audit, events };
}
