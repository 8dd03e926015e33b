import type { Knex } from 'knex';
import { hasColumn, hasIndex } from './schema-facts';
import { freezeColumns, refuseInsertWhen, refuseUpdateWhen, setOnInsert } from './triggers';

/**
 * Erasure of a person's data (个人信息删除). Two people agree to it, which the database sees to; while one is running, and
 * for its user alone, may be overwritten what the person can be known by: who paid, what WeChat Pay told of the payer, the
 * fingerprints that a registration named. A sealed value changes by an erasure or a rotation of keys, and by nothing else.
 * No row goes: what chains, sums and unique keys stand on stays.
 */
export async function up(knex: Knex): Promise<void> {
  await createErasures(knex);
  await nameOrdersOfNotifications(knex);
  await guardSealedValues(knex);
  await letIdentitiesBeErased(knex);
  await letContentsBeForgotten(knex);
}

async function createErasures(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE IF NOT EXISTS user_erasures (
      id VARCHAR(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      user_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      reason VARCHAR(256) NOT NULL,
      state VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      requested_by VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
      decided_by VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NULL,
      create_time DATETIME(3) NOT NULL,
      decide_time DATETIME(3) NULL,
      start_time DATETIME(3) NULL,
      end_time DATETIME(3) NULL,
      next_run_time DATETIME(3) NULL,
      runs INT NOT NULL DEFAULT 0,
      payers BIGINT NOT NULL DEFAULT 0,
      notifications BIGINT NOT NULL DEFAULT 0,
      identities BIGINT NOT NULL DEFAULT 0,
      undone VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin
        GENERATED ALWAYS AS (CASE WHEN end_time IS NULL AND state <> 'rejected' THEN user_id END) STORED,
      PRIMARY KEY (id),
      UNIQUE KEY uk_user_erasures_undone (undone),
      KEY user_erasures_by_user (user_id, state),
      KEY user_erasures_by_state (state, id),
      KEY user_erasures_by_next_run (next_run_time),
      CONSTRAINT user_erasures_state CHECK (state IN ('proposed', 'approved', 'running', 'done', 'rejected')),
      CONSTRAINT user_erasures_decided CHECK ((state = 'proposed') = (decided_by IS NULL)
        AND (decided_by IS NULL) = (decide_time IS NULL)),
      CONSTRAINT user_erasures_started CHECK ((state IN ('running', 'done')) = (start_time IS NOT NULL)),
      CONSTRAINT user_erasures_counts CHECK (runs >= 0 AND payers >= 0 AND notifications >= 0 AND identities >= 0)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  await refuseInsertWhen(knex, 'user_erasures', {
    name: 'born_proposed',
    condition: "NEW.state <> 'proposed' OR NEW.end_time IS NOT NULL OR NEW.next_run_time IS NOT NULL",
    message: 'an erasure is proposed first',
  });
  await refuseUpdateWhen(knex, 'user_erasures', {
    name: 'second_person',
    condition: `OLD.state = 'proposed' AND NEW.state <> 'rejected'
      AND SUBSTRING_INDEX(NEW.decided_by, '/', -1) = SUBSTRING_INDEX(OLD.requested_by, '/', -1)`,
    message: 'nobody approves what they proposed',
  });
  await refuseUpdateWhen(knex, 'user_erasures', {
    name: 'moves',
    condition: `OLD.state <> NEW.state AND CONCAT(OLD.state, '>', NEW.state) NOT IN
      ('proposed>approved', 'proposed>rejected', 'approved>running', 'running>done', 'done>running')`,
    message: 'an erasure never goes back',
  });
  await freezeColumns(knex, 'user_erasures', {
    always: ['id', 'user_id', 'reason', 'requested_by', 'create_time'],
    onceSet: ['decided_by', 'decide_time', 'start_time', 'end_time'],
  });
}

/** The order that a stored content names, if it can be one of ours. */
const NAMED_ORDER = (content: string): string => `COALESCE(
  JSON_UNQUOTE(JSON_EXTRACT(${content}, '$.outTradeNo')), JSON_UNQUOTE(JSON_EXTRACT(${content}, '$.refund.outTradeNo')))`;
const orderOf = (content: string): string =>
  `CASE WHEN ${NAMED_ORDER(content)} REGEXP '^[0-9A-Za-z_-]{1,32}$' THEN ${NAMED_ORDER(content)} END`;

const BACKFILL_ROWS = 1_000;

/** A notification is found by the order that it tells of; as the content says, so it is no column to be written. */
async function nameOrdersOfNotifications(knex: Knex): Promise<void> {
  const table = 'wechatpay_notifications';
  if (!(await hasColumn(knex, table, 'order_id'))) {
    await knex.raw(
      `ALTER TABLE ${table} ADD COLUMN order_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL`,
    );
  }
  await setOnInsert(knex, table, {
    name: 'names_order',
    condition: 'TRUE',
    set: `NEW.order_id = ${orderOf('NEW.content')}`,
  });
  if (!(await hasIndex(knex, table, `${table}_by_order`))) {
    await nameOrdersOfBefore(knex);
    await knex.raw(`ALTER TABLE ${table} ADD INDEX ${table}_by_order (order_id)`);
  }
  await refuseUpdateWhen(knex, table, {
    name: 'order_is_named_by_content',
    condition: 'NOT (OLD.order_id <=> NEW.order_id)',
    message: 'the order is taken from the content',
  });
}

async function nameOrdersOfBefore(knex: Knex): Promise<void> {
  const table = 'wechatpay_notifications';
  let after = '';
  for (;;) {
    const next = `SELECT id FROM ${table} WHERE id > ? ORDER BY id LIMIT ${BACKFILL_ROWS}`;
    const [rows] = (await knex.raw(next, [after])) as [readonly { readonly id: string }[]];
    const last = rows.at(-1)?.id;
    if (last === undefined) return;
    await knex.raw(`UPDATE ${table} SET order_id = ${orderOf('content')} WHERE id > ? AND id <= ?`, [after, last]);
    after = last;
  }
}

/** A rotation seals with its own key; an erasure with any, as it does not know of rotations. */
const ROTATED = 'EXISTS (SELECT 1 FROM key_rotations r WHERE r.end_time IS NULL AND r.key_id = NEW.sealed_key)';

async function guardSealedValues(knex: Knex): Promise<void> {
  await refuseUpdateWhen(knex, 'order_payers', {
    name: 'rotated_or_erased',
    condition: `NOT (OLD.sealed_payer <=> NEW.sealed_payer) AND NOT ${ROTATED} AND NOT EXISTS (
      SELECT 1 FROM orders o JOIN user_erasures e ON e.user_id = o.user_id AND e.state = 'running'
      WHERE o.id = OLD.order_id)`,
    message: 'a payer changes by a rotation or an erasure alone',
  });
  await refuseUpdateWhen(knex, 'wechatpay_notification_bodies', {
    name: 'rotated_or_erased',
    condition: `NOT (OLD.sealed_body <=> NEW.sealed_body) AND NOT ${ROTATED} AND NOT EXISTS (
      SELECT 1 FROM wechatpay_notifications n JOIN orders o ON o.id = n.order_id
      JOIN user_erasures e ON e.user_id = o.user_id AND e.state = 'running'
      WHERE n.id = OLD.inbox_id)`,
    message: 'a body changes by a rotation or an erasure alone',
  });
}

const erasing = (user: string): string =>
  `EXISTS (SELECT 1 FROM user_erasures e WHERE e.user_id = ${user} AND e.state = 'running')`;

/**
 * A registration's fingerprints become random; one that had a grant stays, so that it gets no other, but names no user any
 * more: the empty id, which nobody has.
 */
async function letIdentitiesBeErased(knex: Knex): Promise<void> {
  await refuseUpdateWhen(knex, 'user_identities', {
    name: 'erased_alone',
    condition: `OLD.user_id <> NEW.user_id OR OLD.create_time <> NEW.create_time OR NOT ${erasing('OLD.user_id')}`,
    message: 'rows change by an erasure alone',
  });
  await knex.raw('DROP TRIGGER IF EXISTS user_identities_no_update');
  await refuseUpdateWhen(knex, 'granted_identities', {
    name: 'unlinked_alone',
    condition: `OLD.identity_index <> NEW.identity_index OR OLD.create_time <> NEW.create_time
      OR NEW.user_id <> '' OR NOT ${erasing('OLD.user_id')}`,
    message: 'rows change by an erasure alone',
  });
  await knex.raw('DROP TRIGGER IF EXISTS granted_identities_no_update');
}

/**
 * The hash of a request that named a person could be tried against phone numbers or addresses by whoever has the index key;
 * it becomes random, so a repeat of that request is refused instead of recognised.
 */
async function letContentsBeForgotten(knex: Knex): Promise<void> {
  await refuseUpdateWhen(knex, 'request_keys', {
    name: 'forgotten_alone',
    condition: `OLD.owner <> NEW.owner OR OLD.service <> NEW.service OR OLD.request_id <> NEW.request_id
      OR OLD.kind <> NEW.kind OR OLD.response <> NEW.response OR OLD.create_time <> NEW.create_time
      OR OLD.kind NOT IN ('RegisterUser', 'CreateOrder') OR LEFT(OLD.owner, 5) <> 'user:'
      OR NOT ${erasing('SUBSTRING(OLD.owner, 6)')}`,
    message: 'rows change by an erasure alone',
  });
  await knex.raw('DROP TRIGGER IF EXISTS request_keys_no_update');
}
