import { withEditor } from '../../../platform/second-person';
import type { Check, CheckContext, Finding, ReviewReader } from '../check';
import { findUntold, type IsOlder, type Telling, type Told, type ToldTerms } from '../told-terms';

/**
 * Whether what discounts, prices, tariffs and gifts come from is what the audit log tells of. Anchors prove the audit log: so they
 * prove these terms, too, and whatever is recomputed from them.
 */
export const TERMS_CHECKS: readonly Check[] = [
  {
    id: 'terms-differ-from-audit-log',
    section: 'permissions',
    item: 'audit-trail',
    severity: 'severe',
    title: {
      zh: '活动、套餐、价格、任务价目或赠送活动与其审计记录不符，或没有审计记录',
      en: 'A promotion, a plan, a price, a tariff or a gift campaign is not what its audit rows say, or has none',
    },
    fix: {
      zh: '以审计记录为准（锚点可证明其未被改动）：暂停该活动或停售该价格，并核对期间的订单与赠送',
      en: 'The audit rows count, which an anchor proves: pause it or end the price, and look at what was sold or given meanwhile',
    },
    run: findUntoldTerms,
  },
];

async function* findUntoldTerms({ db }: CheckContext): AsyncIterable<Finding> {
  const isOlder = await readOlder(db);
  for (const terms of [PROMOTIONS, PLANS, pricesOf(isOlder), TARIFFS, CAMPAIGNS]) {
    // Plans and prices alone could be there before people could manage them by calls that leave audit rows.
    yield* findUntold(db, terms, terms.subjectType === 'plan' ? isOlder : () => false);
  }
}

/** Whether something is of before 0.6.0. Nothing is, in a database that was made since. */
async function readOlder(db: ReviewReader): Promise<IsOlder> {
  const [last] = await db.rows<{ readonly create_time: Date }>(
    `SELECT a.create_time FROM audit_logs a
    WHERE a.id <= (SELECT MAX(h.born_id) FROM audit_chain_head h) ORDER BY a.id DESC LIMIT 1`,
  );
  return (time) => last !== undefined && time instanceof Date && time.getTime() <= last.create_time.getTime();
}

const asIs = (stored: unknown): unknown => stored;
const instant = (stored: unknown): unknown =>
  stored instanceof Date && !Number.isNaN(stored.getTime()) ? stored.toISOString() : stored;
const flag = (stored: unknown): boolean => stored !== 0;
/** Absent is 0 in audit rows. */
const number = (stored: unknown): unknown => stored ?? 0;

/** What a column of JSON holds; its text where it holds none. */
function json(stored: unknown): unknown {
  try {
    return typeof stored === 'string' ? JSON.parse(stored) : stored;
  } catch {
    return stored;
  }
}

/** The order of plans says nothing. */
function set(stored: unknown): unknown {
  const list = json(stored);
  return Array.isArray(list) ? [...(list as unknown[])].sort() : list;
}

function limits(stored: unknown): unknown {
  const units = json(stored) ?? {};
  return typeof units === 'object' ? Object.entries(units).map(([name, most]) => `${name}=${String(most)}`) : units;
}

const MADE = { created_by: asIs, create_time: instant, editors: json, revision: asIs } as const;

/** What is made by one person, and edited by others. */
const madeBy = ({ actor, time, after }: Telling): Told => ({
  ...after,
  ...{ created_by: actor, create_time: time.toISOString(), editors: [actor], revision: 1 },
});

/** Who made a thing what it is, as it is told. */
export function editorsIn({ editors }: Told): readonly string[] {
  return Array.isArray(editors) ? editors.map(String) : [];
}

function editedBy(told: Told, { actor, after }: Telling): Told {
  const editors = withEditor(editorsIn(told), actor);
  return { ...told, ...after, editors, revision: Number(told['revision']) + 1 };
}

export const PROMOTIONS: ToldTerms = {
  kind: 'promotion',
  subjectType: 'promotion',
  table: 'promotions',
  subject: 'id',
  fields: {
    ...{ name: asIs, status: asIs, discount_type: asIs, discount_value: asIs, max_discount: asIs },
    ...{ min_order_amount: asIs, plan_ids: set, total_quota: asIs, budget: asIs, claim_start_time: instant },
    ...{ claim_end_time: instant, coupon_expire_time: instant, coupon_valid_days: asIs, new_users_only: flag },
    ...{ may_be_free: flag, returned_on_refund: flag, ...MADE },
  },
  follow: (told, telling) => {
    if (telling.action === 'CreatePromotion') return madeBy(telling);
    if (told === undefined) return undefined;
    // What moves its status says who is left of its editors.
    return telling.action === 'UpdatePromotion' ? editedBy(told, telling) : { ...told, ...telling.after };
  },
};

const CAMPAIGNS: ToldTerms = {
  kind: 'gift campaign',
  subjectType: 'gift_campaign',
  table: 'gift_campaigns',
  subject: 'id',
  fields: {
    ...{ name: asIs, status: asIs, units: asIs, valid_days: asIs, budget_units: asIs, start_time: instant },
    ...{ end_time: instant, approved_by: asIs, approve_time: instant, ...MADE },
  },
  follow: (told, telling) => {
    if (telling.action === 'CreateGiftCampaign') return { ...madeBy(telling), approved_by: null, approve_time: null };
    if (told === undefined) return undefined;
    if (telling.action === 'UpdateGiftCampaign') return editedBy(told, telling);
    const approved = telling.action === 'ApproveGiftCampaign' ? { approve_time: telling.time.toISOString() } : {};
    return { ...told, ...telling.after, ...approved };
  },
};

/** What migration 0015 put there, under no request of anybody. */
const SEEDED = '2024-12-31T16:00:00.000Z';
/** Before there was a call for it, one could only be retired by hand: until a call tells, its status is not known. */
const SEEDED_PLANS: Readonly<Record<string, Told>> = {
  basic: { name: '免费体验', kind: 'basic', status: undefined },
  monthly: { name: '月度会员', kind: 'sale', status: undefined },
};
const SEEDED_TERMS = {
  ...{ period_unit: 'month', period_count: 1, grant_unit: null, grant_count: 0, feature_limits: [] },
  ...{ tax_rate_basis_points: 600, valid_from: SEEDED, create_time: SEEDED },
};
const SEEDED_PRICES: Readonly<Record<string, Told>> = {
  basic: { ...SEEDED_TERMS, price: 0, list_price: 0, quota_units: 0, features: ['image.generate'] },
  monthly: {
    ...{ ...SEEDED_TERMS, price: 9_900, list_price: 9_900, quota_units: 500 },
    features: ['image.generate', 'image.matting', 'image.try_on', 'image.upscale'],
  },
};

const PLANS: ToldTerms = {
  kind: 'plan',
  subjectType: 'plan',
  table: 'plans',
  subject: 'id',
  fields: { name: asIs, kind: asIs, status: asIs },
  born: ({ id }) => SEEDED_PLANS[String(id)],
  follow: (told, { action, after }) => {
    if (action === 'CreatePlan') return after;
    return told === undefined || action !== 'SetPlanStatus' ? told : { ...told, ...after };
  },
};

const pricesOf = (isOlder: IsOlder): ToldTerms => ({
  kind: 'plan price',
  subjectType: 'plan',
  table: 'plan_prices',
  subject: 'plan_id',
  about: `JSON_VALUE(a.after_state, '$.plan_price_id') = t.id OR JSON_VALUE(a.before_state, '$.ended_plan_price_id') = t.id`,
  fields: {
    ...{ price: asIs, list_price: asIs, period_unit: asIs, period_count: asIs, quota_units: asIs, grant_unit: asIs },
    ...{ grant_count: number, features: json, feature_limits: limits, tax_rate_basis_points: asIs },
    ...{ valid_from: instant, valid_to: instant, create_time: instant },
  },
  born: ({ plan_id: planId, valid_from: from, valid_to: to }) => {
    const seeded = instant(from) === SEEDED ? SEEDED_PRICES[String(planId)] : undefined;
    return seeded === undefined ? undefined : { ...seeded, valid_to: isOlder(to) ? instant(to) : null };
  },
  follow: (told, { time, after }, { id }) => {
    if (after['plan_price_id'] === id) return { ...after, valid_to: null, create_time: time.toISOString() };
    // The one that came after it ended it.
    return told === undefined ? undefined : { ...told, valid_to: after['valid_from'] };
  },
});

const TARIFFS: ToldTerms = {
  kind: 'task tariff',
  subjectType: 'tariff',
  table: 'task_tariffs',
  subject: 'task_type',
  about: `JSON_VALUE(a.after_state, '$.tariff_id') = t.id`,
  fields: { units: asIs, feature: asIs, valid_from: instant, create_time: instant },
  follow: (_told, { time, after }) => ({ ...after, create_time: time.toISOString() }),
};
