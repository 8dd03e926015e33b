import type { Knex } from 'knex';
import { hasCheck } from './schema-facts';
import { afterInsert, refuseInsertWhen, refuseRowDelete, refuseUpdateWhen } from './triggers';

/**
 * Gift campaigns (活动赠送), and their lots. What a campaign gives is agreed to by two people before it gives anything, and
 * frozen from then on. Each lot counts itself on its campaign, by a trigger: no account that serves may write the count, so
 * that nothing is given beside it, and the budget bounds it.
 *
 * And what the other sources stand on is asked for more strictly: a registration lot is the first row of the log of a user
 * who is made at that instant; a compensation names the row that gave the units back and the expired lot they came from.
 */
export async function up(knex: Knex): Promise<void> {
  await createCampaigns(knex);
  await guardCampaigns(knex);
  await letLotsBeGifts(knex);
  await guardOtherSources(knex);
}

async function createCampaigns(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS gift_campaigns (
      id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      name VARCHAR(64) NOT NULL,
      status VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      units BIGINT NOT NULL,
      valid_days INT NOT NULL,
      budget_units BIGINT NOT NULL,
      granted_units BIGINT NOT NULL,
      start_time DATETIME(3) NULL,
      end_time DATETIME(3) NOT NULL,
      created_by VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      editors TEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      revision BIGINT NOT NULL,
      approved_by VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NULL,
      approve_time DATETIME(3) NULL,
      create_time DATETIME(3) NOT NULL,
      PRIMARY KEY (id),
      KEY gift_campaigns_by_status (status, id),
      CONSTRAINT gift_campaigns_status_known CHECK (status IN ('draft', 'active', 'paused', 'ended')),
      CONSTRAINT gift_campaigns_terms CHECK (units > 0 AND valid_days > 0 AND budget_units >= units),
      CONSTRAINT gift_campaigns_budget CHECK (granted_units >= 0 AND granted_units <= budget_units),
      CONSTRAINT gift_campaigns_window CHECK (start_time IS NULL OR start_time < end_time),
      CONSTRAINT gift_campaigns_editors_json CHECK (JSON_VALID(editors)),
      CONSTRAINT gift_campaigns_approved CHECK ((status = 'draft') = (approved_by IS NULL)
        AND (approved_by IS NULL) = (approve_time IS NULL))
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
}

/** The person behind an identity, as the end of an entry of the list of editors. */
const APPROVER_IN_LIST = "CONCAT('/', SUBSTRING_INDEX(NEW.approved_by, '/', -1), '\"')";

async function guardCampaigns(knex: Knex): Promise<void> {
  await refuseInsertWhen(knex, 'gift_campaigns', {
    name: 'born_draft',
    condition: `NEW.status <> 'draft' OR NEW.granted_units <> 0 OR NEW.revision <> 1
      OR NEW.editors <> CONCAT('["', NEW.created_by, '"]')`,
    message: 'a campaign is born a draft that its creator made',
  });
  await refuseUpdateWhen(knex, 'gift_campaigns', {
    name: 'identity_frozen',
    condition: `OLD.id <> NEW.id OR OLD.created_by <> NEW.created_by OR OLD.create_time <> NEW.create_time
      OR NEW.revision < OLD.revision OR (OLD.approved_by IS NOT NULL
        AND (NOT (OLD.approved_by <=> NEW.approved_by) OR NOT (OLD.approve_time <=> NEW.approve_time)))`,
    message: 'identity and approval are frozen',
  });
  await refuseUpdateWhen(knex, 'gift_campaigns', {
    name: 'terms_frozen',
    condition: `(OLD.status <> 'draft' OR NEW.status <> 'draft') AND (NOT (OLD.name <=> NEW.name) OR OLD.units <> NEW.units
      OR OLD.valid_days <> NEW.valid_days OR OLD.budget_units <> NEW.budget_units
      OR NOT (OLD.start_time <=> NEW.start_time) OR OLD.end_time <> NEW.end_time
      OR OLD.editors <> NEW.editors OR OLD.revision <> NEW.revision)`,
    message: 'what was agreed to is frozen',
  });
  // Whoever edited stays on the list: it only grows, at its end, and every edit has a revision of its own.
  await refuseUpdateWhen(knex, 'gift_campaigns', {
    name: 'editors_stay',
    condition: `(OLD.editors <> NEW.editors AND LEFT(NEW.editors, CHAR_LENGTH(OLD.editors)) <>
        CONCAT(LEFT(OLD.editors, CHAR_LENGTH(OLD.editors) - 1), ','))
      OR (NEW.revision = OLD.revision AND (OLD.name <> NEW.name OR OLD.units <> NEW.units
        OR OLD.valid_days <> NEW.valid_days OR OLD.budget_units <> NEW.budget_units
        OR NOT (OLD.start_time <=> NEW.start_time) OR OLD.end_time <> NEW.end_time))`,
    message: 'an edit names its editor and has a revision',
  });
  await refuseUpdateWhen(knex, 'gift_campaigns', {
    name: 'second_person',
    condition: `NEW.approved_by IS NOT NULL AND OLD.approved_by IS NULL
      AND (LOCATE(${APPROVER_IN_LIST}, NEW.editors) > 0 OR NEW.status <> 'active')`,
    message: 'nobody approves what they made',
  });
  await refuseUpdateWhen(knex, 'gift_campaigns', {
    name: 'never_goes_back',
    condition: `OLD.status <> NEW.status AND (OLD.status = 'ended' OR NEW.status = 'draft'
      OR (OLD.status = 'draft' AND NEW.status <> 'active'))`,
    message: 'a campaign never goes back',
  });
  await refuseUpdateWhen(knex, 'gift_campaigns', {
    name: 'counts_gifts',
    condition: `OLD.granted_units <> NEW.granted_units AND (NEW.granted_units <> OLD.granted_units + OLD.units
      OR OLD.status <> 'active' OR NEW.status <> 'active')`,
    message: 'gifts are counted one by one, while the campaign is active',
  });
  await refuseRowDelete(knex, 'gift_campaigns');
}

async function letLotsBeGifts(knex: Knex): Promise<void> {
  await refuseInsertWhen(knex, 'quota_grants', {
    name: 'from_campaign',
    condition: `NEW.source = 'gift' AND NOT EXISTS (
      SELECT 1 FROM gift_campaigns c
      WHERE c.id = NEW.source_ref AND c.status = 'active' AND c.units = NEW.amount
        AND (c.start_time IS NULL OR c.start_time <= NEW.create_time) AND NEW.create_time < c.end_time
        AND NEW.expire_time = DATE_ADD(NEW.create_time, INTERVAL c.valid_days DAY))`,
    message: 'a gift needs its approved campaign',
  });
  await afterInsert(knex, 'quota_grants', {
    name: 'counted_gift',
    condition: "NEW.source = 'gift'",
    then: 'UPDATE gift_campaigns SET granted_units = granted_units + NEW.amount WHERE id = NEW.source_ref',
  });
  if (!(await hasCheck(knex, 'quota_grants', 'quota_grants_sources'))) {
    await knex.raw(`ALTER TABLE quota_grants ADD CONSTRAINT quota_grants_sources
      CHECK (source IN ('registration', 'membership', 'gift', 'compensation'))`);
  }
  if (await hasCheck(knex, 'quota_grants', 'quota_grants_source_known')) {
    await knex.raw('ALTER TABLE quota_grants DROP CONSTRAINT quota_grants_source_known');
  }
}

async function guardOtherSources(knex: Knex): Promise<void> {
  await refuseInsertWhen(knex, 'quota_grants', {
    name: 'at_registration',
    condition: `NEW.source = 'registration' AND (NEW.grant_id <> 1 OR NOT EXISTS (
      SELECT 1 FROM users u WHERE u.id = NEW.user_id AND u.create_time = NEW.create_time))`,
    message: 'a registration lot is the first thing that a user has',
  });
  await refuseInsertWhen(knex, 'quota_grants', {
    name: 'came_back_late',
    condition: `NEW.source = 'compensation' AND NOT EXISTS (
      SELECT 1 FROM quota_logs e
      JOIN quota_logs r ON r.user_id = e.user_id AND r.sequence = CAST(SUBSTRING_INDEX(NEW.source_ref, ':', 1) AS SIGNED)
      JOIN quota_grants g ON g.user_id = e.user_id AND g.grant_id = CAST(SUBSTRING_INDEX(NEW.source_ref, ':', -1) AS SIGNED)
      WHERE e.user_id = NEW.user_id AND e.sequence = NEW.grant_id - 1 AND e.type = 'EXPIRE' AND e.units = NEW.amount
        AND e.lots = CONCAT('[[', g.grant_id, ',-', NEW.amount, ']]')
        AND r.sequence < e.sequence AND r.type IN ('REFUND', 'RELEASE', 'CAPTURE')
        AND g.source <> 'compensation' AND g.expire_time <= NEW.create_time
        AND NEW.source_ref = CONCAT(r.sequence, ':', g.grant_id))`,
    message: 'a compensation replaces units that came back to a lot which had expired',
  });
  await knex.raw('DROP TRIGGER IF EXISTS quota_grants_expired_before');
}
