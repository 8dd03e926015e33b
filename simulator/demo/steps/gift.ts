import {
  CreateGiftCampaignRequest,
  GiftCampaignStatus,
  type GiftCampaign,
} from '../../../src/gen/billing/v1/gift_service.pb';
import { systemClock } from '../../../src/platform/clock';
import { addMs, MS_PER_DAY } from '../../../src/platform/time';
import { call, refusalOf, type Billing } from '../billing';
import type { Stage } from '../stage';
import { present } from '../unexpected';
import { beijing, REFUSAL_HEADINGS, refusalRow } from '../wording';
import { readRemaining } from './use';

/** A gift campaign (活动赠送): units for nothing, out of a budget that two people agreed to. */

const UNITS = 100;
const OPEN_DAYS = 365;

async function createCampaign({ operations: { gift }, userId }: Stage): Promise<GiftCampaign> {
  const request = CreateGiftCampaignRequest.fromPartial({
    requestId: `campaign-${userId}`,
    campaign: {
      name: '周年庆赠送',
      units: UNITS,
      budgetUnits: UNITS,
      validDays: 90,
      endTime: addMs(systemClock.now(), OPEN_DAYS * MS_PER_DAY),
    },
  });
  return present((await call(gift.createGiftCampaign.bind(gift), request)).campaign, 'campaign');
}

function showCampaign({ report }: Stage, campaign: GiftCampaign): void {
  report.record('campaign', {
    campaign: campaign.campaignId,
    name: campaign.name,
    status: GiftCampaignStatus[campaign.status],
    'units each': campaign.units,
    given: `${campaign.grantedUnits} of ${campaign.budgetUnits}`,
    'created by': campaign.createdBy,
    'approved by': campaign.approvedBy,
  });
}

/** Step 23: one person prepares it, another agrees to it, a user gets it once; `otherUserId` is somebody who comes too late. */
export async function giveGift(stage: Stage, otherUserId: string): Promise<void> {
  const { report, operations, secondOperator, userId } = stage;
  report.step(`Operations gives ${UNITS} units away; it takes two people, and each user gets them once (活动赠送)`);
  const { campaignId, revision } = await createCampaign(stage);
  const approval = { requestId: `approve-${userId}`, campaignId, revision };
  const approvalOf = ({ gift }: Billing) => gift.approveGiftCampaign.bind(gift);
  const alone = await refusalOf(approvalOf(operations), approval);
  const approved = (await call(approvalOf(secondOperator), approval)).campaign;

  const before = await readRemaining(stage);
  const { gift } = operations;
  const given = await call(gift.grantGift.bind(gift), { requestId: 'gift', userId, campaignId });
  const again = { requestId: 'gift-again', userId, campaignId };
  const twice = await refusalOf(gift.grantGift.bind(gift), again);
  const other = await refusalOf(gift.grantGift.bind(gift), { ...again, userId: otherUserId });
  const { campaign } = await call(gift.getGiftCampaign.bind(gift), { campaignId });
  showCampaign(stage, present(campaign, 'campaign'));
  report.rows(
    'refusals',
    ['who', ...REFUSAL_HEADINGS],
    [
      ['its creator approves it', ...refusalRow(alone)],
      ['the same user again', ...refusalRow(twice)],
      ['another user, the budget is spent', ...refusalRow(other)],
    ],
  );
  report.check(
    'its creator can not approve it; a second person can',
    alone.reason === 'SECOND_PERSON_REQUIRED' &&
      approved?.status === GiftCampaignStatus.ACTIVE &&
      approved.approvedBy !== approved.createdBy,
  );
  report.check(
    `${before} + ${given.units} = ${given.quotaRemaining} units, the gift until ${beijing(given.expireTime)}`,
    given.quotaRemaining === before + UNITS && given.units === UNITS,
  );
  report.check(
    'once a user, and never beyond the budget',
    twice.reason === 'GIFT_ALREADY_GRANTED' &&
      other.reason === 'GIFT_BUDGET_EXHAUSTED' &&
      campaign?.grantedUnits === UNITS &&
      (await readRemaining(stage)) === given.quotaRemaining,
  );
}
