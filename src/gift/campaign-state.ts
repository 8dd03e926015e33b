import type { CampaignStatus } from './campaign.model';

/**
 * The life of a gift campaign as data, but for its approval, which alone leads out of `draft`. Anything else is refused;
 * `ended` is final. As nothing but the status ever changes after the approval, resuming needs no second person.
 */
const TRANSITIONS: Readonly<Record<CampaignStatus, readonly CampaignStatus[]>> = {
  draft: [],
  active: ['paused', 'ended'],
  paused: ['active', 'ended'],
  ended: [],
};

/** Whether a campaign may be moved from one status to another. Staying where it is is no move. */
export function mayMove(from: CampaignStatus, to: CampaignStatus): boolean {
  return TRANSITIONS[from].includes(to);
}
