/** How an insider with every right would break each invariant of docs/invariants.md. */

const LOG_COLUMNS =
  'INSERT INTO quota_logs (user_id, sequence, origin, request_id, request_hash, type, amount, units, quota_remaining, ' +
  'lots, consume_sequence, task_id, task_type, description, actor, create_time, hash_version, hash)';

/** A log row forged by somebody who may do everything, after the user's last. */
function forgedRow(type: string, amount: number, changes: Partial<Record<string, string>> = {}): string {
  const { sequence = 'sequence + 1', lots = "'[]'", consumeSequence = 'NULL', createTime = 'create_time' } = changes;
  const columns =
    `user_id, ${sequence}, 'system', 'forged', request_hash, '${type}', ${amount}, ${Math.abs(amount)}, ` +
    `quota_remaining + ${amount}, ${lots}, ${consumeSequence}, '', '', '', actor, ${createTime}, hash_version, hash`;
  return `${LOG_COLUMNS} SELECT ${columns} FROM quota_logs WHERE user_id = ? ORDER BY sequence DESC LIMIT 1`;
}

const forgedPayment = (status: string): string =>
  'INSERT INTO payments (id, order_id, user_id, method, status, transaction_id, amount, currency, success_time, create_time) ' +
  `SELECT 'forged', order_id, user_id, method, '${status}', 'forged', amount, currency, success_time, create_time ` +
  'FROM payments WHERE user_id = ? LIMIT 1';

/** Error numbers with which MariaDB refuses: a unique key, a CHECK, a trigger's signal. */
const BY_UNIQUE_KEY = 1062;
const BY_CHECK = 4025;
const BY_TRIGGER = 1644;

/** An audit row of the user, forged in one more column. */
const forgedAudit = (column: string, value: string): string => {
  const columns = 'action, actor, subject_type, subject_id, user_id, cause, after_state, create_time';
  return `INSERT INTO audit_logs (${column}, ${columns}) SELECT ${value}, ${columns} FROM audit_logs WHERE user_id = ? AND action = 'RegisterUser' LIMIT 1`;
};

/** How each invariant is broken, and whether the database refuses it or only the check finds it. */
export const BREAKS: Readonly<Record<string, { readonly sql: string; readonly outcome: 'found' | number }>> = {
  'INV-1': {
    sql: 'UPDATE users SET quota_remaining = quota_remaining + 1, log_sequence = log_sequence + 1 WHERE id = ?',
    outcome: 'found',
  },
  'INV-2': { sql: forgedRow('EXPIRE', -1), outcome: 'found' },
  'INV-3': { sql: forgedRow('GRANT', 1), outcome: 'found' },
  'INV-4': {
    sql: 'UPDATE quota_grants SET remaining = remaining - 1 WHERE user_id = ? AND remaining > 0',
    outcome: 'found',
  },
  'INV-5': { sql: forgedRow('EXPIRE', -1, { sequence: 'sequence + 2' }), outcome: 'found' },
  'INV-6': { sql: forgedRow('REFUND', 1, { consumeSequence: '1' }), outcome: 'found' },
  'INV-7': {
    sql: forgedRow('CONSUME', -1, { lots: "'[[1,-1]]'", createTime: "'2099-01-01'" }),
    outcome: 'found',
  },
  'INV-8': {
    sql:
      "INSERT INTO users (id, quota_remaining, log_sequence, log_hash, log_time, create_time) SELECT 'forged', 0, 0, " +
      'log_hash, log_time, create_time FROM users WHERE id = ?',
    outcome: 'found',
  },
  'INV-9': { sql: forgedPayment('applied'), outcome: BY_UNIQUE_KEY },
  'INV-10': {
    sql:
      'INSERT INTO membership_periods (user_id, period_no, order_id, plan_id, plan_name, features, quota_units, period_unit, ' +
      "anchor_time, anchor_offset, start_time, end_time, create_time) SELECT user_id, period_no + 1, 'unpaid', plan_id, " +
      'plan_name, features, quota_units, period_unit, anchor_time, anchor_offset, start_time, end_time, create_time ' +
      'FROM membership_periods WHERE user_id = ? ORDER BY period_no DESC LIMIT 1',
    outcome: BY_TRIGGER,
  },
  'INV-11': {
    sql:
      'INSERT INTO quota_grants (user_id, grant_id, source, source_ref, order_id, amount, remaining, expire_time, create_time) ' +
      "SELECT user_id, 1000, source, 'forged', order_id, amount, amount, expire_time, create_time FROM quota_grants " +
      "WHERE user_id = ? AND source = 'membership' LIMIT 1",
    outcome: BY_TRIGGER,
  },
  'INV-12': { sql: 'UPDATE users SET membership_expire_time = NULL WHERE id = ?', outcome: 'found' },
  'INV-13': { sql: 'UPDATE orders SET refunded_amount = final_amount + 1 WHERE user_id = ?', outcome: BY_TRIGGER },
  'INV-14': { sql: forgedPayment('received'), outcome: 'found' },
  'INV-15': { sql: 'UPDATE users SET log_sequence = log_sequence + 1 WHERE id = ?', outcome: 'found' },
  'INV-16': {
    sql:
      'INSERT INTO request_keys (owner, service, request_id, kind, content_hash, response, create_time) ' +
      "SELECT CONCAT('user:', id), 'OrderService', 'forged', 'CreateOrder', log_hash, '{\"orderId\":\"none\"}', create_time " +
      'FROM users WHERE id = ?',
    outcome: 'found',
  },
  'INV-17': {
    sql: 'UPDATE quota_grants SET held = held + 1 WHERE user_id = ? AND remaining + held < amount LIMIT 1',
    outcome: 'found',
  },
  'INV-18': { sql: forgedRow('RELEASE', 1, { consumeSequence: '1' }), outcome: 'found' },
  'INV-19': {
    sql: "UPDATE quota_charges SET returned = returned + 1 WHERE user_id = ? AND state = 'settled' AND returned < units LIMIT 1",
    outcome: 'found',
  },
  'INV-20': {
    sql: "UPDATE quota_charges SET due_time = NULL WHERE user_id = ? AND state = 'open' LIMIT 1",
    outcome: 'found',
  },
  'INV-21': {
    sql: 'UPDATE settlement_cases SET resolve_time = open_time WHERE user_id = ? AND resolve_time IS NULL LIMIT 1',
    outcome: 'found',
  },
  'INV-22': {
    sql:
      'INSERT INTO quota_task_outcomes (user_id, request_id, request_hash, task_id, outcome, charges_settled, quota_remaining, ' +
      "actor, create_time) SELECT id, 'forged', log_hash, 'no-such-task', 'FAILED', 0, 0, 'forged', create_time FROM users WHERE id = ?",
    outcome: 'found',
  },
  'INV-23': {
    sql:
      "INSERT INTO granted_identities (identity_index, user_id, create_time) SELECT REPEAT('x', 32), id, create_time " +
      'FROM users WHERE id = ?',
    outcome: 'found',
  },
  'INV-24': {
    sql:
      'UPDATE registration_grant_days SET granted = granted + 1 ' +
      'WHERE caller = (SELECT actor FROM quota_logs WHERE user_id = ? AND sequence = 1) LIMIT 1',
    outcome: 'found',
  },
  'INV-25': {
    sql: 'UPDATE promotions SET claimed_count = claimed_count + 1 WHERE claimed_count BETWEEN 1 AND total_quota - 1 LIMIT 1',
    outcome: 'found',
  },
  'INV-26': { sql: "UPDATE orders SET coupon_id = 'forged' WHERE user_id = ? LIMIT 1", outcome: BY_TRIGGER },
  'INV-27': {
    sql: 'UPDATE promotions SET budget_used = budget_used + 1 WHERE budget_used BETWEEN 1 AND budget - 1 LIMIT 1',
    outcome: 'found',
  },
  'INV-28': { sql: "UPDATE user_coupons SET discount_amount = 1 WHERE status = 'used' LIMIT 1", outcome: BY_TRIGGER },
  'INV-29': {
    sql: "UPDATE orders SET status = 'closing' WHERE status = 'pending' AND user_id <> ? LIMIT 1",
    outcome: 'found',
  },
  'INV-30': {
    sql: "UPDATE orders SET next_check_time = NULL WHERE status = 'pending' LIMIT 1",
    outcome: 'found',
  },
  'INV-31': { sql: forgedPayment('received'), outcome: 'found' },
  'INV-32': {
    sql: 'UPDATE orders SET refunded_amount = refunded_amount + 1 WHERE user_id = ? AND paid_time IS NOT NULL LIMIT 1',
    outcome: BY_TRIGGER,
  },
  'INV-33': {
    sql: "UPDATE payments SET status = 'refunded' WHERE user_id = ? AND status = 'applied' LIMIT 1",
    outcome: BY_TRIGGER,
  },
  'INV-34': {
    sql:
      'UPDATE membership_periods SET revoke_time = start_time, next_grant_time = NULL ' +
      'WHERE user_id = ? AND revoke_time IS NULL LIMIT 1',
    outcome: 'found',
  },
  'INV-35': {
    sql: "UPDATE refunds SET status = 'closed', next_attempt_time = NULL WHERE status = 'processing' AND frozen_units > 0 LIMIT 1",
    outcome: 'found',
  },
  'INV-36': {
    sql: "UPDATE refunds SET next_attempt_time = NULL WHERE status = 'processing' LIMIT 1",
    outcome: 'found',
  },
  'INV-37': {
    sql:
      'INSERT INTO wechatpay_notifications (id, event_type, subject_id, notification_id, content, status, reason, create_time) ' +
      "SELECT 'forged', 'TRANSACTION.SUCCESS', 'forged', 'EV-1', '{\"outTradeNo\":\"forged\"}', 'refused', 'unknown_order', " +
      "'2099-01-01' FROM users WHERE id = ?",
    outcome: 'found',
  },
  'INV-38': {
    sql:
      'INSERT INTO order_payers (order_id, sealed_payer, create_time) ' +
      "SELECT id, 'forged', create_time FROM orders WHERE user_id = ? AND channel = 'native' LIMIT 1",
    outcome: 'found',
  },
  'INV-39': {
    sql:
      'INSERT INTO order_credits (order_id, credited_order_id, user_id, amount, units, refunded_amount, create_time) ' +
      "SELECT id, id, user_id, 1, 0, 0, create_time FROM orders WHERE user_id = ? AND status = 'paid' LIMIT 1",
    outcome: BY_TRIGGER,
  },
  'INV-40': {
    sql: 'UPDATE membership_notices SET next_kind = NULL, next_time = NULL WHERE user_id <> ? AND next_time IS NOT NULL LIMIT 1',
    outcome: 'found',
  },
  'INV-41': {
    sql:
      'INSERT INTO plan_prices (plan_id, list_price, price, currency, period_unit, period_count, quota_units, features, ' +
      'tax_rate_basis_points, valid_from, create_time) SELECT v.plan_id, v.list_price, v.price, v.currency, v.period_unit, ' +
      'v.period_count, v.quota_units, v.features, v.tax_rate_basis_points, u.create_time, u.create_time ' +
      "FROM plan_prices v JOIN users u ON u.id = ? WHERE v.plan_id = 'monthly'",
    outcome: BY_TRIGGER,
  },
  'INV-42': {
    sql: 'UPDATE feature_usages SET used = used + 1 WHERE user_id <> ? LIMIT 1',
    outcome: 'found',
  },
  'INV-43': {
    sql: 'UPDATE gift_campaigns SET granted_units = granted_units + units WHERE granted_units > 0 LIMIT 1',
    outcome: 'found',
  },
  'INV-44': {
    sql: "UPDATE gift_campaigns SET status = 'active', approved_by = created_by, approve_time = create_time WHERE status = 'draft' LIMIT 1",
    outcome: BY_TRIGGER,
  },
  'INV-45': {
    sql:
      'INSERT INTO audit_chain (position, audit_id, hash_version, hash) SELECT position + 1000000, -1, hash_version, hash ' +
      'FROM audit_chain ORDER BY position DESC LIMIT 1',
    outcome: 'found',
  },
  'INV-46': { sql: forgedAudit('id', '-1'), outcome: 'found' },
  'INV-47': { sql: forgedAudit('role', "'auditor'"), outcome: 'found' },
  'INV-48': {
    sql:
      "INSERT INTO granted_identities (identity_index, user_id, create_time) SELECT REPEAT('y', 32), '', create_time " +
      'FROM users WHERE id = ?',
    outcome: 'found',
  },
  'INV-49': {
    sql:
      'INSERT INTO refunds (id, order_id, user_id, payment_id, transaction_id, cause, amount, total, currency, reason, requested_by, ' +
      'notify_url, status, next_attempt_time, create_time, approve_deadline, decision, decided_by, decide_time) ' +
      "SELECT 'forged', order_id, user_id, id, transaction_id, 'requested', 1, amount, currency, 'forged', " +
      "'spiffe://billing/finance/one', 'https://nowhere', 'created', create_time, create_time, create_time, 'approved', " +
      "'spiffe://billing/finance/nobody', create_time FROM payments WHERE user_id = ? AND status = 'applied' LIMIT 1",
    outcome: 'found',
  },
  'INV-50': { sql: 'UPDATE promotions SET total_quota = 1 WHERE claimed_count > 1 LIMIT 1', outcome: BY_CHECK },
};

/** Further ways to break an invariant of several parts, each of which only its check finds. */
export const FURTHER_BREAKS: readonly { readonly id: string; readonly how: string; readonly sql: string }[] = [
  {
    id: 'INV-11',
    how: 'the next part is due at another time than its interval starts',
    sql: 'UPDATE membership_periods SET next_grant_time = next_grant_time + INTERVAL 1 SECOND WHERE next_grant_time IS NOT NULL LIMIT 1',
  },
  {
    id: 'INV-11',
    how: 'a part that was not given is never due',
    sql: 'UPDATE membership_periods SET next_grant_time = NULL WHERE next_grant_time IS NOT NULL LIMIT 1',
  },
  {
    id: 'INV-11',
    how: 'a part is said to be given that was not',
    sql:
      'UPDATE membership_periods SET next_grant_time = NULL, granted_intervals = granted_intervals + 1 ' +
      'WHERE next_grant_time IS NOT NULL LIMIT 1',
  },
  {
    id: 'INV-40',
    how: 'a notice is of an end that no period has',
    sql: 'UPDATE membership_notices SET expire_time = expire_time + INTERVAL 1 SECOND WHERE expire_time IS NOT NULL LIMIT 1',
  },
  {
    id: 'INV-40',
    how: 'an end is told twice',
    sql:
      "INSERT INTO outbox (type, user_id, payload, create_time) SELECT 'membership.expired', u.id, " +
      "JSON_OBJECT('expire_time', '2027-01-31T04:00:00.000Z'), u.create_time " +
      'FROM users u JOIN (SELECT 1 UNION ALL SELECT 2) twice WHERE u.id = ?',
  },
  {
    id: 'INV-42',
    how: 'a charge counts against a limit that has not seen it',
    sql:
      'INSERT INTO feature_charges (user_id, sequence, feature, period_no) SELECT user_id, sequence, ' +
      "'image.upscale', 1 FROM quota_charges WHERE user_id = ? LIMIT 1",
  },
  {
    id: 'INV-42',
    how: 'a limit has seen units that no charge took',
    sql: "INSERT INTO feature_usages (user_id, feature, period_no, used) SELECT id, 'image.upscale', 1, 0 FROM users WHERE id = ?",
  },
  {
    id: 'INV-34',
    how: 'a lot is revoked though its order was not refunded',
    sql: "UPDATE quota_grants SET revoke_time = create_time WHERE user_id = ? AND source = 'membership' LIMIT 1",
  },
  {
    id: 'INV-34',
    how: 'units end before they are given though no money went back',
    sql: 'UPDATE membership_periods SET revoke_units = 1 WHERE user_id = ? LIMIT 1',
  },
  {
    id: 'INV-35',
    how: 'what was frozen is gone though no money went back, and nothing in the log gave it back',
    sql:
      'UPDATE refunds r JOIN quota_charges c ON c.user_id = r.user_id AND c.sequence = r.freeze_sequence ' +
      "SET r.status = 'closed', r.next_attempt_time = NULL, c.state = 'released', c.returned = c.units WHERE r.status = 'abnormal'",
  },
  {
    id: 'INV-39',
    how: 'an order took the place of a period that it does not credit',
    sql:
      'UPDATE membership_periods m JOIN orders o ON o.user_id = m.user_id AND o.id > m.order_id AND o.paid_time IS NOT NULL ' +
      'SET m.replaced_by_order_id = o.id, m.next_grant_time = NULL WHERE m.user_id = ?',
  },
  {
    id: 'INV-39',
    how: 'an upgrade credits nothing',
    sql:
      'INSERT INTO orders (id, kind, user_id, status, channel, plan_id, plan_price_id, plan_name, period_unit, period_count, ' +
      'quota_units, features, list_amount, original_amount, discount_amount, final_amount, currency, tax_rate_basis_points, ' +
      "net_amount, tax_amount, notify_url, create_time, expire_time) SELECT 'forged', 'upgrade', user_id, 'created', channel, " +
      'plan_id, plan_price_id, plan_name, period_unit, period_count, quota_units, features, list_amount, original_amount, 0, ' +
      'final_amount, currency, tax_rate_basis_points, net_amount, tax_amount, notify_url, create_time, expire_time ' +
      "FROM orders WHERE user_id = ? AND kind = 'purchase' AND discount_amount = 0 LIMIT 1",
  },
  {
    id: 'INV-44',
    how: 'a campaign was approved, but the audit log does not say by whom',
    sql:
      "UPDATE gift_campaigns SET status = 'active', approved_by = 'spiffe://billing/operations/forged', approve_time = create_time " +
      "WHERE status = 'draft' LIMIT 1",
  },
  {
    id: 'INV-45',
    how: 'the end of the chain is not where the head says',
    sql: 'UPDATE audit_chain_head SET position = position + 1, hash = REPEAT(CHAR(1), 32)',
  },
  {
    id: 'INV-47',
    how: 'a coupon is there that nobody claimed',
    sql:
      'INSERT INTO user_coupons (id, user_id, promotion_id, status, claim_time, expire_time) ' +
      "SELECT 'forged', 'forged', promotion_id, 'unused', claim_time, expire_time FROM user_coupons LIMIT 1",
  },
];
