import type { Database } from '../platform/db/database';
import { runCommand, type CommandEffect, type CommandResult } from '../platform/db/command';
import { expectRows } from '../platform/db/rows';
import type { Tx } from '../platform/db/tx';
import { refuseStale } from '../platform/field-rules';
import { editorsOf, isFirstPerson, secondPersonRequired } from '../platform/second-person';
import { changeOf, commandOf, type ByPerson, type CampaignAnswer } from './campaign-command';
import { describeFields, fromColumns } from './campaign-fields';
import { CampaignRow } from './campaign.model';
import { lockCampaign } from './campaign.queries';
import { giftErrors } from './gift.errors';

/** Agree to a campaign as it stands, and let it give. */
export interface ApproveCampaignCommand extends ByPerson {
  readonly campaignId: string;
  /** The revision that the caller has looked at and agrees to, at least 1. */
  readonly revision: number;
}

/**
 * Makes a draft active, under its lock, for somebody who has neither created nor edited it, in whatever role; they agree to
 * the revision that they name and no other. Throws, in this order, GIFT_CAMPAIGN_NOT_FOUND, REQUEST_ID_REUSED,
 * INVALID_REQUEST (another revision), GIFT_CAMPAIGN_NOT_ACTIVE (it is no draft, or its window is over),
 * SECOND_PERSON_REQUIRED.
 */
export async function approveCampaign(
  db: Database,
  command: ApproveCampaignCommand,
): Promise<CommandResult<CampaignAnswer>> {
  const { campaignId, revision } = command;
  const content = { campaign_id: campaignId, revision };
  return runCommand(db, commandOf('ApproveGiftCampaign', command, content), {
    lock: (tx) => lockCampaign(tx, campaignId),
    run: (tx, campaign) => approve(tx, campaign, command),
  });
}

async function approve(
  tx: Tx,
  campaign: CampaignRow,
  command: ApproveCampaignCommand,
): Promise<CommandEffect<CampaignAnswer>> {
  const { id, status, endTime } = campaign;
  const { revision, caller, now } = command;
  refuseStale('campaign', campaign.revision, revision);
  const why = status === 'draft' && endTime.getTime() <= now.getTime() ? 'over' : status;
  if (why !== 'draft') throw giftErrors.GIFT_CAMPAIGN_NOT_ACTIVE({ metadata: { campaign_id: id, why } });
  const editors = editorsOf(campaign.editors);
  if (isFirstPerson(caller, editors)) throw secondPersonRequired({ campaign_id: id }, editors);

  const approved = { status: 'active', approvedBy: caller.identity, approveTime: now } as const;
  const moved = await CampaignRow.query(tx).where({ id, status: 'draft', revision }).patch(approved);
  expectRows(moved, 1, `gift campaign ${id}`);
  return changeOf(id, command, {
    action: 'ApproveGiftCampaign',
    event: 'active',
    // What was agreed to, whole: the audit row alone says what the approver has approved.
    states: {
      before: { status, editors },
      after: { status: 'active', approved_by: caller.identity, revision, ...describeFields(fromColumns(campaign)) },
    },
  });
}
