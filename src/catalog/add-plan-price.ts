import type { Caller } from '../platform/calls';
import type { Database } from '../platform/db/database';
import { runCommand, type CommandEffect, type CommandResult } from '../platform/db/command';
import { expectRows } from '../platform/db/rows';
import type { Tx } from '../platform/db/tx';
import { addMs } from '../platform/time';
import { lockPlan } from './catalog.queries';
import { describePrice, insertPrice } from './plan-price';
import { refuseViolations } from '../platform/field-rules';
import { announcementViolations, describeTerms, kindViolations, type PlanTerms } from './plan-terms';
import { PlanPriceRow, type PlanRow } from './plan.model';

/** Add a price version to a plan. Its terms are right taken alone. */
export interface AddPlanPriceCommand {
  readonly requestId: string;
  readonly planId: string;
  readonly terms: PlanTerms;
  /** From when on they hold; undefined: now. */
  readonly validFrom?: Date | undefined;
  readonly caller: Caller;
  readonly now: Date;
  readonly signal: AbortSignal;
}

/**
 * Adds a version under the plan's lock and ends the one before at its start. Throws, in this order, PLAN_NOT_FOUND,
 * REQUEST_ID_REUSED, INVALID_REQUEST (terms that are not for the plan's kind, a time that does not fit the versions it has).
 */
export async function addPlanPrice(
  db: Database,
  command: AddPlanPriceCommand,
): Promise<CommandResult<{ readonly planId: string }>> {
  const { requestId, planId, terms, validFrom, caller, now, signal } = command;
  const owner = `caller:${caller.identity}`;
  const key = { service: 'CatalogService', owner, requestId, kind: 'AddPlanPrice' };
  const content = { plan_id: planId, valid_from: validFrom?.toISOString() ?? '', ...describeTerms(terms) };
  return runCommand(
    db,
    { ...key, content, now, signal },
    { lock: (tx) => lockPlan(tx, planId), run: (tx, plan) => add(tx, plan, command) },
  );
}

async function add(
  tx: Tx,
  plan: PlanRow,
  command: AddPlanPriceCommand,
): Promise<CommandEffect<{ readonly planId: string }>> {
  const { requestId, terms, caller, now } = command;
  const { id: planId, kind } = plan;
  const last = await PlanPriceRow.query(tx).where('planId', planId).orderBy('validFrom', 'desc').first();
  const earliest = earliestAfter(last, now);
  // Not given: as soon as may be, unless a version is announced. Nobody means to come after that by saying nothing.
  const validFrom = command.validFrom ?? now;
  refuseViolations([...kindViolations(terms, kind), ...announcementViolations(validFrom, earliest, now)]);
  const ended = last?.validTo === null ? last : undefined;
  if (ended !== undefined) {
    const end = PlanPriceRow.query(tx).findById(ended.id).whereNull('validTo').patch({ validTo: validFrom });
    expectRows(await end, 1, `version ${ended.id} of plan ${planId}`);
  }
  const planPriceId = await insertPrice(tx, planId, terms, { validFrom, now });
  const subject = { subjectType: 'plan', subjectId: planId, userId: null } as const;
  const states = {
    ...(ended === undefined ? {} : { before: { ended_plan_price_id: ended.id } }),
    after: describePrice(planPriceId, terms, validFrom),
  };
  const payload = { plan_id: planId, plan_price_id: planPriceId, valid_from: validFrom.toISOString() };
  return {
    response: { planId },
    audit: [{ action: 'AddPlanPrice', actor: caller.identity, ...subject, cause: requestId, ...states }],
    events: [{ type: 'plan.price_added', userId: null, payload }],
  };
}

/** The first instant at which a version may start: now, after the start of every other, and not before the end of one. */
function earliestAfter(last: PlanPriceRow | undefined, now: Date): Date {
  if (last === undefined) return now;
  const free = last.validTo ?? addMs(last.validFrom, 1);
  return free.getTime() > now.getTime() ? free : now;
}
