import type { Database } from '../platform/db/database';
import { runCommand, type CommandResult } from '../platform/db/command';
import type { Tx } from '../platform/db/tx';
import { mintId } from '../platform/ids';
import { changeOf, commandOf, type ByPerson, type CampaignAnswer } from './campaign-command';
import { describeFields, toColumns, type CampaignFields } from './campaign-fields';
import { refuseViolations } from '../platform/field-rules';
import { timeViolations } from './campaign-terms';
import { CampaignRow } from './campaign.model';

/** Create a campaign. Its fields are right, each alone and together (campaign-terms.ts). */
export interface CreateCampaignCommand extends ByPerson {
  /** Empty: one is made. */
  readonly campaignId: string;
  readonly fields: CampaignFields;
}

/** Looked up in the transaction: of two that want the same id at once, the later one runs again and finds the other's. */
async function refuseTaken(tx: Tx, campaignId: string): Promise<void> {
  const known = await CampaignRow.query(tx).findById(campaignId);
  if (known !== undefined) refuseViolations([{ field: 'campaign.campaign_id', description: 'is taken' }]);
}

/** Writes a campaign as a draft. Throws INVALID_REQUEST (its id is taken, its end is past), REQUEST_ID_REUSED. */
export async function createCampaign(
  db: Database,
  command: CreateCampaignCommand,
): Promise<CommandResult<CampaignAnswer>> {
  const { campaignId, fields, caller, now } = command;
  const { identity } = caller;
  const content = { campaign_id: campaignId, ...describeFields(fields) };
  return runCommand(db, commandOf('CreateGiftCampaign', command, content), {
    // Nothing is there to lock yet: the primary key decides.
    lock: () => Promise.resolve(),
    run: async (tx) => {
      refuseViolations(timeViolations(fields, now));
      if (campaignId !== '') await refuseTaken(tx, campaignId);
      const id = campaignId === '' ? mintId(now) : campaignId;
      await CampaignRow.query(tx).insert({
        id,
        ...toColumns(fields),
        status: 'draft',
        grantedUnits: 0,
        createdBy: identity,
        editors: JSON.stringify([identity]),
        revision: 1,
        approvedBy: null,
        approveTime: null,
        createTime: now,
      });
      const states = { after: { status: 'draft', ...describeFields(fields) } };
      return changeOf(id, command, { action: 'CreateGiftCampaign', event: 'created', states });
    },
  });
}
