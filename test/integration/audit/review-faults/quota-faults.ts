import { appendForged, forgeGrant, rechain } from '../../../support/forged-log';
import type { Fault } from '../../../support/review-faults';
import type { Insider } from '../../../support/review-stage';

const LEDGER = ['users', 'quota_logs', 'quota_grants', 'quota_charges'];

/** Who has done the most: the longest log of the stage. */
async function busiest({ one }: Insider): Promise<string> {
  return String((await one('SELECT id FROM users ORDER BY log_sequence DESC'))['id']);
}

/** A row that took units, of somebody who took more since. */
const A_CHARGE = `SELECT l.user_id, l.sequence, l.units, l.lots FROM quota_logs l
  WHERE l.type = 'CONSUME' AND l.task_id <> '' ORDER BY l.user_id, l.sequence`;

const REWRITTEN = [...LEDGER, 'feature_usages'];

/** Rewrites a row of history to take one unit of two, with everything that must agree. */
async function takeFewerUnits(insider: Insider): Promise<{ readonly user_id: string; readonly sequence: number }> {
  const { user_id: id, sequence } = await insider.one(
    "SELECT user_id, sequence FROM feature_charges WHERE feature = 'image.upscale'",
  );
  const userId = String(id);
  await rechain(insider, userId, (rows) =>
    rows.map((row) => {
      if (row.sequence !== sequence) return row;
      const [[lot = 0] = []] = row.lots;
      return { ...row, units: 1, amount: -1, lots: [[lot, -1]] as const };
    }),
  );
  await insider.change('UPDATE quota_charges SET units = 1 WHERE user_id = ? AND sequence = ?', [userId, sequence]);
  await insider.change('UPDATE feature_usages SET used = used - 1 WHERE user_id = ?', [userId]);
  await insider.change(
    "UPDATE quota_grants SET remaining = remaining + 1 WHERE user_id = ? AND source = 'registration'",
    [userId],
  );
  return { user_id: userId, sequence: Number(sequence) };
}

/** The log, and what stands on it: must show 1 of the audit's issue (R10.1, R10.3 to R10.5, R3.4). */
export const QUOTA_FAULTS: readonly Fault[] = [
  {
    what: 'a row of the log is altered',
    check: 'chain-broken',
    tables: ['quota_logs'],
    plant: async ({ one, change }) => {
      const { user_id: userId, sequence } = await one(A_CHARGE);
      await change(
        "UPDATE quota_logs SET actor = 'spiffe://billing/operations/nobody' WHERE user_id = ? AND sequence = ?",
        [userId, sequence],
      );
      return { user_id: String(userId), sequence: Number(sequence), problem: 'does not match its hash' };
    },
  },
  {
    what: 'a row of the log is deleted',
    check: 'chain-broken',
    tables: ['quota_logs'],
    plant: async ({ one, change }) => {
      const { user_id: userId, sequence } = await one(A_CHARGE);
      await change('DELETE FROM quota_logs WHERE user_id = ? AND sequence = ?', [userId, sequence]);
      return { user_id: String(userId), sequence: Number(sequence) + 1 };
    },
  },
  {
    what: 'the end of a log is cut off',
    check: 'chain-broken',
    tables: ['quota_logs'],
    plant: async (insider) => {
      const userId = await busiest(insider);
      await insider.change('DELETE FROM quota_logs WHERE user_id = ? ORDER BY sequence DESC LIMIT 1', [userId]);
      return { user_id: userId };
    },
  },
  {
    what: 'the end of a log is cut off, and the account names the new end',
    check: 'charge-disagrees-with-log',
    tables: LEDGER,
    plant: async (insider) => {
      const charge = await insider.one(
        "SELECT c.user_id, c.sequence FROM quota_charges c JOIN users u ON u.id = c.user_id WHERE c.kind = 'consume' AND c.returned > 0",
      );
      const userId = String(charge['user_id']);
      await rechain(insider, userId, (rows) => rows.filter(({ sequence }) => sequence < Number(charge['sequence'])));
      return { user_id: userId, sequence: Number(charge['sequence']) };
    },
  },
  {
    what: 'history is rewritten to take fewer units, and re-chained, with balance, lot, charge and limit',
    check: 'log-differs-from-its-events',
    tables: REWRITTEN,
    plant: takeFewerUnits,
  },
  {
    what: 'history is rewritten and re-chained, and its events tell the new story, too',
    check: 'anchor-contradicted',
    tables: [...REWRITTEN, 'outbox'],
    plant: async (insider) => {
      const { user_id: userId } = await takeFewerUnits(insider);
      await insider.change("DELETE FROM outbox WHERE type = 'quota.changed'");
      const { log_sequence: end } = await insider.one('SELECT log_sequence FROM users WHERE id = ?', [userId]);
      return { anchor: 2, subject: userId, problem: `was rewritten: row ${Number(end)} has another hash` };
    },
  },
  {
    what: 'a user is removed with everything',
    check: 'anchor-contradicted',
    tables: [...LEDGER, 'outbox'],
    plant: async ({ one, change }) => {
      const { id } = await one(
        `SELECT u.id FROM users u JOIN user_coupons c ON c.user_id = u.id WHERE u.log_sequence = 1 AND c.status = 'unused'`,
      );
      for (const table of ['quota_logs', 'quota_grants']) await change(`DELETE FROM ${table} WHERE user_id = ?`, [id]);
      await change('DELETE FROM users WHERE id = ?', [id]);
      await change('DELETE FROM outbox WHERE LOCATE(?, payload) > 0', [id]);
      return { anchor: 2, subject: String(id), problem: 'is gone, with 1 rows of the log' };
    },
  },
  {
    what: 'all of the log of a user is deleted',
    check: 'account-without-log',
    tables: ['quota_logs'],
    plant: async (insider) => {
      const userId = await busiest(insider);
      await insider.change('DELETE FROM quota_logs WHERE user_id = ?', [userId]);
      return { what: 'account', user_id: userId };
    },
  },
  {
    what: 'a user disappears, and the log stays',
    check: 'chain-broken',
    tables: ['users'],
    plant: async (insider) => {
      const userId = await busiest(insider);
      await insider.change('DELETE FROM users WHERE id = ?', [userId]);
      return { user_id: userId, problem: 'the log belongs to no user' };
    },
  },
  {
    what: 'a balance is raised',
    check: 'balance-disagrees-with-log',
    tables: ['users'],
    plant: async (insider) => {
      const userId = await busiest(insider);
      const { quota_remaining: units } = await insider.one('SELECT quota_remaining FROM users WHERE id = ?', [userId]);
      await insider.change('UPDATE users SET quota_remaining = quota_remaining + 1000 WHERE id = ?', [userId]);
      return { user_id: userId, quota_remaining: Number(units) + 1_000, sum_of_log: Number(units) };
    },
  },
  {
    what: 'units appear in the log from nowhere, with a chain that holds',
    check: 'quota-equation-broken',
    tables: LEDGER,
    plant: async (insider) => {
      const userId = await busiest(insider);
      const { grant_id: lot } = await insider.one(
        "SELECT grant_id FROM quota_grants WHERE user_id = ? AND source = 'membership'",
        [userId],
      );
      await appendForged(insider, userId, {
        type: 'CAPTURE',
        amount: 50,
        units: 1,
        lots: [[Number(lot), 50]],
        consumeSequence: 1,
      });
      return { user_id: userId };
    },
  },
  {
    what: 'what is left of a lot is raised',
    check: 'lots-disagree-with-log',
    tables: ['quota_grants'],
    plant: async ({ one, change }) => {
      const lot = await one('SELECT user_id, grant_id FROM quota_grants WHERE remaining < amount - 1');
      await change('UPDATE quota_grants SET remaining = remaining + 1 WHERE user_id = ? AND grant_id = ?', [
        lot['user_id'],
        lot['grant_id'],
      ]);
      return { user_id: String(lot['user_id']) };
    },
  },
  {
    what: 'a lot is given a longer life',
    check: 'lots-disagree-with-log',
    tables: ['quota_grants'],
    plant: async ({ one, change }) => {
      const lot = await one("SELECT user_id, grant_id FROM quota_grants WHERE source = 'registration'");
      await change("UPDATE quota_grants SET expire_time = '2099-01-01' WHERE user_id = ? AND grant_id = ?", [
        lot['user_id'],
        lot['grant_id'],
      ]);
      const problem = `lot ${Number(lot['grant_id'])} has another source or expiry than its GRANT row says`;
      return { user_id: String(lot['user_id']), problem };
    },
  },
  {
    what: 'units are taken from a lot that had expired',
    check: 'expired-units-taken',
    tables: ['quota_grants'],
    plant: async ({ one, change }) => {
      const charge = await one(A_CHARGE);
      const [[lot]] = JSON.parse(String(charge['lots'])) as [[number]];
      await change('UPDATE quota_grants SET expire_time = create_time WHERE user_id = ? AND grant_id = ?', [
        charge['user_id'],
        lot,
      ]);
      return { user_id: String(charge['user_id']), grant_id: lot };
    },
  },
  {
    what: 'a balance is below zero',
    check: 'negative-quota',
    tables: ['users'],
    plant: async (insider) => {
      const userId = await busiest(insider);
      await insider.change('UPDATE users SET quota_remaining = -1 WHERE id = ?', [userId]);
      return { user_id: userId, quota_remaining: -1 };
    },
  },
  {
    what: 'more is returned than was taken, with a chain that holds',
    check: 'returned-more-than-taken',
    tables: LEDGER,
    plant: async (insider) => {
      const charge = await insider.one(
        "SELECT user_id, sequence, units FROM quota_logs WHERE type = 'CONSUME' AND units > 1",
      );
      const userId = String(charge['user_id']);
      const [units, consumeSequence] = [Number(charge['units']) + 1, Number(charge['sequence'])];
      const sequence = await appendForged(insider, userId, {
        type: 'REFUND',
        amount: units,
        consumeSequence,
        lots: [[1, units]],
      });
      return { user_id: userId, sequence, consume_sequence: consumeSequence };
    },
  },
  {
    what: 'a charge is deleted, so that nothing of it can ever come back',
    check: 'charge-disagrees-with-log',
    tables: ['quota_charges'],
    plant: async ({ one, change }) => {
      const charge = await one('SELECT user_id, sequence FROM quota_charges');
      await change('DELETE FROM quota_charges WHERE user_id = ? AND sequence = ?', [
        charge['user_id'],
        charge['sequence'],
      ]);
      return { user_id: String(charge['user_id']), sequence: Number(charge['sequence']) };
    },
  },
  {
    what: 'an open charge is never looked at again',
    check: 'charge-forgotten',
    tables: ['quota_charges'],
    plant: async ({ one, change }) => {
      const charge = await one(
        "SELECT user_id, sequence FROM quota_charges WHERE state = 'settled' AND kind = 'consume' AND task_id <> ''",
      );
      await change("UPDATE quota_charges SET state = 'open', due_time = NULL WHERE user_id = ? AND sequence = ?", [
        charge['user_id'],
        charge['sequence'],
      ]);
      return { user_id: String(charge['user_id']), sequence: Number(charge['sequence']) };
    },
  },
  {
    what: 'units are granted for an order that nobody paid, with log, chain and lot as they should be',
    check: 'grant-without-payment',
    tables: LEDGER,
    plant: async (insider) => {
      const { id, user_id: owner } = await insider.one("SELECT id, user_id FROM orders WHERE status = 'pending'");
      const [userId, orderId] = [String(owner), String(id)];
      const grantId = await forgeGrant(insider, userId, {
        source: 'membership',
        sourceRef: `${orderId}:1`,
        orderId,
        units: 500,
      });
      return { user_id: userId, grant_id: grantId, amount: 500, order_id: orderId };
    },
  },
  {
    what: 'a part of a membership is granted twice',
    check: 'grant-schedule-wrong',
    tables: LEDGER,
    plant: async (insider) => {
      const { order_id: id, user_id: owner } = await insider.one(
        "SELECT order_id, user_id FROM quota_grants WHERE source = 'membership'",
      );
      const [userId, orderId] = [String(owner), String(id)];
      await forgeGrant(insider, userId, { source: 'membership', sourceRef: `${orderId}:2`, orderId, units: 500 });
      return { user_id: userId, order_id: orderId };
    },
  },
  {
    what: 'units are granted as compensation though nothing came back late',
    check: 'compensation-without-cause',
    tables: LEDGER,
    plant: async (insider) => {
      const userId = await busiest(insider);
      const grantId = await forgeGrant(insider, userId, { source: 'compensation', sourceRef: '1:1', units: 99 });
      return { user_id: userId, grant_id: grantId, amount: 99 };
    },
  },
  {
    what: 'a gift is granted that no campaign gives',
    check: 'gift-outside-campaign',
    tables: LEDGER,
    plant: async (insider) => {
      const userId = await busiest(insider);
      await forgeGrant(insider, userId, { source: 'gift', sourceRef: 'no-such-campaign', units: 1_000 });
      return { campaign_id: 'no-such-campaign', user_id: userId };
    },
  },
  {
    what: 'who made a campaign approved it himself',
    check: 'gift-without-second-person',
    tables: ['gift_campaigns'],
    plant: async ({ one, change }) => {
      const campaign = await one('SELECT id, created_by FROM gift_campaigns WHERE approved_by IS NOT NULL');
      await change('UPDATE gift_campaigns SET approved_by = created_by WHERE id = ?', [campaign['id']]);
      return { subject: String(campaign['id']), approved_by: String(campaign['created_by']) };
    },
  },
  {
    what: 'a membership is given without an order',
    check: 'period-without-order',
    tables: ['membership_periods'],
    plant: async ({ one, change }) => {
      const period = await one('SELECT user_id, order_id FROM membership_periods WHERE replaced_by_order_id IS NULL');
      await change("UPDATE membership_periods SET order_id = 'no-such-order' WHERE order_id = ?", [period['order_id']]);
      return { order_id: 'no-such-order' };
    },
  },
  {
    what: 'a membership is made longer than its periods',
    check: 'membership-standing-wrong',
    tables: ['users'],
    plant: async ({ one, change }) => {
      const user = await one('SELECT id FROM users WHERE membership_expire_time IS NOT NULL');
      await change('UPDATE users SET membership_expire_time = membership_expire_time + INTERVAL 1 YEAR WHERE id = ?', [
        user['id'],
      ]);
      return { user_id: String(user['id']) };
    },
  },
  {
    what: 'the registration grant of a user is gone',
    check: 'registration-grant-wrong',
    tables: ['quota_grants'],
    plant: async ({ one, change }) => {
      const lot = await one("SELECT user_id FROM quota_grants WHERE source = 'registration'");
      await change("DELETE FROM quota_grants WHERE user_id = ? AND source = 'registration'", [lot['user_id']]);
      return { user_id: String(lot['user_id']), registration_lots: 0 };
    },
  },
  {
    what: 'an identity is forgotten, so that it may have its grant again',
    check: 'registration-identity-reused',
    tables: ['granted_identities'],
    plant: async ({ one, change }) => {
      // What an erased person had names nobody.
      const { user_id: userId } = await one("SELECT user_id FROM granted_identities WHERE user_id <> ''");
      await change('DELETE FROM granted_identities WHERE user_id = ? LIMIT 1', [userId]);
      return { user_id: String(userId) };
    },
  },
  {
    what: 'what a limit has seen is lowered',
    check: 'feature-limit-wrong',
    tables: ['feature_usages'],
    plant: async ({ one, change }) => {
      const usage = await one('SELECT user_id, feature FROM feature_usages');
      await change('UPDATE feature_usages SET used = 0 WHERE user_id = ?', [usage['user_id']]);
      return { user_id: String(usage['user_id']), feature: String(usage['feature']) };
    },
  },
  {
    what: 'a task is reported that never was',
    check: 'outcome-without-task',
    tables: ['quota_task_outcomes'],
    plant: async ({ change }) => {
      await change("UPDATE quota_task_outcomes SET task_id = 'no-such-task' WHERE request_id = 'o-task-3'");
      return { request_id: 'o-task-3' };
    },
  },
];
