import type { Caller } from '../platform/calls';
import type { Database } from '../platform/db/database';
import { runCommand, type CommandEffect, type CommandResult } from '../platform/db/command';
import { expectRows } from '../platform/db/rows';
import type { Tx } from '../platform/db/tx';
import { refuseStale } from '../platform/field-rules';
import { afterActivation, editorsOf, isFirstPerson, secondPersonRequired } from '../platform/second-person';
import { fromColumns } from './promotion-fields';
import { promotionErrors } from './promotion.errors';
import { PromotionRow, type PromotionStatus } from './promotion.model';
import { lockPromotion } from './promotion.queries';
import { mayMove } from './promotion-state';
import { isForTwo, type PromotionPolicy } from './require-second-person';

/** Move a promotion to a status. */
export interface SetPromotionStatusCommand {
  readonly requestId: string;
  readonly promotionId: string;
  readonly status: PromotionStatus;
  /** The revision that the caller has looked at; 0: any. */
  readonly revision: number;
  readonly caller: Caller;
  readonly now: Date;
  readonly signal: AbortSignal;
}

type Effect = CommandEffect<{ readonly promotionId: string }>;

/**
 * Moves a promotion under its lock. Where it stands already is no error and no change. Throws, in this order,
 * PROMOTION_NOT_FOUND, REQUEST_ID_REUSED, INVALID_REQUEST (another revision), PROMOTION_NOT_ACTIVE (the move is not
 * allowed), SECOND_PERSON_REQUIRED.
 */
export async function setPromotionStatus(
  db: Database,
  command: SetPromotionStatusCommand,
  policy: PromotionPolicy,
): Promise<CommandResult<{ readonly promotionId: string }>> {
  const { requestId, promotionId, status, revision, caller, now, signal } = command;
  const owner = `caller:${caller.identity}`;
  const key = { service: 'PromotionService', owner, requestId, kind: 'SetPromotionStatus' };
  return runCommand(
    db,
    { ...key, content: { promotion_id: promotionId, status, revision }, now, signal },
    {
      lock: (tx) => lockPromotion(tx, promotionId),
      run: (tx, promotion) => move(tx, promotion, command, policy),
    },
  );
}

async function move(
  tx: Tx,
  promotion: PromotionRow,
  command: SetPromotionStatusCommand,
  policy: PromotionPolicy,
): Promise<Effect> {
  const { id, status: from } = promotion;
  const { requestId, status, revision, caller, now } = command;
  refuseStale('promotion', promotion.revision, revision);
  if (status === from) return { response: { promotionId: id }, audit: [], events: [] };
  if (!mayMove(from, status)) {
    throw promotionErrors.PROMOTION_NOT_ACTIVE({ metadata: { promotion_id: id, status: from } });
  }
  const editors = editorsOf(promotion.editors);
  const isActivation = status === 'active';
  if (isActivation && isFirstPerson(caller, editors) && (await isForTwo(tx, fromColumns(promotion), policy, now))) {
    throw secondPersonRequired({ promotion_id: id }, editors);
  }
  const left = isActivation ? afterActivation(editors, caller) : editors;
  const moved = await PromotionRow.query(tx)
    .where({ id, status: from })
    .patch({ status, editors: JSON.stringify(left) });
  expectRows(moved, 1, `promotion ${id}`);
  const subject = { subjectType: 'promotion', subjectId: id, userId: null } as const;
  const states = { before: { status: from, editors }, after: { status, editors: left, revision: promotion.revision } };
  return {
    response: { promotionId: id },
    audit: [{ action: 'SetPromotionStatus', actor: caller.identity, ...subject, cause: requestId, ...states }],
    events: [{ type: `promotion.${status}`, userId: null, payload: { promotion_id: id } }],
  };
}
