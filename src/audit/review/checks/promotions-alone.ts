import { highestCost } from '../../../promotion';
import { fen, type Fen } from '../../../platform/money';
import { isFirstPerson } from '../../../platform/second-person';
import type { Finding, ReviewReader } from '../check';
import { tellingIn, tellingsOf, type Telling, type Told } from '../told-terms';
import { editorsIn, PROMOTIONS } from './terms-traced';

/** A price that a plan had while it was on sale. */
interface PastPrice {
  readonly plan_id: string;
  readonly price: number;
  readonly valid_to: Date | null;
  readonly create_time: Date;
}

/**
 * Promotions that cost more than a limit and that one of their editors let take effect since then, or made greater while users had
 * them before them. The cost is that of the prices of the day, of plans that were never retired: never more than what was judged.
 */
export async function* findPromotionsAlone(db: ReviewReader, limit: number, since: Date): AsyncIterable<Finding> {
  const prices = await db.rows<PastPrice>(
    `SELECT v.plan_id, v.price, v.valid_to, v.create_time FROM plan_prices v
    JOIN plans p ON p.id = v.plan_id AND p.kind = 'sale' AND p.status = 'active'
    LEFT JOIN audit_logs a ON a.subject_type = 'plan' AND a.subject_id = p.id AND a.action = 'SetPlanStatus'
    WHERE a.id IS NULL`,
  );
  let [id, told]: [unknown, Told | undefined] = [undefined, undefined];
  for await (const row of tellingsOf(db, PROMOTIONS)) {
    if (row['id'] !== id) [id, told] = [row['id'], undefined];
    const telling = tellingIn(row);
    if (telling === undefined) continue;
    const next = PROMOTIONS.follow(told, telling, row);
    if (told !== undefined && next !== undefined && telling.time >= since && isAlone(told, next, telling)) {
      const cost = costOf(next, prices, telling.time);
      if (cost !== undefined && cost > BigInt(limit)) {
        const figures = { cost: String(cost), limit_now: limit, last_time: telling.time.toISOString() };
        yield { evidence: { what: 'promotion', subject: String(id), ...figures, person: telling.actor } };
      }
    }
    told = next;
  }
}

function isAlone(told: Told, next: Told, { action, actor }: Telling): boolean {
  const isActive = next['status'] === 'active';
  if (action === 'UpdatePromotion') return isActive && (isRaised('total_quota') || isRaised('budget'));
  const name = actor.split('/').at(-1) ?? actor;
  return action === 'SetPromotionStatus' && isActive && isFirstPerson({ name }, editorsIn(told));

  function isRaised(field: string): boolean {
    return Number(next[field]) > Number(told[field]);
  }
}

/** The most that it can cost; undefined where nobody can say for sure. */
function costOf(told: Told, prices: readonly PastPrice[], time: Date): bigint | undefined {
  const [discountValue, maxDiscount] = [amountIn(told, 'discount_value'), amountIn(told, 'max_discount')];
  const [totalQuota, budget] = [amountIn(told, 'total_quota'), amountIn(told, 'budget')];
  const discountType = told['discount_type'] === 'percentage' ? 'percentage' : 'fixed_amount';
  const dearest = dearestOf(told, prices, time);
  if (discountValue === 0 || (discountType === 'percentage' && (discountValue > 100 || dearest === undefined)))
    return undefined;
  return highestCost({ discountType, discountValue, maxDiscount, totalQuota, budget, mayBeFree: false }, dearest);
}

/** What is no amount was altered, and counts nothing here: the chain of the audit log tells. */
function amountIn(told: Told, field: string): number {
  const value = told[field];
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0;
}

function dearestOf(told: Told, prices: readonly PastPrice[], time: Date): Fen | undefined {
  const plans = Array.isArray(told['plan_ids']) ? told['plan_ids'] : [];
  const known = prices.filter(
    (price) =>
      price.price >= 0 &&
      price.create_time <= time &&
      (price.valid_to === null || price.valid_to > time) &&
      (plans.length === 0 || plans.includes(price.plan_id)),
  );
  return known.length === 0 ? undefined : fen(Math.max(...known.map(({ price }) => price)));
}
