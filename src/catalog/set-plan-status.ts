import type { Caller } from '../platform/calls';
import type { Database } from '../platform/db/database';
import { runCommand, type CommandEffect, type CommandResult } from '../platform/db/command';
import { expectRows } from '../platform/db/rows';
import type { Tx } from '../platform/db/tx';
import { lockPlan } from './catalog.queries';
import { PlanRow, type PlanStatus } from './plan.model';

/** Retire a plan, or offer it again. */
export interface SetPlanStatusCommand {
  readonly requestId: string;
  readonly planId: string;
  readonly status: PlanStatus;
  readonly caller: Caller;
  readonly now: Date;
  readonly signal: AbortSignal;
}

/**
 * Moves a plan under its lock; where it stands already is no error and no change. Throws PLAN_NOT_FOUND, REQUEST_ID_REUSED.
 */
export async function setPlanStatus(
  db: Database,
  command: SetPlanStatusCommand,
): Promise<CommandResult<{ readonly planId: string }>> {
  const { requestId, planId, status, caller, now, signal } = command;
  const owner = `caller:${caller.identity}`;
  const key = { service: 'CatalogService', owner, requestId, kind: 'SetPlanStatus' };
  return runCommand(
    db,
    { ...key, content: { plan_id: planId, status }, now, signal },
    { lock: (tx) => lockPlan(tx, planId), run: (tx, plan) => move(tx, plan, command) },
  );
}

async function move(
  tx: Tx,
  plan: PlanRow,
  { requestId, status, caller }: SetPlanStatusCommand,
): Promise<CommandEffect<{ readonly planId: string }>> {
  const { id: planId, status: from } = plan;
  if (status === from) return { response: { planId }, audit: [], events: [] };
  expectRows(await PlanRow.query(tx).where({ id: planId, status: from }).patch({ status }), 1, `plan ${planId}`);
  const subject = { subjectType: 'plan', subjectId: planId, userId: null } as const;
  const states = { before: { status: from }, after: { status } };
  return {
    response: { planId },
    audit: [{ action: 'SetPlanStatus', actor: caller.identity, ...subject, cause: requestId, ...states }],
    events: [{ type: `plan.${status}`, userId: null, payload: { plan_id: planId } }],
  };
}
