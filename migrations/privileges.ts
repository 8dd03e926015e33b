import type { Knex } from 'knex';

/**
 * What each database account may do, as reviewed data; `billing migrate` applies it. No account has DROP (and so
 * TRUNCATE), nor DELETE but where rows are no history; only the account that migrates has TRIGGER.
 * UPDATE is granted by column, only where state moves; triggers freeze the rest a second time. Taking a privilege back is a REVOKE in a migration: this list only adds.
 */
interface TablePrivileges {
  /** May the application add rows? */
  readonly insert: boolean;
  /** The columns the application may change. */
  readonly update: readonly string[];
  /** Whether the application may delete rows: only what is no history. */
  readonly delete?: boolean;
  /** Whether the report account may read it; personal data and sealed bodies are kept from it. */
  readonly report: boolean;
  /** Of a table that it may not read: the columns that it may, because a review compares them. */
  readonly reportColumns?: readonly string[];
}

export const TABLE_PRIVILEGES: Readonly<Record<string, TablePrivileges>> = {
  users: {
    insert: true,
    update: ['quota_remaining', 'log_sequence', 'log_hash', 'log_time', 'membership_plan_id', 'membership_expire_time'],
    report: true,
  },
  plans: { insert: true, update: ['status'], report: true },
  plan_prices: { insert: true, update: ['valid_to'], report: true },
  task_tariffs: { insert: true, update: [], report: true },
  orders: {
    insert: true,
    update: [
      'status',
      'refunded_amount',
      'transaction_id',
      'paid_time',
      'apply_time',
      'close_reason',
      'closing_time',
      'prepay_deadline',
      'next_check_time',
      'check_attempts',
      'invoice_reference',
    ],
    report: true,
  },
  // Sealed values change by a rotation of keys or an erasure alone, identities and content hashes by an erasure: triggers (0052).
  order_payers: { insert: true, update: ['sealed_payer'], report: false, reportColumns: ['order_id', 'create_time'] },
  order_credits: { insert: true, update: [], report: true },
  payments: { insert: true, update: ['status'], report: true },
  refunds: {
    insert: true,
    update: [
      ...['status', 'refund_id', 'attempts', 'next_attempt_time', 'success_time', 'apply_time'],
      ...['decision', 'decided_by', 'decide_time', 'decision_reason'],
    ],
    report: true,
  },
  refund_alone_days: { insert: true, update: ['amount'], report: true },
  alerts: {
    insert: true,
    update: ['details', 'occurrences', 'last_time', 'resolve_time', 'resolution'],
    report: true,
  },
  quota_grants: { insert: true, update: ['remaining', 'held', 'revoke_time'], report: true },
  quota_logs: { insert: true, update: [], report: true },
  quota_charges: { insert: true, update: ['returned', 'state', 'due_time', 'late_returns'], report: true },
  quota_task_outcomes: { insert: true, update: [], report: true },
  feature_charges: { insert: true, update: [], report: true },
  feature_usages: { insert: true, update: ['used'], report: true },
  settlement_cases: { insert: true, update: ['resolve_time'], report: true },
  request_refusals: { insert: true, update: [], delete: true, report: true },
  promotions: {
    insert: true,
    update: [
      'name',
      'status',
      'discount_type',
      'discount_value',
      'max_discount',
      'min_order_amount',
      'plan_ids',
      'new_users_only',
      'may_be_free',
      'returned_on_refund',
      'total_quota',
      'claimed_count',
      'budget',
      'budget_used',
      'claim_start_time',
      'claim_end_time',
      'coupon_expire_time',
      'coupon_valid_days',
      'editors',
      'revision',
    ],
    report: true,
  },
  // Not granted_units: the lots count themselves (0040).
  gift_campaigns: {
    insert: true,
    update: [
      ...['name', 'status', 'units', 'valid_days', 'budget_units', 'start_time', 'end_time'],
      ...['editors', 'revision', 'approved_by', 'approve_time'],
    ],
    report: true,
  },
  user_coupons: { insert: true, update: ['status', 'order_id', 'discount_amount'], report: true },
  user_identities: {
    insert: true,
    update: ['identity_index'],
    report: false,
    reportColumns: ['identity_index', 'user_id'],
  },
  granted_identities: {
    insert: true,
    update: ['user_id'],
    report: false,
    reportColumns: ['identity_index', 'user_id'],
  },
  registration_grant_days: { insert: true, update: ['granted'], report: true },
  membership_periods: {
    insert: true,
    update: ['end_time', 'next_grant_time', 'granted_intervals', 'revoke_time', 'revoke_units', 'replaced_by_order_id'],
    report: true,
  },
  membership_notices: {
    insert: true,
    update: ['expire_time', 'next_kind', 'next_time', 'told_kind', 'told_time'],
    report: true,
  },
  wechatpay_notifications: {
    insert: true,
    update: ['status', 'reason', 'times_received', 'attempts', 'next_attempt_time', 'apply_time'],
    report: true,
  },
  wechatpay_notification_bodies: {
    insert: true,
    update: ['sealed_body'],
    report: false,
    reportColumns: ['id', 'inbox_id', 'create_time'],
  },
  job_dead_letters: {
    insert: true,
    update: ['state', 'error', 'attempts', 'last_time', 'resolve_time'],
    report: true,
  },
  job_slots: { insert: true, update: ['attempts', 'lease_time', 'end_time'], report: true },
  request_keys: {
    insert: true,
    update: ['content_hash'],
    report: false,
    reportColumns: ['owner', 'service', 'request_id', 'kind', 'response', 'create_time'],
  },
  key_rotations: { insert: true, update: ['state', 'end_time'], report: true },
  key_rotation_columns: {
    insert: true,
    update: ['after_key', 'after_id', 'resealed', 'unreadable', 'next_pass_time'],
    report: true,
  },
  user_erasures: {
    insert: true,
    update: [
      ...['state', 'decided_by', 'decide_time', 'start_time', 'end_time', 'next_run_time'],
      ...['runs', 'payers', 'notifications', 'identities'],
    ],
    report: true,
  },
  audit_logs: { insert: true, update: [], report: true },
  audit_chain: { insert: true, update: [], report: true },
  audit_chain_head: { insert: false, update: ['position', 'hash', 'reached_id', 'gaps'], report: true },
  access_logs: { insert: true, update: [], report: true },
  reviews: {
    insert: true,
    update: [
      ...['state', 'lease_time', 'progress', 'error', 'start_time', 'end_time'],
      ...['verdict', 'severe', 'medium', 'minor', 'document'],
    ],
    report: true,
  },
  audit_anchors: { insert: true, update: ['export_time'], report: true },
  // Deleted when their time is over: they were delivered, and what they tell is in the tables that they tell of.
  outbox: { insert: true, update: ['batch_no'], delete: true, report: true },
  event_relay: { insert: true, update: ['owner', 'epoch', 'lease_until', 'last_batch'], report: true },
  event_replays: { insert: true, update: ['state', 'start_time', 'end_time'], report: true },
  event_deliveries: {
    insert: true,
    update: ['state', 'attempts', 'next_attempt_time', 'last_error', 'end_time'],
    delete: true,
    report: true,
  },
  event_sinks: { insert: true, update: ['window_start', 'window_count'], report: true },
};

/** What both accounts may call: they change nothing (0053, 0054). */
export const READING_PROCEDURES: readonly string[] = [
  ...['review_columns', 'review_keys', 'review_triggers', 'review_checks'],
  ...['review_privileges', 'review_unsealed'],
];

/** The accounts that the privileges go to. */
export interface Accounts {
  readonly app: string;
  readonly report: string;
}

/** Grants every table's privileges. Granting again what is there changes nothing. */
export async function applyPrivileges(knex: Knex, accounts: Accounts): Promise<void> {
  for (const [table, privileges] of Object.entries(TABLE_PRIVILEGES)) {
    const updates = privileges.update.map((column) => `\`${column}\``).join(', ');
    const app = [
      'SELECT',
      privileges.insert ? 'INSERT' : '',
      updates === '' ? '' : `UPDATE (${updates})`,
      privileges.delete === true ? 'DELETE' : '',
    ];
    await knex.raw(`GRANT ${app.filter((item) => item !== '').join(', ')} ON \`${table}\` TO ?@'%'`, [accounts.app]);
    const columns = (privileges.reportColumns ?? []).map((column) => `\`${column}\``).join(', ');
    if (privileges.report) await knex.raw(`GRANT SELECT ON \`${table}\` TO ?@'%'`, [accounts.report]);
    else if (columns !== '') await knex.raw(`GRANT SELECT (${columns}) ON \`${table}\` TO ?@'%'`, [accounts.report]);
  }
  for (const procedure of READING_PROCEDURES) {
    for (const account of [accounts.app, accounts.report]) {
      await knex.raw(`GRANT EXECUTE ON PROCEDURE \`${procedure}\` TO ?@'%'`, [account]);
    }
  }
}
