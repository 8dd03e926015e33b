import type { Caller } from '../platform/calls';
import type { Database } from '../platform/db/database';
import { runCommand, type CommandEffect, type CommandResult } from '../platform/db/command';
import { expectRows } from '../platform/db/rows';
import type { Tx } from '../platform/db/tx';
import { editorsOf, secondPersonRequired, withEditor } from '../platform/second-person';
import { requirePlans } from '../catalog';
import {
  describeFields,
  fromColumns,
  protoName,
  toColumns,
  type FieldName,
  type PromotionFields,
} from './promotion-fields';
import { promotionErrors } from './promotion.errors';
import { PromotionRow } from './promotion.model';
import { lockPromotion } from './promotion.queries';
import { refuseStale, refuseViolations } from '../platform/field-rules';
import { changedFields, frozenViolations, relationViolations, timeViolations } from './promotion-terms';
import { isForTwo, type PromotionPolicy } from './require-second-person';

/** Change fields of a promotion. Each of them alone is right (promotion-terms.ts). */
export interface UpdatePromotionCommand {
  readonly requestId: string;
  readonly promotionId: string;
  /** What shall be changed; a field that is there and undefined shall become nothing. */
  readonly fields: Readonly<Partial<PromotionFields>>;
  /** The revision that the caller has looked at; 0: any. */
  readonly revision: number;
  readonly caller: Caller;
  readonly now: Date;
  readonly signal: AbortSignal;
}

type Effect = CommandEffect<{ readonly promotionId: string }>;

/**
 * Changes a promotion under its lock. What is wanted as it is stored is no change. Throws, in this order,
 * PROMOTION_NOT_FOUND, REQUEST_ID_REUSED, PROMOTION_NOT_ACTIVE (it has ended), INVALID_REQUEST (another revision; the
 * fields do not go together, are frozen, or below what is out), PLAN_NOT_FOUND, SECOND_PERSON_REQUIRED.
 */
export async function updatePromotion(
  db: Database,
  command: UpdatePromotionCommand,
  policy: PromotionPolicy,
): Promise<CommandResult<{ readonly promotionId: string }>> {
  const { requestId, promotionId, fields, revision, caller, now, signal } = command;
  const owner = `caller:${caller.identity}`;
  const key = { service: 'PromotionService', owner, requestId, kind: 'UpdatePromotion' };
  // The names too: a field that shall become nothing looks like one that is not named.
  const names = (Object.keys(fields) as FieldName[]).map(protoName).sort();
  const content = { promotion_id: promotionId, update_mask: names, revision, ...describeFields(fields) };
  return runCommand(
    db,
    { ...key, content, now, signal },
    {
      lock: (tx) => lockPromotion(tx, promotionId),
      run: (tx, promotion) => change(tx, promotion, command, policy),
    },
  );
}

async function change(
  tx: Tx,
  promotion: PromotionRow,
  { requestId, fields, revision, caller, now }: UpdatePromotionCommand,
  policy: PromotionPolicy,
): Promise<Effect> {
  const { id, status, claimedCount, budgetUsed } = promotion;
  if (status === 'ended') throw promotionErrors.PROMOTION_NOT_ACTIVE({ metadata: { promotion_id: id, status } });
  refuseStale('promotion', promotion.revision, revision);
  const stored = fromColumns(promotion);
  const changed = changedFields(stored, fields);
  if (changed.length === 0) return { response: { promotionId: id }, audit: [], events: [] };
  const wanted: PromotionFields = { ...stored, ...pick(fields, changed) };
  if (status !== 'draft') refuseViolations(frozenViolations({ ...stored, claimedCount, budgetUsed }, wanted, changed));
  refuseViolations([...relationViolations(wanted, changed), ...timeViolations(pick(fields, changed), now)]);
  if (changed.includes('planIds')) await requirePlans(tx, wanted.planIds);
  const isRaised = wanted.totalQuota > stored.totalQuota || wanted.budget > stored.budget;
  // A draft, and one that is paused, are judged when they are activated. One that users have before them waits for nobody.
  const before = editorsOf(promotion.editors);
  if (status === 'active' && isRaised && (await isForTwo(tx, wanted, policy, now))) {
    throw secondPersonRequired({ promotion_id: id }, before);
  }

  const editors = JSON.stringify(withEditor(before, caller.identity));
  const columns = { ...pick(toColumns(wanted), changed), editors, revision: promotion.revision + 1 };
  expectRows(await PromotionRow.query(tx).where('id', id).patch(columns), 1, `promotion ${id}`);
  const subject = { subjectType: 'promotion', subjectId: id, userId: null } as const;
  const states = { before: describeFields(stored, changed), after: describeFields(wanted, changed) };
  const payload = { promotion_id: id, changed: changed.map(protoName).sort() };
  return {
    response: { promotionId: id },
    audit: [{ action: 'UpdatePromotion', actor: caller.identity, ...subject, cause: requestId, ...states }],
    events: [{ type: 'promotion.updated', userId: null, payload }],
  };
}

/** The part of an object that has these names. */
function pick<Whole extends object, Name extends keyof Whole>(whole: Whole, names: readonly Name[]): Pick<Whole, Name> {
  return Object.fromEntries(names.map((name) => [name, whole[name]])) as Pick<Whole, Name>;
}
