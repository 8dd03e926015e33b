import { SYSTEM_ACTOR, type Caller } from '../platform/calls';
import type { Database } from '../platform/db/database';
import { runCommand, type CommandEffect, type CommandResult } from '../platform/db/command';
import type { Tx } from '../platform/db/tx';
import { addPeriods } from '../platform/time';
import { hasLotOf, lockUser, openBook, writeBook, type UserRow } from '../quota';
import { findCampaign, lockCampaign } from './campaign.queries';
import { giftErrors } from './gift.errors';
import { judgeGift } from './judge-gift';

/** Give a user the gift of a campaign. */
export interface GrantGiftCommand {
  readonly requestId: string;
  readonly userId: string;
  readonly campaignId: string;
  readonly caller: Caller;
  readonly now: Date;
  readonly signal: AbortSignal;
}

/** The stored answer: what was given, and the balance after it. */
export interface Gift {
  readonly grantId: number;
  readonly units: number;
  /** ISO 8601. */
  readonly expireTime: string;
  readonly quotaRemaining: number;
}

/**
 * Gives the units of a campaign to a user, once per user ever, under the user's lock and then the campaign's. Throws, in this
 * order, USER_NOT_FOUND, REQUEST_ID_REUSED, GIFT_CAMPAIGN_NOT_FOUND, GIFT_ALREADY_GRANTED, GIFT_CAMPAIGN_NOT_ACTIVE,
 * GIFT_BUDGET_EXHAUSTED.
 */
export async function grantGift(db: Database, command: GrantGiftCommand): Promise<CommandResult<Gift>> {
  const { requestId, userId, campaignId, now, signal } = command;
  const key = { service: 'GiftService', owner: `user:${userId}`, requestId, kind: 'GrantGift' };
  return runCommand(
    db,
    { ...key, content: { user_id: userId, campaign_id: campaignId }, now, signal },
    {
      lock: (tx) => lockUser(tx, userId),
      run: (tx, user) => give(tx, user, command),
    },
  );
}

async function give(tx: Tx, user: UserRow, command: GrantGiftCommand): Promise<CommandEffect<Gift>> {
  const { userId, campaignId, caller, now } = command;
  const book = await openBook(tx, user, now);
  // A look without the campaign's lock first, so that a refused call queues for nothing; under the lock it is decided.
  const seen = await findCampaign(tx, campaignId);
  if (await hasLotOf(tx, userId, 'gift', campaignId)) {
    throw giftErrors.GIFT_ALREADY_GRANTED({ metadata: { campaign_id: campaignId } });
  }
  judgeGift(seen, book.now);
  const campaign = await lockCampaign(tx, campaignId);
  judgeGift(campaign, book.now);

  const { name, units, validDays } = campaign;
  const expireTime = addPeriods(book.now, 'day', validDays);
  book.expireDue(SYSTEM_ACTOR);
  const { sequence: grantId, quotaRemaining } = book.grant({
    source: 'gift',
    sourceRef: campaignId,
    orderId: null,
    units,
    expireTime,
    actor: caller.identity,
    description: `活动赠送：${name}`,
  });
  // The lot counts itself on the campaign (migration 0040): nothing else may write granted_units.
  await writeBook(tx, book);
  return effectOf(command, { grantId, units, expireTime: expireTime.toISOString(), quotaRemaining });
}

function effectOf(command: GrantGiftCommand, gift: Gift): CommandEffect<Gift> {
  const { userId, campaignId, caller, requestId } = command;
  const given = { campaign_id: campaignId, grant_id: gift.grantId, units: gift.units, expire_time: gift.expireTime };
  const subject = { subjectType: 'user', subjectId: userId, userId } as const;
  return {
    response: gift,
    audit: [{ action: 'GrantGift', actor: caller.identity, ...subject, cause: requestId, after: given }],
    events: [{ type: 'gift.granted', userId, payload: { user_id: userId, ...given } }],
  };
}
