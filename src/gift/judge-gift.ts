import type { CampaignRow } from './campaign.model';
import { giftErrors } from './gift.errors';

/** What a gift is decided on. */
export type CampaignTerms = Pick<
  CampaignRow,
  'id' | 'status' | 'units' | 'budgetUnits' | 'grantedUnits' | 'startTime' | 'endTime'
>;

/** Why a campaign gives nothing now. */
type NotActive = 'draft' | 'paused' | 'ended' | 'not_started' | 'over';

function whyNotActive({ status, startTime, endTime }: CampaignTerms, now: Date): NotActive | undefined {
  if (status !== 'active') return status;
  if (startTime !== null && now.getTime() < startTime.getTime()) return 'not_started';
  return now.getTime() < endTime.getTime() ? undefined : 'over';
}

/**
 * Whether a campaign may give one more gift at an instant; its window is half-open. Pure. Throws, in this order,
 * GIFT_CAMPAIGN_NOT_ACTIVE (metadata `why`), GIFT_BUDGET_EXHAUSTED.
 */
export function judgeGift(campaign: CampaignTerms, now: Date): void {
  const { id, units, budgetUnits, grantedUnits } = campaign;
  const why = whyNotActive(campaign, now);
  if (why !== undefined) throw giftErrors.GIFT_CAMPAIGN_NOT_ACTIVE({ metadata: { campaign_id: id, why } });
  const unitsLeft = budgetUnits - grantedUnits;
  if (unitsLeft >= units) return;
  const metadata = { campaign_id: id, units: String(units), units_left: String(unitsLeft) };
  throw giftErrors.GIFT_BUDGET_EXHAUSTED({ metadata });
}
