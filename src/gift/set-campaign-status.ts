import type { Database } from '../platform/db/database';
import { runCommand, type CommandEffect, type CommandResult } from '../platform/db/command';
import { expectRows } from '../platform/db/rows';
import type { Tx } from '../platform/db/tx';
import { changeOf, commandOf, noChange, type ByPerson, type CampaignAnswer } from './campaign-command';
import { mayMove } from './campaign-state';
import { CampaignRow, type CampaignStatus } from './campaign.model';
import { lockCampaign } from './campaign.queries';
import { giftErrors } from './gift.errors';

/** Move an approved campaign to a status. */
export interface SetCampaignStatusCommand extends ByPerson {
  readonly campaignId: string;
  readonly status: CampaignStatus;
}

/**
 * Pauses, resumes or ends a campaign under its lock, so that every gift is before it or after it. Where it stands already is
 * no error and no change. Throws, in this order, GIFT_CAMPAIGN_NOT_FOUND, REQUEST_ID_REUSED, GIFT_CAMPAIGN_NOT_ACTIVE (the
 * move is not allowed; a draft is approved instead).
 */
export async function setCampaignStatus(
  db: Database,
  command: SetCampaignStatusCommand,
): Promise<CommandResult<CampaignAnswer>> {
  const { campaignId, status } = command;
  return runCommand(db, commandOf('SetGiftCampaignStatus', command, { campaign_id: campaignId, status }), {
    lock: (tx) => lockCampaign(tx, campaignId),
    run: (tx, campaign) => move(tx, campaign, command),
  });
}

async function move(
  tx: Tx,
  { id, status: from }: CampaignRow,
  command: SetCampaignStatusCommand,
): Promise<CommandEffect<CampaignAnswer>> {
  const { status } = command;
  if (status === from) return noChange(id);
  if (!mayMove(from, status)) {
    throw giftErrors.GIFT_CAMPAIGN_NOT_ACTIVE({ metadata: { campaign_id: id, why: from } });
  }
  const moved = await CampaignRow.query(tx).where({ id, status: from }).patch({ status });
  expectRows(moved, 1, `gift campaign ${id}`);
  const states = { before: { status: from }, after: { status } };
  return changeOf(id, command, { action: 'SetGiftCampaignStatus', event: status, states });
}
