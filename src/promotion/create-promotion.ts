import type { Caller } from '../platform/calls';
import type { Database } from '../platform/db/database';
import { runCommand, type CommandResult } from '../platform/db/command';
import type { Tx } from '../platform/db/tx';
import { mintId } from '../platform/ids';
import { requirePlans } from '../catalog';
import { describeFields, toColumns, type PromotionFields } from './promotion-fields';
import { PromotionRow } from './promotion.model';
import { refuseViolations } from '../platform/field-rules';
import { timeViolations } from './promotion-terms';

/** Create a promotion. Its fields are right, each alone and together (promotion-terms.ts). */
export interface CreatePromotionCommand {
  readonly requestId: string;
  /** Empty: one is made. */
  readonly promotionId: string;
  readonly fields: PromotionFields;
  readonly caller: Caller;
  readonly now: Date;
  readonly signal: AbortSignal;
}

/** Looked up in the transaction: of two that want the same id at once, the later one runs again and finds the other's. */
async function refuseTaken(tx: Tx, promotionId: string): Promise<void> {
  const known = await PromotionRow.query(tx).findById(promotionId);
  if (known !== undefined) refuseViolations([{ field: 'promotion.promotion_id', description: 'is taken' }]);
}

/**
 * Writes a promotion as a draft. Throws INVALID_REQUEST (its id is taken, its coupons would be expired), REQUEST_ID_REUSED,
 * PLAN_NOT_FOUND.
 */
export async function createPromotion(
  db: Database,
  command: CreatePromotionCommand,
): Promise<CommandResult<{ readonly promotionId: string }>> {
  const { requestId, promotionId, fields, caller, now, signal } = command;
  const { identity } = caller;
  const key = { service: 'PromotionService', owner: `caller:${identity}`, requestId, kind: 'CreatePromotion' };
  const content = { promotion_id: promotionId, ...describeFields(fields) };
  return runCommand(
    db,
    { ...key, content, now, signal },
    {
      // Nothing is there to lock yet: the primary key decides.
      lock: () => Promise.resolve(),
      run: async (tx) => {
        refuseViolations(timeViolations(fields, now));
        if (promotionId !== '') await refuseTaken(tx, promotionId);
        await requirePlans(tx, fields.planIds);
        const id = promotionId === '' ? mintId(now) : promotionId;
        await PromotionRow.query(tx).insert({
          id,
          ...toColumns(fields),
          status: 'draft',
          claimedCount: 0,
          budgetUsed: 0,
          createdBy: identity,
          editors: JSON.stringify([identity]),
          revision: 1,
          createTime: now,
        });
        const subject = { subjectType: 'promotion', subjectId: id, userId: null } as const;
        const after = { status: 'draft', ...describeFields(fields) };
        return {
          response: { promotionId: id },
          audit: [{ action: 'CreatePromotion', actor: identity, ...subject, cause: requestId, after }],
          events: [{ type: 'promotion.created', userId: null, payload: { promotion_id: id } }],
        };
      },
    },
  );
}
