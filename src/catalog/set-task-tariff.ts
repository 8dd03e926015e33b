import type { Caller } from '../platform/calls';
import type { Database } from '../platform/db/database';
import { runCommand, type CommandEffect, type CommandResult } from '../platform/db/command';
import type { Tx } from '../platform/db/tx';
import { addMs } from '../platform/time';
import { refuseViolations } from '../platform/field-rules';
import { announcementViolations } from './plan-terms';
import { readOfferedFeatures } from './plan.queries';
import { TARIFF_LEAD_MS } from './tariffs';
import { TaskTariffRow } from './task-tariff.model';

/** Say what a task type costs from an instant on. */
export interface SetTaskTariffCommand {
  readonly requestId: string;
  readonly taskType: string;
  /** Undefined: unlisted from then on. */
  readonly tariff: { readonly units: number; readonly feature: string } | undefined;
  /** From when on; undefined: as soon as may be. */
  readonly validFrom?: Date | undefined;
  readonly caller: Caller;
  readonly now: Date;
  readonly signal: AbortSignal;
}

type Effect = CommandEffect<{ readonly tariffId: number }>;

/**
 * Adds a tariff. Throws REQUEST_ID_REUSED, INVALID_REQUEST (its time is too soon, too late or taken; no plan has its feature).
 */
export async function setTaskTariff(
  db: Database,
  command: SetTaskTariffCommand,
): Promise<CommandResult<{ readonly tariffId: number }>> {
  const { requestId, taskType, tariff, validFrom, caller, now, signal } = command;
  const owner = `caller:${caller.identity}`;
  const key = { service: 'CatalogService', owner, requestId, kind: 'SetTaskTariff' };
  const { units = 0, feature = '' } = tariff ?? {};
  const content = { task_type: taskType, units, feature, valid_from: validFrom?.toISOString() ?? '' };
  return runCommand(
    db,
    { ...key, content, now, signal },
    // Rows are only added; of two for the same instant, the unique key lets the later one run again and find the other's.
    { lock: () => Promise.resolve(), run: (tx) => add(tx, command) },
  );
}

async function add(
  tx: Tx,
  { requestId, taskType, tariff, caller, now, ...command }: SetTaskTariffCommand,
): Promise<Effect> {
  const earliest = addMs(now, TARIFF_LEAD_MS);
  const validFrom = command.validFrom ?? earliest;
  refuseViolations(announcementViolations(validFrom, earliest, now));
  if (tariff !== undefined && !(await readOfferedFeatures(tx, now)).has(tariff.feature)) {
    refuseViolations([{ field: 'feature', description: 'is in no plan that is or will be offered' }]);
  }
  const earlier = await TaskTariffRow.query(tx).where({ taskType }).where('validFrom', '<=', validFrom);
  const [replaced] = earlier.sort((one, other) => other.validFrom.getTime() - one.validFrom.getTime());
  if (replaced?.validFrom.getTime() === validFrom.getTime()) {
    refuseViolations([{ field: 'valid_from', description: 'is taken by another tariff of the task type' }]);
  }
  const { units = null, feature = null } = tariff ?? {};
  const { id } = await TaskTariffRow.query(tx).insert({ taskType, units, feature, validFrom, createTime: now });
  const subject = { subjectType: 'tariff', subjectId: taskType, userId: null } as const;
  const after = { tariff_id: id, units, feature, valid_from: validFrom.toISOString() };
  const before = replaced === undefined ? {} : { before: describe(replaced) };
  return {
    response: { tariffId: id },
    audit: [{ action: 'SetTaskTariff', actor: caller.identity, ...subject, cause: requestId, ...before, after }],
    events: [{ type: 'tariff.set', userId: null, payload: { task_type: taskType, ...after } }],
  };
}

function describe({ id, units, feature, validFrom }: TaskTariffRow): Readonly<Record<string, unknown>> {
  return { tariff_id: id, units, feature, valid_from: validFrom.toISOString() };
}
