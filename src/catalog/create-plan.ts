import type { Caller } from '../platform/calls';
import type { Database } from '../platform/db/database';
import { runCommand, type CommandResult } from '../platform/db/command';
import type { Tx } from '../platform/db/tx';
import { describePrice, insertPrice } from './plan-price';
import { refuseViolations } from '../platform/field-rules';
import { announcementViolations, describeTerms, type PlanKind, type PlanTerms } from './plan-terms';
import { PlanRow } from './plan.model';

/** Make a plan. Its terms are right, alone and for its kind (plan-terms.ts). */
export interface CreatePlanCommand {
  readonly requestId: string;
  readonly planId: string;
  readonly name: string;
  readonly kind: PlanKind;
  readonly terms: PlanTerms;
  /** From when on the terms hold; undefined: now. */
  readonly validFrom?: Date | undefined;
  readonly caller: Caller;
  readonly now: Date;
  readonly signal: AbortSignal;
}

/** Looked up in the transaction: of two that want the same id at once, the later one runs again and finds the other's. */
async function refuseTaken(tx: Tx, planId: string): Promise<void> {
  const known = await PlanRow.query(tx).findById(planId);
  if (known !== undefined) refuseViolations([{ field: 'plan_id', description: 'is taken' }]);
}

/** Writes a plan, active, with its first price version. Throws REQUEST_ID_REUSED, INVALID_REQUEST (its id is taken, its time does not fit). */
export async function createPlan(
  db: Database,
  command: CreatePlanCommand,
): Promise<CommandResult<{ readonly planId: string }>> {
  const { requestId, planId, name, kind, terms, caller, now, signal } = command;
  const { identity } = caller;
  const key = { service: 'CatalogService', owner: `caller:${identity}`, requestId, kind: 'CreatePlan' };
  const validFromText = command.validFrom?.toISOString() ?? '';
  const content = { plan_id: planId, name, kind, valid_from: validFromText, ...describeTerms(terms) };
  return runCommand(
    db,
    { ...key, content, now, signal },
    {
      // Nothing is there to lock yet: the primary key decides.
      lock: () => Promise.resolve(),
      run: async (tx) => {
        const validFrom = command.validFrom ?? now;
        refuseViolations(announcementViolations(validFrom, now, now));
        await refuseTaken(tx, planId);
        await PlanRow.query(tx).insert({ id: planId, name, kind, status: 'active', createTime: now });
        const planPriceId = await insertPrice(tx, planId, terms, { validFrom, now });
        const subject = { subjectType: 'plan', subjectId: planId, userId: null } as const;
        const after = { name, kind, status: 'active', ...describePrice(planPriceId, terms, validFrom) };
        const payload = { plan_id: planId, plan_price_id: planPriceId, valid_from: validFrom.toISOString() };
        return {
          response: { planId },
          audit: [{ action: 'CreatePlan', actor: identity, ...subject, cause: requestId, after }],
          events: [{ type: 'plan.created', userId: null, payload }],
        };
      },
    },
  );
}
