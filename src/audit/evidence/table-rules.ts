import type { IdKind } from './scope';

/**
 * Which rows of each table evidence holds. Every table of the schema is decided here, with a rule or with the reason why
 * nobody needs its rows; a test compares this list with migrations/schema.sql, so that no table is forgotten. Pure.
 */

/** Rows whose column holds one of the subject's ids. */
export interface Match {
  readonly column: string;
  readonly ids: IdKind;
  /** The ids name rows of the user only: together with the user's id they are a key. */
  readonly within?: 'user_id';
  /** What else must hold: constant SQL. */
  readonly and?: string;
}

export interface TableRule {
  readonly table: string;
  /** The primary key: rows are listed in its order. */
  readonly key: readonly string[];
  /** The column that holds the user's id. */
  readonly user?: { readonly column: string; readonly prefix?: string; readonly always: boolean };
  /** Rows that any of these finds. */
  readonly matches: readonly Match[];
  /** A column that is sealed: it is shown opened, beside the hash of what is stored. */
  readonly sealed?: string;
}

const ALWAYS = { column: 'user_id', always: true } as const;
const WHOLE = { column: 'user_id', always: false } as const;

/** The rows about a thing in tables that name it by type and id. */
function aboutThings(things: Readonly<Record<string, IdKind>>): readonly Match[] {
  return Object.entries(things).map(([type, ids]) => ({ column: 'subject_id', ids, and: `subject_type = '${type}'` }));
}

/** Tables that are read row by row. */
export const TABLE_RULES: readonly TableRule[] = [
  { table: 'users', key: ['id'], user: { column: 'id', always: true }, matches: [] },
  { table: 'orders', key: ['id'], matches: [{ column: 'id', ids: 'order' }] },
  { table: 'order_payers', key: ['order_id'], matches: [{ column: 'order_id', ids: 'order' }], sealed: 'sealed_payer' },
  {
    table: 'order_credits',
    key: ['order_id', 'credited_order_id'],
    matches: [
      { column: 'order_id', ids: 'order' },
      { column: 'credited_order_id', ids: 'order' },
    ],
  },
  { table: 'payments', key: ['id'], matches: [{ column: 'order_id', ids: 'order' }] },
  { table: 'refunds', key: ['id'], matches: [{ column: 'order_id', ids: 'order' }] },
  {
    table: 'membership_periods',
    key: ['user_id', 'period_no'],
    user: WHOLE,
    matches: [{ column: 'order_id', ids: 'order' }],
  },
  { table: 'membership_notices', key: ['user_id'], user: WHOLE, matches: [] },
  { table: 'quota_grants', key: ['user_id', 'grant_id'], user: ALWAYS, matches: [] },
  {
    table: 'quota_charges',
    key: ['user_id', 'task_id', 'sequence'],
    user: WHOLE,
    matches: [
      { column: 'task_id', ids: 'task', within: 'user_id' },
      { column: 'sequence', ids: 'sequence', within: 'user_id' },
    ],
  },
  {
    table: 'quota_task_outcomes',
    key: ['user_id', 'request_id'],
    user: WHOLE,
    matches: [{ column: 'task_id', ids: 'task', within: 'user_id' }],
  },
  {
    table: 'feature_charges',
    key: ['user_id', 'sequence'],
    user: WHOLE,
    matches: [{ column: 'sequence', ids: 'sequence', within: 'user_id' }],
  },
  { table: 'feature_usages', key: ['user_id', 'feature', 'period_no'], user: WHOLE, matches: [] },
  {
    table: 'settlement_cases',
    key: ['user_id', 'sequence'],
    user: WHOLE,
    matches: [{ column: 'sequence', ids: 'sequence', within: 'user_id' }],
  },
  { table: 'request_refusals', key: ['id'], user: WHOLE, matches: [] },
  { table: 'user_coupons', key: ['id'], user: WHOLE, matches: [{ column: 'id', ids: 'coupon' }] },
  { table: 'promotions', key: ['id'], matches: [{ column: 'id', ids: 'promotion' }] },
  { table: 'gift_campaigns', key: ['id'], matches: [{ column: 'id', ids: 'campaign' }] },
  { table: 'plans', key: ['id'], matches: [{ column: 'id', ids: 'plan' }] },
  { table: 'plan_prices', key: ['id'], matches: [{ column: 'id', ids: 'planPrice' }] },
  { table: 'task_tariffs', key: ['id'], matches: [{ column: 'task_type', ids: 'taskType' }] },
  { table: 'user_erasures', key: ['id'], user: ALWAYS, matches: [] },
  { table: 'user_identities', key: ['identity_index', 'user_id'], user: WHOLE, matches: [] },
  {
    table: 'granted_identities',
    key: ['identity_index'],
    matches: [{ column: 'identity_index', ids: 'identity' }],
  },
  { table: 'wechatpay_notifications', key: ['id'], matches: [{ column: 'id', ids: 'notification' }] },
  {
    table: 'wechatpay_notification_bodies',
    key: ['id'],
    matches: [{ column: 'inbox_id', ids: 'notification' }],
    sealed: 'sealed_body',
  },
  {
    table: 'alerts',
    key: ['id'],
    matches: aboutThings({ order: 'order', payment: 'payment', refund: 'refund', notification: 'notification' }),
  },
  {
    table: 'request_keys',
    key: ['owner', 'service', 'request_id'],
    user: { column: 'owner', prefix: 'user:', always: true },
    matches: [],
  },
  {
    table: 'audit_logs',
    key: ['id'],
    user: WHOLE,
    matches: aboutThings({
      order: 'order',
      refund: 'refund',
      coupon: 'coupon',
      notification: 'notification',
      promotion: 'promotion',
      gift_campaign: 'campaign',
      plan: 'plan',
      tariff: 'taskType',
    }),
  },
  {
    table: 'access_logs',
    key: ['id'],
    user: WHOLE,
    matches: aboutThings({ order: 'order', notification: 'notification' }),
  },
  {
    table: 'job_dead_letters',
    key: ['id'],
    matches: [
      { column: 'subject', ids: 'order' },
      { column: 'subject', ids: 'refund' },
      { column: 'subject', ids: 'notification' },
    ],
  },
  {
    table: 'event_deliveries',
    key: ['id'],
    // The unique key begins with the sink.
    matches: [{ column: 'event_id', ids: 'event', and: 'sink IN (SELECT name FROM event_sinks)' }],
  },
];

/** Tables whose rows are in the archive in another form. */
export const OTHERWISE_HELD: Readonly<Record<string, string>> = {
  quota_logs: 'as a segment of the chain, from the first row that matters to the head, or to the last that does',
  outbox: 'as the events that leave, one for each user',
  audit_chain: 'as the places of the audit rows, each with the hash that it follows on',
  audit_anchors: 'the newest one',
};

/** Tables that hold nothing about one user, order or task. */
export const NOT_EVIDENCE: Readonly<Record<string, string>> = {
  registration_grant_days: 'counts registrations of a caller and a day',
  event_relay: 'the lease of the relay',
  event_replays: 'requests to send events again',
  event_sinks: 'the rate of each sink',
  job_slots: 'the days of daily jobs',
  audit_chain_head: 'the end of the chain of all audit rows',
  reviews: 'what reviews of the whole database came to',
  key_rotations: 'when the data keys were changed',
  key_rotation_columns: 'how far each change of the data keys has come',
  refund_alone_days: 'counts what each person of ours refunded alone on a day',
};
