import type { Caller } from '../platform/calls';
import type { AuditEntry } from '../platform/db/audit-log';
import type { Command, CommandEffect } from '../platform/db/command';
import type { ContentValue } from '../platform/request-content';

/** What commands of people about campaigns have in common: whose request ids they are, and the traces that they leave. */

/** Who gives a command, and when. */
export interface ByPerson {
  readonly requestId: string;
  readonly caller: Caller;
  readonly now: Date;
  readonly signal: AbortSignal;
}

/** The stored answer: a replay shows the campaign as it is now. */
export interface CampaignAnswer {
  readonly campaignId: string;
}

/** A command under the caller's own ids, as no user is named. */
export function commandOf(
  kind: string,
  { requestId, caller, now, signal }: ByPerson,
  content: Readonly<Record<string, ContentValue>>,
): Command {
  return { service: 'GiftService', owner: `caller:${caller.identity}`, requestId, kind, content, now, signal };
}

/** A change of a campaign: its audit row, its event `gift_campaign.<what>`, and the answer. */
export function changeOf(
  campaignId: string,
  { requestId, caller }: ByPerson,
  change: {
    readonly action: string;
    readonly event: string;
    readonly states: Pick<AuditEntry, 'before' | 'after'>;
    readonly payload?: Readonly<Record<string, unknown>>;
  },
): CommandEffect<CampaignAnswer> {
  const { action, event, states, payload } = change;
  const subject = { subjectType: 'gift_campaign', subjectId: campaignId, userId: null } as const;
  return {
    response: { campaignId },
    audit: [{ action, actor: caller.identity, ...subject, cause: requestId, ...states }],
    events: [{ type: `gift_campaign.${event}`, userId: null, payload: { campaign_id: campaignId, ...payload } }],
  };
}

/** A command that finds everything as it is wanted. */
export function noChange(campaignId: string): CommandEffect<CampaignAnswer> {
  return { response: { campaignId }, audit: [], events: [] };
}
