import type { FactFault, Fault } from '../../../support/review-faults';
import { createSigner } from '../../../../src/platform/crypto/signing';
import { readInfra } from '../../../support/infra';

const { accounts, auditSigningKey } = readInfra();
const { app, report, migrate } = accounts;

/** The key of a column that is computed. */
const KEY = /UNIQUE KEY `(\w+)` \(`open_key`\)/g;

/** A procedure as it was. */
let kept = '';

/** What guards the ledger, taken away or opened, and what nobody ended: must show 1 of the audit's issue (R11.3). */
export const GUARD_FAULTS: readonly Fault[] = [
  {
    what: 'a trigger is dropped',
    check: 'schema-triggers',
    tables: [],
    plant: async ({ rows }) => {
      await rows('DROP TRIGGER quota_logs_no_delete');
      return { trigger: 'quota_logs_no_delete', table: 'quota_logs', problem: 'missing' };
    },
    undo: async ({ rows }) => {
      await rows(
        "CREATE TRIGGER quota_logs_no_delete BEFORE DELETE ON quota_logs FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'quota_logs: rows are never deleted'",
      );
    },
  },
  {
    what: 'a trigger is replaced by one that does nothing',
    check: 'schema-triggers',
    tables: [],
    plant: async ({ rows }) => {
      await rows(
        'CREATE OR REPLACE TRIGGER quota_logs_no_update BEFORE UPDATE ON quota_logs FOR EACH ROW SET NEW.actor = OLD.actor',
      );
      return { trigger: 'quota_logs_no_update', problem: 'changed' };
    },
    undo: async ({ rows }) => {
      await rows(
        "CREATE OR REPLACE TRIGGER quota_logs_no_update BEFORE UPDATE ON quota_logs FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'quota_logs: rows are never changed'",
      );
    },
  },
  {
    what: 'a trigger that nobody reviewed gives units away',
    check: 'schema-triggers',
    tables: [],
    plant: async ({ rows }) => {
      await rows("CREATE TRIGGER gift_for_me BEFORE INSERT ON alerts FOR EACH ROW SET NEW.details = '{}'");
      return { trigger: 'gift_for_me', table: 'alerts', problem: 'not in the reviewed schema' };
    },
    undo: async ({ rows }) => {
      await rows('DROP TRIGGER gift_for_me');
    },
  },
  {
    what: 'the unique key is dropped that lets a user claim once',
    check: 'schema-unique-keys',
    tables: [],
    plant: async ({ rows }) => {
      await rows('ALTER TABLE user_coupons DROP INDEX uk_user_promotion');
      return { table: 'user_coupons', key: 'uk_user_promotion', problem: 'missing' };
    },
    undo: async ({ rows }) => {
      await rows('ALTER TABLE user_coupons ADD UNIQUE KEY uk_user_promotion (user_id, promotion_id)');
    },
  },
  {
    what: 'the constraint is dropped that keeps balances from falling below zero',
    check: 'schema-checks',
    tables: [],
    plant: async ({ rows }) => {
      await rows('ALTER TABLE users DROP CONSTRAINT users_quota_remaining_not_negative');
      return { table: 'users', check: 'users_quota_remaining_not_negative', problem: 'missing' };
    },
    undo: async ({ rows }) => {
      await rows('ALTER TABLE users ADD CONSTRAINT users_quota_remaining_not_negative CHECK (quota_remaining >= 0)');
    },
  },
  {
    what: 'the constraint of a column is dropped that keeps discounts readable',
    check: 'schema-checks',
    tables: [],
    plant: async ({ rows }) => {
      await rows('ALTER TABLE payments MODIFY provider_discounts TEXT NULL');
      return { table: 'payments', check: 'provider_discounts', problem: 'missing' };
    },
    undo: async ({ rows }) => {
      await rows(
        'ALTER TABLE payments MODIFY provider_discounts TEXT NULL CHECK (provider_discounts IS NULL OR JSON_VALID(provider_discounts))',
      );
    },
  },
  {
    what: 'a column is not computed any more, and its unique key guards nothing',
    check: 'schema-tables',
    tables: [],
    plant: async ({ rows }) => {
      await rows('ALTER TABLE alerts MODIFY open_key VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NULL');
      return { table: 'alerts', column: 'open_key', problem: 'changed', found: 'varchar(128) ascii_bin' };
    },
    undo: async ({ rows, one }) => {
      const [[, key = ''] = []] = [...String((await one('SHOW CREATE TABLE alerts'))['Create Table']).matchAll(KEY)];
      await rows(`ALTER TABLE alerts DROP KEY ${key}, DROP COLUMN open_key`);
      await rows(
        `ALTER TABLE alerts ADD COLUMN open_key VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin GENERATED ALWAYS AS
        (CASE WHEN resolve_time IS NULL THEN CONCAT(kind, ':', subject_type, ':', subject_id) END) STORED AFTER resolution,
        ADD UNIQUE KEY ${key} (open_key)`,
      );
    },
  },
  {
    what: 'everybody may delete from the log',
    check: 'privileges-too-wide',
    tables: [],
    plant: async ({ rows }) => {
      await rows('GRANT DELETE ON quota_logs TO PUBLIC');
      return { account: 'PUBLIC@', right: 'DELETE quota_logs' };
    },
    undo: async ({ rows }) => {
      await rows('REVOKE DELETE ON quota_logs FROM PUBLIC');
    },
  },
  {
    what: 'the serving account may delete from the log',
    check: 'privileges-too-wide',
    tables: [],
    plant: async ({ rows }) => {
      await rows(`GRANT DELETE ON quota_logs TO '${app.user}'@'%'`);
      return { account: `${app.user}@%`, right: 'DELETE quota_logs' };
    },
    undo: async ({ rows }) => {
      await rows(`REVOKE DELETE ON quota_logs FROM '${app.user}'@'%'`);
    },
  },
  {
    what: 'the serving account may change what was paid',
    check: 'privileges-too-wide',
    tables: [],
    plant: async ({ rows }) => {
      await rows(`GRANT UPDATE (amount) ON payments TO '${app.user}'@'%'`);
      return { account: `${app.user}@%`, right: 'UPDATE payments.amount' };
    },
    undo: async ({ rows }) => {
      await rows(`REVOKE UPDATE (amount) ON payments FROM '${app.user}'@'%'`);
    },
  },
  {
    what: 'the reporting account may write',
    check: 'privileges-too-wide',
    tables: [],
    plant: async ({ rows }) => {
      await rows(`GRANT INSERT ON orders TO '${report.user}'@'%'`);
      return { account: `${report.user}@%`, right: 'INSERT orders' };
    },
    undo: async ({ rows }) => {
      await rows(`REVOKE INSERT ON orders FROM '${report.user}'@'%'`);
    },
  },
  {
    what: 'the migrating account may delete from every table',
    check: 'privileges-too-wide',
    tables: [],
    plant: async ({ rows }) => {
      await rows(`GRANT DELETE ON * TO '${migrate.user}'@'%'`);
      return { account: `${migrate.user}@%`, right: 'DELETE on every table' };
    },
    undo: async ({ rows }) => {
      await rows(`REVOKE DELETE ON * FROM '${migrate.user}'@'%'`);
    },
  },
  {
    what: 'the procedure that shows triggers is replaced by a list of what should be there',
    check: 'schema-routines',
    tables: [],
    plant: async ({ rows, one }) => {
      kept = String((await one('SHOW CREATE PROCEDURE review_triggers'))['Create Procedure']);
      await rows('DROP PROCEDURE review_triggers');
      await rows(`CREATE DEFINER = '${migrate.user}'@'%' PROCEDURE review_triggers() READS SQL DATA
        SELECT 'users_frozen' AS name, 'users' AS table_name, 'BEFORE' AS timing, 'UPDATE' AS event, '' AS body`);
      return { routine: 'review_triggers', problem: 'changed' };
    },
    undo: async ({ rows }) => {
      await rows('DROP PROCEDURE review_triggers');
      await rows(kept);
      for (const { user } of [app, report]) await rows(`GRANT EXECUTE ON PROCEDURE review_triggers TO '${user}'@'%'`);
    },
  },
  {
    what: 'a procedure runs with the rights of somebody else',
    check: 'schema-routines',
    tables: [],
    plant: async ({ rows, one }) => {
      kept = String((await one('SHOW CREATE PROCEDURE review_checks'))['Create Procedure']);
      await rows('DROP PROCEDURE review_checks');
      await rows(kept.replace(`\`${migrate.user}\``, '`root`').replace('`%`', '`localhost`'));
      return { routine: 'review_checks', problem: 'runs with the rights of root' };
    },
    undo: async ({ rows }) => {
      await rows('DROP PROCEDURE review_checks');
      await rows(kept);
      for (const { user } of [app, report]) await rows(`GRANT EXECUTE ON PROCEDURE review_checks TO '${user}'@'%'`);
    },
  },
  {
    what: 'a function is there that nobody reviewed',
    check: 'schema-routines',
    tables: [],
    plant: async ({ rows }) => {
      await rows('CREATE FUNCTION gift() RETURNS INT DETERMINISTIC RETURN 1');
      return { routine: 'gift', type: 'FUNCTION', problem: 'not in the reviewed schema' };
    },
    undo: async ({ rows }) => {
      await rows('DROP FUNCTION gift');
    },
  },
  {
    what: 'an event edits balances while nobody is connected',
    check: 'schema-routines',
    tables: [],
    plant: async ({ rows }) => {
      await rows(
        'CREATE EVENT edit_balances ON SCHEDULE EVERY 1 DAY DISABLE DO UPDATE users SET quota_remaining = quota_remaining + 1',
      );
      return { event: 'edit_balances', problem: 'not in the reviewed schema' };
    },
    undo: async ({ rows }) => {
      await rows('DROP EVENT edit_balances');
    },
  },
  {
    what: 'a case is open of which nobody knows the end',
    check: 'settlement-cases-open',
    tables: ['quota_charges', 'settlement_cases'],
    plant: async ({ one, change }) => {
      const charge = await one(
        "SELECT user_id, sequence, task_id, kind, units FROM quota_charges WHERE task_id <> '' AND kind = 'consume'",
      );
      const { user_id: userId, sequence, task_id: taskId, kind, units } = charge;
      await change(
        "UPDATE quota_charges SET state = 'open', returned = 0, due_time = '2099-01-01', settle_deadline = '2099-01-01' WHERE user_id = ? AND sequence = ?",
        [userId, sequence],
      );
      await change(
        "INSERT INTO settlement_cases (user_id, sequence, task_id, kind, units, reason, open_time) VALUES (?, ?, ?, ?, ?, 'unknown', '2026-01-01')",
        [userId, sequence, taskId, kind, units],
      );
      return { user_id: String(userId), sequence: Number(sequence), task_id: String(taskId) };
    },
  },
  {
    what: 'a refund is abnormal',
    check: 'refunds-stuck',
    tables: ['refunds'],
    plant: async ({ one, change }) => {
      const refund = await one("SELECT id FROM refunds WHERE status = 'processing'");
      await change("UPDATE refunds SET status = 'abnormal' WHERE id = ?", [refund['id']]);
      return { refund_id: String(refund['id']), status: 'abnormal' };
    },
  },
  {
    what: 'a refund should have been asked about long ago',
    check: 'work-overdue',
    tables: ['refunds'],
    plant: async ({ one, change }) => {
      const refund = await one("SELECT id FROM refunds WHERE status = 'processing'");
      await change("UPDATE refunds SET next_attempt_time = '2026-01-01' WHERE id = ?", [refund['id']]);
      return { what: 'refund', subject: String(refund['id']) };
    },
  },
  {
    what: 'an erasure that was approved is not carried out',
    check: 'work-overdue',
    tables: ['user_erasures'],
    plant: async ({ one, change }) => {
      const erasure = await one('SELECT id FROM user_erasures WHERE next_run_time IS NOT NULL');
      await change("UPDATE user_erasures SET next_run_time = '2026-01-01' WHERE id = ?", [erasure['id']]);
      return { what: 'erasure', subject: String(erasure['id']) };
    },
  },
  {
    what: 'a user is not told of the end of a membership',
    check: 'work-overdue',
    tables: ['membership_notices'],
    plant: async ({ one, change }) => {
      const notice = await one('SELECT user_id FROM membership_notices WHERE next_time IS NOT NULL');
      await change("UPDATE membership_notices SET next_time = '2026-01-01' WHERE user_id = ?", [notice['user_id']]);
      return { what: 'membership notice', subject: String(notice['user_id']) };
    },
  },
  {
    what: 'an event waits for its sink, and nobody tries to deliver it',
    check: 'work-overdue',
    tables: ['event_deliveries'],
    plant: async ({ change }) => {
      await change(
        `INSERT INTO event_deliveries (sink, event_id, outbox_id, user_id, type, state, attempts, next_attempt_time, create_time)
        VALUES ('mail', 'an-event', 1, 'a-user', 'order.paid', 'pending', 0, '2026-01-01', '2026-01-01')`,
      );
      return { what: 'event delivery', subject: 'mail an-event' };
    },
  },
  {
    what: 'a critical alert is open',
    check: 'critical-alerts-open',
    tables: ['alerts'],
    plant: async ({ change }) => {
      await change(
        `INSERT INTO alerts (id, kind, severity, subject_type, subject_id, details, open_time, last_time)
        VALUES ('alert', 'payment_mismatch', 'critical', 'order', 'an-order', '{}', '2026-01-01', '2026-01-01')`,
      );
      return { alert_id: 'alert', kind: 'payment_mismatch' };
    },
  },
  {
    what: 'a job failed for the last time',
    check: 'dead-letters-open',
    tables: ['job_dead_letters'],
    plant: async ({ change }) => {
      await change(
        `INSERT INTO job_dead_letters (id, job, subject, state, error, attempts, first_time, last_time)
        VALUES ('letter', 'settle-due-charges', 'a-user', 'open', 'it failed', 8, '2026-01-01', '2026-01-01')`,
      );
      return { dead_letter_id: 'letter', job: 'settle-due-charges' };
    },
  },
];

const LONG_AGO = new Date('2020-01-01T00:00:00.000Z');

/** What is wrong around the database. */
export const FACT_FAULTS: readonly FactFault[] = [
  {
    what: 'nobody tested the build that runs',
    check: 'claims-untested',
    facts: { build: { version: '0.6.1', commit: 'c0ffee' } },
    evidence: { version: '0.6.1', problem: 'the result is of another build', tested_version: '0.6.0' },
  },
  {
    what: 'the leaves of the anchors are gone',
    check: 'anchor-contradicted',
    facts: { anchors: { dir: '/nowhere', files: [] } },
    evidence: { anchor: 2, subject: 'anchor 2' },
  },
  {
    what: 'nobody knows who signed the anchors of the database',
    check: 'anchor-contradicted',
    facts: { publicKeys: [createSigner(auditSigningKey).publicKeyPem] },
    evidence: { anchor: null, subject: 'anchor 2', problem: 'is signed by a key that the review does not know' },
  },
  {
    what: 'nobody can read the newest anchor outside of the database',
    check: 'anchor-lost',
    facts: { anchors: { dir: '/nowhere', files: ['anchor-00000003-20260131T160000000Z.json'] } },
    evidence: { anchor: null, subject: 'anchor-00000003-20260131T160000000Z.json', problem: 'is not as it was signed' },
  },
  {
    what: 'the newest anchor is said to be handed out, and its file was never written',
    check: 'anchors-kept-inside',
    facts: { anchors: { dir: '/nowhere', files: [] } },
    evidence: { number: 2, problem: 'is said to be handed out, and its file is not there or can not be read' },
  },
  {
    what: 'the last backup is old',
    check: 'backup-late',
    facts: { backup: { lastFullTime: LONG_AGO, lastLogTime: LONG_AGO, lastDrill: undefined } },
    evidence: { what: 'full backup', last_time: LONG_AGO.toISOString() },
  },
  {
    what: 'the stream that runs continues no full backup',
    check: 'backup-late',
    facts: {
      backup: { lastFullTime: LONG_AGO, lastLogTime: LONG_AGO, looseStream: 'a-stream', lastDrill: undefined },
    },
    evidence: { what: 'binary log', problem: 'the newest stream continues no full backup', stream: 'a-stream' },
  },
  {
    what: 'somebody altered a backup',
    check: 'backup-altered',
    facts: { backup: undefined, backupFault: 'a manifest is not as it was signed' },
    evidence: { problem: 'a manifest is not as it was signed' },
  },
  {
    what: 'the last restore drill found faults',
    check: 'restore-drill-late',
    facts: { backup: { lastFullTime: LONG_AGO, lastLogTime: LONG_AGO, lastDrill: { time: LONG_AGO, isClean: false } } },
    evidence: { problem: 'the last drill found faults' },
  },
];
