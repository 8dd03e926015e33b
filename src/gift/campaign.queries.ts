import type { Knex } from 'knex';
import type { Database } from '../platform/db/database';
import { readOnly, type Tx } from '../platform/db/tx';
import { cutPage, readPageToken, type Page } from '../platform/paging';
import { CampaignRow, type CampaignStatus } from './campaign.model';
import { giftErrors } from './gift.errors';

/** One campaign as it is now, without a lock. Throws GIFT_CAMPAIGN_NOT_FOUND. */
export async function findCampaign(reader: Knex, campaignId: string): Promise<CampaignRow> {
  return required(await CampaignRow.query(reader).findById(campaignId), campaignId);
}

/** The same outside a transaction. Throws GIFT_CAMPAIGN_NOT_FOUND. */
export function readCampaign(db: Database, campaignId: string): Promise<CampaignRow> {
  return readOnly(db, (reader) => findCampaign(reader, campaignId));
}

/** Locks a campaign: every change of it, and every gift, waits. Throws GIFT_CAMPAIGN_NOT_FOUND. */
export async function lockCampaign(tx: Tx, campaignId: string): Promise<CampaignRow> {
  return required(await CampaignRow.query(tx).findById(campaignId).forUpdate(), campaignId);
}

function required(campaign: CampaignRow | undefined, campaignId: string): CampaignRow {
  if (campaign !== undefined) return campaign;
  throw giftErrors.GIFT_CAMPAIGN_NOT_FOUND({ metadata: { campaign_id: campaignId } });
}

/** One page of campaigns by id. Throws INVALID_REQUEST for a foreign page token. */
export async function listCampaigns(
  db: Database,
  status: CampaignStatus | undefined,
  pageSize: number,
  pageToken: string,
): Promise<Page<CampaignRow>> {
  const filters = { list: 'gift_campaigns', status };
  const after = readPageToken(pageToken, filters);
  const rows = await readOnly(db, (reader) => {
    const query = CampaignRow.query(reader)
      .orderBy('id')
      .limit(pageSize + 1);
    if (status !== undefined) void query.where('status', status);
    if (after !== undefined) void query.where('id', '>', after);
    return query;
  });
  return cutPage(rows, pageSize, filters, (campaign) => campaign.id);
}
