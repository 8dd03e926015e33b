import type { Database } from '../platform/db/database';
import { runCommand, type CommandEffect, type CommandResult } from '../platform/db/command';
import { expectRows } from '../platform/db/rows';
import type { Tx } from '../platform/db/tx';
import { editorsOf, withEditor } from '../platform/second-person';
import { changeOf, commandOf, noChange, type ByPerson, type CampaignAnswer } from './campaign-command';
import {
  changedFields,
  describeFields,
  fromColumns,
  protoName,
  toColumns,
  type CampaignFields,
  type FieldName,
} from './campaign-fields';
import { refuseStale, refuseViolations } from '../platform/field-rules';
import { relationViolations, timeViolations } from './campaign-terms';
import { CampaignRow } from './campaign.model';
import { lockCampaign } from './campaign.queries';
import { giftErrors } from './gift.errors';

/** Change fields of a draft. Each of them alone is right (campaign-terms.ts). */
export interface UpdateCampaignCommand extends ByPerson {
  readonly campaignId: string;
  /** What shall be changed; a field that is there and undefined shall become nothing. */
  readonly fields: Readonly<Partial<CampaignFields>>;
  /** The revision that the caller has looked at; 0: any. */
  readonly revision: number;
}

/**
 * Changes a draft under its lock; who does so is an editor from then on. What is wanted as it is stored is no change.
 * Throws, in this order, GIFT_CAMPAIGN_NOT_FOUND, REQUEST_ID_REUSED, GIFT_CAMPAIGN_NOT_ACTIVE (it is no draft any more),
 * INVALID_REQUEST (another revision; the fields do not go together; its end is past).
 */
export async function updateCampaign(
  db: Database,
  command: UpdateCampaignCommand,
): Promise<CommandResult<CampaignAnswer>> {
  const { campaignId, fields, revision } = command;
  // The names too: a field that shall become nothing looks like one that is not named.
  const names = (Object.keys(fields) as FieldName[]).map(protoName).sort();
  const content = { campaign_id: campaignId, update_mask: names, revision, ...describeFields(fields) };
  return runCommand(db, commandOf('UpdateGiftCampaign', command, content), {
    lock: (tx) => lockCampaign(tx, campaignId),
    run: (tx, campaign) => change(tx, campaign, command),
  });
}

async function change(
  tx: Tx,
  campaign: CampaignRow,
  command: UpdateCampaignCommand,
): Promise<CommandEffect<CampaignAnswer>> {
  const { id, status } = campaign;
  const { fields, revision, caller, now } = command;
  if (status !== 'draft') {
    throw giftErrors.GIFT_CAMPAIGN_NOT_ACTIVE({ metadata: { campaign_id: id, why: status } });
  }
  refuseStale('campaign', campaign.revision, revision);
  const stored = fromColumns(campaign);
  const changed = changedFields(stored, fields);
  if (changed.length === 0) return noChange(id);
  const wanted: CampaignFields = { ...stored, ...fields };
  const isEndNew = changed.includes('endTime');
  refuseViolations([...relationViolations(wanted, changed), ...(isEndNew ? timeViolations(wanted, now) : [])]);

  const editors = withEditor(editorsOf(campaign.editors), caller.identity);
  const columns = { ...toColumns(wanted), editors: JSON.stringify(editors), revision: campaign.revision + 1 };
  expectRows(await CampaignRow.query(tx).where({ id, status: 'draft' }).patch(columns), 1, `gift campaign ${id}`);
  return changeOf(id, command, {
    action: 'UpdateGiftCampaign',
    event: 'updated',
    states: { before: describeFields(stored, changed), after: describeFields(wanted, changed) },
    payload: { changed: changed.map(protoName).sort() },
  });
}
