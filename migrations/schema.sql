-- What all migrations together make. Written by `npm run schema:write`; do not edit.

CREATE TABLE `access_logs` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `actor` varchar(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `role` varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `rpc` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `subject_type` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `subject_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `user_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `create_time` datetime(3) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `access_logs_by_subject` (`subject_type`,`subject_id`,`create_time`,`id`),
  KEY `access_logs_by_kind` (`subject_type`,`create_time`,`id`),
  KEY `access_logs_by_user` (`user_id`,`create_time`,`id`),
  KEY `access_logs_by_actor` (`actor`,`create_time`,`id`),
  KEY `access_logs_by_time` (`create_time`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `alerts` (
  `id` varchar(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `kind` varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `severity` varchar(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `subject_type` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `subject_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `user_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `details` text NOT NULL,
  `occurrences` int(11) NOT NULL DEFAULT 1,
  `open_time` datetime(3) NOT NULL,
  `last_time` datetime(3) NOT NULL,
  `resolve_time` datetime(3) DEFAULT NULL,
  `resolution` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  `open_key` varchar(128) CHARACTER SET ascii COLLATE ascii_bin GENERATED ALWAYS AS (case when `resolve_time` is null then concat(`kind`,':',`subject_type`,':',`subject_id`) end) STORED,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uk_alerts_open` (`open_key`),
  KEY `alerts_by_open` (`resolve_time`,`open_time`),
  KEY `alerts_by_subject` (`subject_type`,`subject_id`),
  CONSTRAINT `alerts_severity_known` CHECK (`severity` in ('warning','critical')),
  CONSTRAINT `alerts_details_json` CHECK (json_valid(`details`)),
  CONSTRAINT `alerts_occurrences` CHECK (`occurrences` > 0),
  CONSTRAINT `alerts_resolution` CHECK (`resolve_time` is null = (`resolution` = ''))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `audit_anchors` (
  `number` bigint(20) NOT NULL,
  `slot` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `hash` binary(32) NOT NULL,
  `previous_hash` binary(32) DEFAULT NULL,
  `root` binary(32) NOT NULL,
  `document` text CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `signature` binary(64) NOT NULL,
  `create_time` datetime(3) NOT NULL,
  `export_time` datetime(3) DEFAULT NULL,
  PRIMARY KEY (`number`),
  UNIQUE KEY `uk_audit_anchors_hash` (`hash`),
  KEY `audit_anchors_by_export` (`export_time`,`number`),
  CONSTRAINT `audit_anchors_number_positive` CHECK (`number` > 0),
  CONSTRAINT `audit_anchors_first` CHECK (`number` = 1 = (`previous_hash` is null)),
  CONSTRAINT `audit_anchors_document_json` CHECK (json_valid(`document`))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `audit_chain` (
  `position` bigint(20) NOT NULL,
  `audit_id` bigint(20) NOT NULL,
  `hash_version` tinyint(4) NOT NULL,
  `hash` binary(32) NOT NULL,
  PRIMARY KEY (`position`),
  UNIQUE KEY `uk_audit_chain_audit` (`audit_id`),
  CONSTRAINT `audit_chain_position` CHECK (`position` > 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `audit_chain_head` (
  `id` tinyint(4) NOT NULL,
  `position` bigint(20) NOT NULL,
  `hash` binary(32) NOT NULL,
  `reached_id` bigint(20) NOT NULL,
  `gaps` mediumtext NOT NULL,
  `born_id` bigint(20) NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `audit_chain_head_one` CHECK (`id` = 1),
  CONSTRAINT `audit_chain_head_numbers` CHECK (`position` >= 0 and `reached_id` >= 0 and `born_id` >= 0),
  CONSTRAINT `audit_chain_head_gaps` CHECK (json_valid(`gaps`))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `audit_logs` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `action` varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `actor` varchar(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `subject_type` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `subject_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `user_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `cause` varchar(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `before_state` text DEFAULT NULL,
  `after_state` text NOT NULL,
  `create_time` datetime(3) NOT NULL,
  `role` varchar(32) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `request` varchar(160) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `audit_logs_by_time` (`create_time`,`id`),
  KEY `audit_logs_by_actor_time` (`actor`,`create_time`,`id`),
  KEY `audit_logs_by_user_time` (`user_id`,`create_time`,`id`),
  KEY `audit_logs_by_subject_time` (`subject_type`,`subject_id`,`create_time`,`id`),
  KEY `audit_logs_by_kind_time` (`subject_type`,`create_time`,`id`),
  CONSTRAINT `audit_logs_before_json` CHECK (`before_state` is null or json_valid(`before_state`)),
  CONSTRAINT `audit_logs_after_json` CHECK (json_valid(`after_state`))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `event_deliveries` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `sink` varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `event_id` varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `outbox_id` bigint(20) NOT NULL,
  `user_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `type` varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `state` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `attempts` int(11) NOT NULL,
  `next_attempt_time` datetime(3) DEFAULT NULL,
  `last_error` varchar(256) NOT NULL DEFAULT '',
  `create_time` datetime(3) NOT NULL,
  `end_time` datetime(3) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `event_deliveries_once` (`sink`,`event_id`),
  KEY `event_deliveries_due` (`state`,`next_attempt_time`),
  KEY `event_deliveries_line` (`sink`,`user_id`,`state`,`id`),
  KEY `event_deliveries_ended` (`end_time`),
  CONSTRAINT `event_deliveries_state` CHECK (`state` in ('pending','delivered','failed')),
  CONSTRAINT `event_deliveries_due_while_pending` CHECK (`state` = 'pending' = (`next_attempt_time` is not null)),
  CONSTRAINT `event_deliveries_ended_else` CHECK (`state` = 'pending' = (`end_time` is null)),
  CONSTRAINT `event_deliveries_attempts` CHECK (`attempts` >= 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `event_relay` (
  `name` varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `owner` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `epoch` bigint(20) NOT NULL,
  `lease_until` datetime(3) NOT NULL,
  `last_batch` bigint(20) NOT NULL,
  PRIMARY KEY (`name`),
  CONSTRAINT `event_relay_numbers` CHECK (`epoch` >= 0 and `last_batch` >= 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `event_replays` (
  `id` varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `requested_by` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `from_event` bigint(20) NOT NULL,
  `from_batch` bigint(20) NOT NULL,
  `to_batch` bigint(20) NOT NULL,
  `state` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `create_time` datetime(3) NOT NULL,
  `start_time` datetime(3) DEFAULT NULL,
  `end_time` datetime(3) DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `event_replays_by_state` (`state`,`create_time`),
  CONSTRAINT `event_replays_state` CHECK (`state` in ('requested','running','done')),
  CONSTRAINT `event_replays_batches` CHECK (`from_batch` > 0 and `to_batch` >= 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `event_sinks` (
  `name` varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `window_start` datetime(3) NOT NULL,
  `window_count` int(11) NOT NULL,
  PRIMARY KEY (`name`),
  CONSTRAINT `event_sinks_count` CHECK (`window_count` >= 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `feature_charges` (
  `user_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `sequence` bigint(20) NOT NULL,
  `feature` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `period_no` int(11) NOT NULL,
  PRIMARY KEY (`user_id`,`sequence`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `feature_usages` (
  `user_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `feature` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `period_no` int(11) NOT NULL,
  `used` bigint(20) NOT NULL,
  PRIMARY KEY (`user_id`,`feature`,`period_no`),
  CONSTRAINT `feature_usages_used` CHECK (`used` >= 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `gift_campaigns` (
  `id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `name` varchar(64) NOT NULL,
  `status` varchar(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `units` bigint(20) NOT NULL,
  `valid_days` int(11) NOT NULL,
  `budget_units` bigint(20) NOT NULL,
  `granted_units` bigint(20) NOT NULL,
  `start_time` datetime(3) DEFAULT NULL,
  `end_time` datetime(3) NOT NULL,
  `created_by` varchar(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `editors` text CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `revision` bigint(20) NOT NULL,
  `approved_by` varchar(128) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `approve_time` datetime(3) DEFAULT NULL,
  `create_time` datetime(3) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `gift_campaigns_by_status` (`status`,`id`),
  CONSTRAINT `gift_campaigns_status_known` CHECK (`status` in ('draft','active','paused','ended')),
  CONSTRAINT `gift_campaigns_terms` CHECK (`units` > 0 and `valid_days` > 0 and `budget_units` >= `units`),
  CONSTRAINT `gift_campaigns_budget` CHECK (`granted_units` >= 0 and `granted_units` <= `budget_units`),
  CONSTRAINT `gift_campaigns_window` CHECK (`start_time` is null or `start_time` < `end_time`),
  CONSTRAINT `gift_campaigns_editors_json` CHECK (json_valid(`editors`)),
  CONSTRAINT `gift_campaigns_approved` CHECK (`status` = 'draft' = (`approved_by` is null) and `approved_by` is null = (`approve_time` is null))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `granted_identities` (
  `identity_index` binary(32) NOT NULL,
  `user_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `create_time` datetime(3) NOT NULL,
  PRIMARY KEY (`identity_index`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `job_dead_letters` (
  `id` varchar(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `job` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `subject` varchar(160) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `state` varchar(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `error` text NOT NULL,
  `attempts` int(11) NOT NULL,
  `first_time` datetime(3) NOT NULL,
  `last_time` datetime(3) NOT NULL,
  `resolve_time` datetime(3) DEFAULT NULL,
  `open_key` varchar(225) CHARACTER SET ascii COLLATE ascii_bin GENERATED ALWAYS AS (case when `resolve_time` is null then concat(`job`,':',`subject`) end) STORED,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uk_job_dead_letters_open` (`open_key`),
  KEY `job_dead_letters_by_job` (`job`,`resolve_time`),
  CONSTRAINT `job_dead_letters_state` CHECK (`state` in ('open','rerun','resolved')),
  CONSTRAINT `job_dead_letters_resolved` CHECK (`state` = 'resolved' = (`resolve_time` is not null)),
  CONSTRAINT `job_dead_letters_attempts` CHECK (`attempts` > 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `job_slots` (
  `job` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `slot` varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `attempts` int(11) NOT NULL,
  `start_time` datetime(3) NOT NULL,
  `lease_time` datetime(3) NOT NULL,
  `end_time` datetime(3) DEFAULT NULL,
  PRIMARY KEY (`job`,`slot`),
  CONSTRAINT `job_slots_attempts` CHECK (`attempts` > 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `key_rotation_columns` (
  `rotation_id` varchar(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `sealed_column` varchar(96) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `after_key` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `after_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `resealed` bigint(20) NOT NULL,
  `unreadable` bigint(20) NOT NULL,
  `next_pass_time` datetime(3) NOT NULL,
  PRIMARY KEY (`rotation_id`,`sealed_column`),
  CONSTRAINT `key_rotation_columns_counts` CHECK (`resealed` >= 0 and `unreadable` >= 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `key_rotations` (
  `id` varchar(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `key_id` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `state` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `requested_by` varchar(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `create_time` datetime(3) NOT NULL,
  `end_time` datetime(3) DEFAULT NULL,
  `running` varchar(8) CHARACTER SET ascii COLLATE ascii_bin GENERATED ALWAYS AS (case when `end_time` is null then 'one' end) STORED,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uk_key_rotations_running` (`running`),
  CONSTRAINT `key_rotations_state` CHECK (`state` in ('running','done','superseded')),
  CONSTRAINT `key_rotations_ended` CHECK (`state` = 'running' = (`end_time` is null))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `membership_notices` (
  `user_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `expire_time` datetime(3) DEFAULT NULL,
  `next_kind` varchar(16) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `next_time` datetime(3) DEFAULT NULL,
  `told_kind` varchar(16) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `told_time` datetime(3) DEFAULT NULL,
  `create_time` datetime(3) NOT NULL,
  PRIMARY KEY (`user_id`),
  KEY `membership_notices_by_next` (`next_time`),
  CONSTRAINT `membership_notices_next` CHECK (`next_kind` is null = (`next_time` is null) and (`next_kind` is null or `next_kind` regexp '^(plan|expired|expiring:[1-9][0-9]{0,2})$')),
  CONSTRAINT `membership_notices_told` CHECK (`told_kind` is null = (`told_time` is null) and (`told_kind` is null or `told_kind` regexp '^(expired|expiring:[1-9][0-9]{0,2})$'))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `membership_periods` (
  `user_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `period_no` int(11) NOT NULL,
  `order_id` varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `plan_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `plan_name` varchar(64) NOT NULL,
  `features` text NOT NULL,
  `quota_units` bigint(20) NOT NULL,
  `period_unit` varchar(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `anchor_time` datetime(3) NOT NULL,
  `anchor_offset` int(11) NOT NULL,
  `start_time` datetime(3) NOT NULL,
  `end_time` datetime(3) NOT NULL,
  `next_grant_time` datetime(3) DEFAULT NULL,
  `create_time` datetime(3) NOT NULL,
  `revoke_time` datetime(3) DEFAULT NULL,
  `revoke_units` bigint(20) NOT NULL DEFAULT 0,
  `grant_unit` varchar(8) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `grant_count` int(11) DEFAULT NULL,
  `feature_limits` text DEFAULT NULL,
  `grace_days` int(11) NOT NULL DEFAULT 0,
  `intervals` int(11) NOT NULL DEFAULT 1,
  `granted_intervals` int(11) NOT NULL DEFAULT 0,
  `replaced_by_order_id` varchar(32) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  PRIMARY KEY (`user_id`,`period_no`),
  UNIQUE KEY `uk_membership_periods_order` (`order_id`),
  KEY `membership_periods_by_next_grant` (`next_grant_time`),
  CONSTRAINT `membership_periods_interval` CHECK (`start_time` < `end_time`),
  CONSTRAINT `membership_periods_features_json` CHECK (json_valid(`features`)),
  CONSTRAINT `membership_periods_intervals` CHECK (`intervals` >= 1 and `granted_intervals` >= 0 and `granted_intervals` <= `intervals` and (`next_grant_time` is null or `granted_intervals` < `intervals`)),
  CONSTRAINT `membership_periods_grant_interval` CHECK (`grant_unit` is null = (`grant_count` is null) and (`grant_unit` is not null or `intervals` = 1)),
  CONSTRAINT `membership_periods_limits_json` CHECK (`feature_limits` is null or json_valid(`feature_limits`)),
  CONSTRAINT `membership_periods_grace` CHECK (`grace_days` >= 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `order_credits` (
  `order_id` varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `credited_order_id` varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `user_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `amount` bigint(20) NOT NULL,
  `units` bigint(20) NOT NULL,
  `refunded_amount` bigint(20) NOT NULL,
  `create_time` datetime(3) NOT NULL,
  PRIMARY KEY (`order_id`,`credited_order_id`),
  KEY `order_credits_by_credited` (`credited_order_id`),
  CONSTRAINT `order_credits_amounts` CHECK (`amount` >= 0 and `units` >= 0 and `refunded_amount` >= 0),
  CONSTRAINT `order_credits_others` CHECK (`order_id` <> `credited_order_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `order_payers` (
  `order_id` varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `sealed_payer` blob NOT NULL,
  `create_time` datetime(3) NOT NULL,
  `sealed_key` varbinary(16) NOT NULL DEFAULT '',
  PRIMARY KEY (`order_id`),
  KEY `order_payers_by_key` (`sealed_key`,`order_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `orders` (
  `id` varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `user_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `status` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `channel` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `plan_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `plan_price_id` bigint(20) NOT NULL,
  `plan_name` varchar(64) NOT NULL,
  `period_unit` varchar(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `period_count` int(11) NOT NULL,
  `quota_units` bigint(20) NOT NULL,
  `features` text NOT NULL,
  `list_amount` bigint(20) NOT NULL,
  `original_amount` bigint(20) NOT NULL,
  `discount_amount` bigint(20) NOT NULL,
  `final_amount` bigint(20) NOT NULL,
  `refunded_amount` bigint(20) NOT NULL DEFAULT 0,
  `currency` char(3) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `tax_rate_basis_points` int(11) NOT NULL,
  `net_amount` bigint(20) NOT NULL,
  `tax_amount` bigint(20) NOT NULL,
  `coupon_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `notify_url` varchar(255) NOT NULL,
  `transaction_id` varchar(32) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `create_time` datetime(3) NOT NULL,
  `expire_time` datetime(3) NOT NULL,
  `paid_time` datetime(3) DEFAULT NULL,
  `apply_time` datetime(3) DEFAULT NULL,
  `close_reason` varchar(16) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `closing_time` datetime(3) DEFAULT NULL,
  `prepay_deadline` datetime(3) DEFAULT NULL,
  `next_check_time` datetime(3) DEFAULT NULL,
  `check_attempts` int(11) NOT NULL DEFAULT 0,
  `invoice_reference` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `grant_unit` varchar(8) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `grant_count` int(11) DEFAULT NULL,
  `feature_limits` text DEFAULT NULL,
  `grace_days` int(11) NOT NULL DEFAULT 0,
  `kind` varchar(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'purchase',
  `credit_amount` bigint(20) NOT NULL DEFAULT 0,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uk_orders_transaction` (`transaction_id`),
  KEY `orders_by_user` (`user_id`,`id`),
  KEY `orders_by_user_status` (`user_id`,`status`,`id`),
  KEY `orders_by_next_check` (`next_check_time`),
  CONSTRAINT `orders_status_known` CHECK (`status` in ('created','pending','closing','paid','closed','failed','refunded')),
  CONSTRAINT `orders_channel_known` CHECK (`channel` in ('native','jsapi','h5','app')),
  CONSTRAINT `orders_features_json` CHECK (json_valid(`features`)),
  CONSTRAINT `orders_currency_known` CHECK (`currency` = 'CNY'),
  CONSTRAINT `orders_amounts` CHECK (`discount_amount` >= 0 and `final_amount` >= 0 and `quota_units` >= 0 and `final_amount` = `original_amount` - `discount_amount` and `original_amount` <= `list_amount`),
  CONSTRAINT `orders_tax` CHECK (`net_amount` >= 0 and `tax_amount` >= 0 and `net_amount` + `tax_amount` = `final_amount`),
  CONSTRAINT `orders_refunded` CHECK (`refunded_amount` >= 0 and `refunded_amount` <= `final_amount`),
  CONSTRAINT `orders_paid_complete` CHECK (`status` not in ('paid','refunded') or `paid_time` is not null and `apply_time` is not null),
  CONSTRAINT `orders_period_units` CHECK (`period_unit` in ('day','month','quarter','year') and `period_count` > 0),
  CONSTRAINT `orders_grant_interval` CHECK (`grant_unit` is null and `grant_count` is null or `grant_unit` is not null and `grant_count` is not null and `grant_count` > 0 and `grant_unit` in ('day','month','quarter','year') and `grant_unit` = 'day' = (`period_unit` = 'day') and `period_count` * case `period_unit` when 'quarter' then 3 when 'year' then 12 else 1 end MOD (`grant_count` * case `grant_unit` when 'quarter' then 3 when 'year' then 12 else 1 end) = 0),
  CONSTRAINT `orders_limits_json` CHECK (`feature_limits` is null or json_valid(`feature_limits`)),
  CONSTRAINT `orders_grace` CHECK (`grace_days` >= 0),
  CONSTRAINT `orders_kind_known` CHECK (`kind` in ('purchase','upgrade')),
  CONSTRAINT `orders_credit` CHECK (`credit_amount` >= 0 and `original_amount` + `credit_amount` <= `list_amount` and (`kind` = 'upgrade' or `credit_amount` = 0) and (`kind` <> 'upgrade' or `original_amount` > 0))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `outbox` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `type` varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `user_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `payload` mediumtext NOT NULL,
  `create_time` datetime(3) NOT NULL,
  `batch_no` bigint(20) DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `outbox_by_batch` (`batch_no`,`id`),
  CONSTRAINT `outbox_payload_json` CHECK (json_valid(`payload`)),
  CONSTRAINT `outbox_batch` CHECK (`batch_no` > 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `payments` (
  `id` varchar(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `order_id` varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `user_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `method` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `status` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `transaction_id` varchar(32) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `amount` bigint(20) NOT NULL,
  `payer_total` bigint(20) DEFAULT NULL,
  `currency` char(3) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `trade_type` varchar(32) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `success_time` datetime(3) NOT NULL,
  `create_time` datetime(3) NOT NULL,
  `applied_order_id` varchar(32) CHARACTER SET ascii COLLATE ascii_bin GENERATED ALWAYS AS (case when `status` = 'applied' then `order_id` end) STORED,
  `provider_discounts` text DEFAULT NULL CHECK (`provider_discounts` is null or json_valid(`provider_discounts`)),
  `bank_type` varchar(32) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uk_payments_transaction` (`transaction_id`),
  UNIQUE KEY `uk_payments_applied_order` (`applied_order_id`),
  KEY `payments_by_order` (`order_id`,`status`),
  CONSTRAINT `payments_method_known` CHECK (`method` in ('wechatpay','none')),
  CONSTRAINT `payments_transaction` CHECK (`method` = 'wechatpay' = (`transaction_id` is not null)),
  CONSTRAINT `payments_none_is_free` CHECK (`method` <> 'none' or `amount` = 0),
  CONSTRAINT `payments_status_known` CHECK (`status` in ('applied','received','refunding','refunded')),
  CONSTRAINT `payments_amounts` CHECK (`amount` >= 0 and (`payer_total` is null or `payer_total` >= 0)),
  CONSTRAINT `payments_currency_known` CHECK (`currency` = 'CNY')
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `plan_prices` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `plan_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `list_price` bigint(20) NOT NULL,
  `price` bigint(20) NOT NULL,
  `currency` char(3) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `period_unit` varchar(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `period_count` int(11) NOT NULL,
  `quota_units` bigint(20) NOT NULL,
  `features` text NOT NULL,
  `tax_rate_basis_points` int(11) NOT NULL,
  `valid_from` datetime(3) NOT NULL,
  `valid_to` datetime(3) DEFAULT NULL,
  `create_time` datetime(3) NOT NULL,
  `grant_unit` varchar(8) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `grant_count` int(11) DEFAULT NULL,
  `feature_limits` text DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uk_plan_valid_from` (`plan_id`,`valid_from`),
  CONSTRAINT `plan_prices_amounts` CHECK (`price` >= 0 and `price` <= `list_price`),
  CONSTRAINT `plan_prices_currency_known` CHECK (`currency` = 'CNY'),
  CONSTRAINT `plan_prices_quota_not_negative` CHECK (`quota_units` >= 0),
  CONSTRAINT `plan_prices_tax_rate` CHECK (`tax_rate_basis_points` >= 0 and `tax_rate_basis_points` < 10000),
  CONSTRAINT `plan_prices_features_json` CHECK (json_valid(`features`)),
  CONSTRAINT `plan_prices_validity` CHECK (`valid_to` is null or `valid_to` > `valid_from`),
  CONSTRAINT `plan_prices_period_units` CHECK (`period_unit` in ('day','month','quarter','year') and `period_count` > 0),
  CONSTRAINT `plan_prices_grant_interval` CHECK (`grant_unit` is null and `grant_count` is null or `grant_unit` is not null and `grant_count` is not null and `grant_count` > 0 and `grant_unit` in ('day','month','quarter','year') and `grant_unit` = 'day' = (`period_unit` = 'day') and `period_count` * case `period_unit` when 'quarter' then 3 when 'year' then 12 else 1 end MOD (`grant_count` * case `grant_unit` when 'quarter' then 3 when 'year' then 12 else 1 end) = 0),
  CONSTRAINT `plan_prices_limits_json` CHECK (`feature_limits` is null or json_valid(`feature_limits`))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `plans` (
  `id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `name` varchar(64) NOT NULL,
  `kind` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `status` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `create_time` datetime(3) NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `plans_kind_known` CHECK (`kind` in ('sale','basic')),
  CONSTRAINT `plans_status_known` CHECK (`status` in ('active','retired'))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `promotions` (
  `id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `name` varchar(64) NOT NULL,
  `status` varchar(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `discount_type` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `discount_value` bigint(20) NOT NULL,
  `max_discount` bigint(20) NOT NULL,
  `min_order_amount` bigint(20) NOT NULL,
  `plan_ids` text CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `new_users_only` tinyint(4) NOT NULL,
  `may_be_free` tinyint(4) NOT NULL,
  `returned_on_refund` tinyint(4) NOT NULL,
  `total_quota` bigint(20) NOT NULL,
  `claimed_count` bigint(20) NOT NULL,
  `budget` bigint(20) NOT NULL,
  `budget_used` bigint(20) NOT NULL,
  `claim_start_time` datetime(3) DEFAULT NULL,
  `claim_end_time` datetime(3) DEFAULT NULL,
  `coupon_expire_time` datetime(3) DEFAULT NULL,
  `coupon_valid_days` int(11) NOT NULL,
  `created_by` varchar(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `editors` text CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `revision` bigint(20) NOT NULL,
  `create_time` datetime(3) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `promotions_by_status` (`status`,`id`),
  CONSTRAINT `promotions_status_known` CHECK (`status` in ('draft','active','paused','ended')),
  CONSTRAINT `promotions_discount` CHECK (`discount_value` > 0 and `max_discount` >= 0 and `min_order_amount` >= 0 and (`discount_type` = 'fixed_amount' or `discount_type` = 'percentage' and `discount_value` <= 100)),
  CONSTRAINT `promotions_plans_json` CHECK (json_valid(`plan_ids`)),
  CONSTRAINT `promotions_editors_json` CHECK (json_valid(`editors`)),
  CONSTRAINT `promotions_stock` CHECK (`total_quota` > 0 and `claimed_count` >= 0 and `claimed_count` <= `total_quota`),
  CONSTRAINT `promotions_budget` CHECK (`budget` >= 0 and `budget_used` >= 0 and `budget_used` <= `budget`),
  CONSTRAINT `promotions_window` CHECK (`claim_start_time` is null or `claim_end_time` is null or `claim_start_time` < `claim_end_time`),
  CONSTRAINT `promotions_validity` CHECK (`coupon_expire_time` is null = (`coupon_valid_days` > 0))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `quota_charges` (
  `user_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `task_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `sequence` bigint(20) NOT NULL,
  `kind` varchar(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `units` bigint(20) NOT NULL,
  `returned` bigint(20) NOT NULL DEFAULT 0,
  `state` varchar(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `settle_deadline` datetime(3) DEFAULT NULL,
  `case_deadline` datetime(3) DEFAULT NULL,
  `grace_days` int(11) NOT NULL,
  `due_time` datetime(3) DEFAULT NULL,
  `late_returns` text CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  PRIMARY KEY (`user_id`,`task_id`,`sequence`),
  KEY `quota_charges_by_due_time` (`due_time`),
  CONSTRAINT `quota_charges_kind_known` CHECK (`kind` in ('consume','hold')),
  CONSTRAINT `quota_charges_state_known` CHECK (`state` in ('open','settled','released')),
  CONSTRAINT `quota_charges_units` CHECK (`units` > 0 and `returned` >= 0 and `returned` <= `units`),
  CONSTRAINT `quota_charges_open_hold_is_whole` CHECK (`kind` = 'consume' or `state` <> 'open' or `returned` = 0),
  CONSTRAINT `quota_charges_released_is_whole` CHECK (`state` <> 'released' or `kind` = 'hold' and `returned` = `units`),
  CONSTRAINT `quota_charges_settled_is_not_due` CHECK (`state` = 'open' or `due_time` is null),
  CONSTRAINT `quota_charges_late_returns_json` CHECK (`late_returns` is null or json_valid(`late_returns`))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `quota_grants` (
  `user_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `grant_id` bigint(20) NOT NULL,
  `source` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `source_ref` varchar(96) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `order_id` varchar(32) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `amount` bigint(20) NOT NULL,
  `remaining` bigint(20) NOT NULL,
  `held` bigint(20) NOT NULL DEFAULT 0,
  `expire_time` datetime(3) DEFAULT NULL,
  `create_time` datetime(3) NOT NULL,
  `revoke_time` datetime(3) DEFAULT NULL,
  PRIMARY KEY (`user_id`,`grant_id`),
  UNIQUE KEY `uk_grant_source` (`user_id`,`source`,`source_ref`),
  CONSTRAINT `quota_grants_order` CHECK (`source` = 'membership' = (`order_id` is not null)),
  CONSTRAINT `quota_grants_registration_once` CHECK (`source` <> 'registration' or `source_ref` = 'registration'),
  CONSTRAINT `quota_grants_amounts` CHECK (`amount` > 0 and `remaining` >= 0 and `held` >= 0 and `remaining` + `held` <= `amount`),
  CONSTRAINT `quota_grants_membership_interval` CHECK (`source` <> 'membership' or substring_index(`source_ref`,':',1) = `order_id`),
  CONSTRAINT `quota_grants_sources` CHECK (`source` in ('registration','membership','gift','compensation'))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `quota_logs` (
  `user_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `sequence` bigint(20) NOT NULL,
  `origin` varchar(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `request_id` varchar(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `request_hash` binary(32) NOT NULL,
  `type` varchar(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `amount` bigint(20) NOT NULL,
  `units` bigint(20) NOT NULL,
  `quota_remaining` bigint(20) NOT NULL,
  `lots` text CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `consume_sequence` bigint(20) DEFAULT NULL,
  `task_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `task_type` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `description` varchar(256) NOT NULL,
  `actor` varchar(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `create_time` datetime(3) NOT NULL,
  `hash_version` smallint(6) NOT NULL,
  `hash` binary(32) NOT NULL,
  PRIMARY KEY (`user_id`,`sequence`),
  UNIQUE KEY `uk_quota_logs_request` (`user_id`,`origin`,`request_id`),
  KEY `quota_logs_by_type` (`user_id`,`type`,`sequence`),
  CONSTRAINT `quota_logs_origin_known` CHECK (`origin` in ('caller','system')),
  CONSTRAINT `quota_logs_type_known` CHECK (`type` in ('GRANT','CONSUME','REFUND','HOLD','CAPTURE','RELEASE','EXPIRE','REVOKE')),
  CONSTRAINT `quota_logs_sign` CHECK (case when `type` in ('GRANT','REFUND','RELEASE') then `amount` = `units` when `type` in ('CONSUME','HOLD','EXPIRE','REVOKE') then `amount` = -`units` else `amount` >= 0 end),
  CONSTRAINT `quota_logs_lots_json` CHECK (json_valid(`lots`)),
  CONSTRAINT `quota_logs_balance_not_negative` CHECK (`quota_remaining` >= 0),
  CONSTRAINT `quota_logs_units_positive` CHECK (`units` > 0),
  CONSTRAINT `quota_logs_names_charge` CHECK (`type` in ('REFUND','CAPTURE','RELEASE') = (`consume_sequence` is not null))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `quota_task_outcomes` (
  `user_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `request_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `request_hash` binary(32) NOT NULL,
  `task_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `outcome` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `charges_settled` int(11) NOT NULL,
  `first_sequence` bigint(20) DEFAULT NULL,
  `last_sequence` bigint(20) DEFAULT NULL,
  `quota_remaining` bigint(20) NOT NULL,
  `actor` varchar(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `create_time` datetime(3) NOT NULL,
  PRIMARY KEY (`user_id`,`request_id`),
  CONSTRAINT `quota_task_outcomes_outcome_known` CHECK (`outcome` in ('SUCCEEDED','FAILED')),
  CONSTRAINT `quota_task_outcomes_rows` CHECK (`first_sequence` is null = (`last_sequence` is null) and (`first_sequence` is null or `first_sequence` <= `last_sequence`)),
  CONSTRAINT `quota_task_outcomes_amounts` CHECK (`charges_settled` >= 0 and `quota_remaining` >= 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `refund_alone_days` (
  `person` varchar(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `business_day` date NOT NULL,
  `amount` bigint(20) NOT NULL,
  PRIMARY KEY (`person`,`business_day`),
  CONSTRAINT `refund_alone_days_amount` CHECK (`amount` >= 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `refunds` (
  `id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `order_id` varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `user_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `payment_id` varchar(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `transaction_id` varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `cause` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `amount` bigint(20) NOT NULL,
  `total` bigint(20) NOT NULL,
  `currency` char(3) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `reason` varchar(80) NOT NULL,
  `requested_by` varchar(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `notify_url` varchar(255) NOT NULL,
  `replaces` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `frozen_units` bigint(20) NOT NULL DEFAULT 0,
  `freeze_sequence` bigint(20) DEFAULT NULL,
  `paused_grant_time` datetime(3) DEFAULT NULL,
  `status` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `refund_id` varchar(32) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `attempts` int(11) NOT NULL DEFAULT 0,
  `next_attempt_time` datetime(3) DEFAULT NULL,
  `create_time` datetime(3) NOT NULL,
  `success_time` datetime(3) DEFAULT NULL,
  `apply_time` datetime(3) DEFAULT NULL,
  `approve_deadline` datetime(3) DEFAULT NULL,
  `decision` varchar(8) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `decided_by` varchar(128) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `decide_time` datetime(3) DEFAULT NULL,
  `decision_reason` varchar(256) NOT NULL DEFAULT '',
  PRIMARY KEY (`id`),
  UNIQUE KEY `uk_refunds_refund_id` (`refund_id`),
  UNIQUE KEY `uk_refunds_replaces` (`replaces`),
  KEY `refunds_by_order` (`order_id`,`create_time`),
  KEY `refunds_by_payment` (`payment_id`,`status`),
  KEY `refunds_by_next_attempt` (`next_attempt_time`),
  KEY `refunds_by_deadline` (`status`,`approve_deadline`),
  CONSTRAINT `refunds_cause_known` CHECK (`cause` in ('requested','automatic','external')),
  CONSTRAINT `refunds_amounts` CHECK (`amount` > 0 and `amount` <= `total` and `frozen_units` >= 0),
  CONSTRAINT `refunds_freeze` CHECK (`freeze_sequence` is null = (`frozen_units` = 0)),
  CONSTRAINT `refunds_currency_known` CHECK (`currency` = 'CNY'),
  CONSTRAINT `refunds_success` CHECK (`status` <> 'succeeded' or `refund_id` is not null and `success_time` is not null and `apply_time` is not null),
  CONSTRAINT `refunds_statuses` CHECK (`status` in ('proposed','created','processing','succeeded','closed','abnormal','failed')),
  CONSTRAINT `refunds_decision_known` CHECK (coalesce(`decision`,'approved') in ('approved','rejected','expired')),
  CONSTRAINT `refunds_decision_whole` CHECK (`decision` is null = (`decided_by` is null) and `decision` is null = (`decide_time` is null) and (`decision` is null or `approve_deadline` is not null)),
  CONSTRAINT `refunds_proposed` CHECK (`status` <> 'proposed' or `approve_deadline` is not null and `next_attempt_time` is null and `cause` = 'requested'),
  CONSTRAINT `refunds_decided` CHECK (`approve_deadline` is null or `status` = 'proposed' = (`decision` is null) and (`status` in ('proposed','closed') or coalesce(`decision`,'') = 'approved')),
  CONSTRAINT `refunds_by_two` CHECK (coalesce(`decision`,'') <> 'approved' or substring_index(`decided_by`,'/',-1) <> substring_index(`requested_by`,'/',-1))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `registration_grant_days` (
  `caller` varchar(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `business_day` date NOT NULL,
  `granted` bigint(20) NOT NULL,
  PRIMARY KEY (`caller`,`business_day`),
  CONSTRAINT `registration_grant_days_count` CHECK (`granted` > 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `request_keys` (
  `owner` varchar(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `service` varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `request_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `kind` varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `content_hash` binary(32) NOT NULL,
  `response` text NOT NULL,
  `create_time` datetime(3) NOT NULL,
  PRIMARY KEY (`owner`,`service`,`request_id`),
  CONSTRAINT `request_keys_response_json` CHECK (json_valid(`response`))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `request_refusals` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `user_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `request_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `kind` varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `content` text NOT NULL,
  `code` varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `reason` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `metadata` text NOT NULL,
  `actor` varchar(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `create_time` datetime(3) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `request_refusals_by_request` (`user_id`,`request_id`,`id`),
  KEY `request_refusals_by_time` (`create_time`),
  CONSTRAINT `request_refusals_content_json` CHECK (json_valid(`content`)),
  CONSTRAINT `request_refusals_metadata_json` CHECK (json_valid(`metadata`))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `reviews` (
  `id` varchar(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `reviewer` varchar(64) NOT NULL,
  `requested_by` varchar(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `state` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `lease_time` datetime(3) DEFAULT NULL,
  `progress` text NOT NULL,
  `error` varchar(1000) NOT NULL DEFAULT '',
  `verdict` varchar(8) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `severe` int(11) DEFAULT NULL,
  `medium` int(11) DEFAULT NULL,
  `minor` int(11) DEFAULT NULL,
  `document` mediumtext DEFAULT NULL,
  `create_time` datetime(3) NOT NULL,
  `start_time` datetime(3) DEFAULT NULL,
  `end_time` datetime(3) DEFAULT NULL,
  `open_key` varchar(4) CHARACTER SET ascii COLLATE ascii_bin GENERATED ALWAYS AS (case when `end_time` is null then 'open' end) STORED,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uk_reviews_open` (`open_key`),
  CONSTRAINT `reviews_state` CHECK (`state` in ('requested','running','done','failed')),
  CONSTRAINT `reviews_ended` CHECK (`state` in ('done','failed') = (`end_time` is not null)),
  CONSTRAINT `reviews_done` CHECK (`state` = 'done' = (`document` is not null) and `document` is null = (`verdict` is null)),
  CONSTRAINT `reviews_verdict` CHECK (`verdict` in ('passed','failed')),
  CONSTRAINT `reviews_progress_json` CHECK (json_valid(`progress`)),
  CONSTRAINT `reviews_document_json` CHECK (`document` is null or json_valid(`document`))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `settlement_cases` (
  `user_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `sequence` bigint(20) NOT NULL,
  `task_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `kind` varchar(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `units` bigint(20) NOT NULL,
  `reason` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `open_time` datetime(3) NOT NULL,
  `resolve_time` datetime(3) DEFAULT NULL,
  PRIMARY KEY (`user_id`,`sequence`),
  KEY `settlement_cases_by_open` (`resolve_time`,`open_time`),
  CONSTRAINT `settlement_cases_kind_known` CHECK (`kind` in ('consume','hold')),
  CONSTRAINT `settlement_cases_reason_known` CHECK (`reason` in ('unknown','running','unreachable','nobody_to_ask')),
  CONSTRAINT `settlement_cases_times` CHECK (`resolve_time` is null or `resolve_time` >= `open_time`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `task_tariffs` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `task_type` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `units` bigint(20) DEFAULT NULL,
  `feature` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `valid_from` datetime(3) NOT NULL,
  `create_time` datetime(3) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uk_task_type_valid_from` (`task_type`,`valid_from`),
  CONSTRAINT `task_tariffs_units_with_feature` CHECK (`units` is null = (`feature` is null)),
  CONSTRAINT `task_tariffs_units_positive` CHECK (`units` is null or `units` > 0),
  CONSTRAINT `task_tariffs_announced` CHECK (timestampdiff(SECOND,`create_time`,`valid_from`) >= 60)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `user_coupons` (
  `id` varchar(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `user_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `promotion_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `status` varchar(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `order_id` varchar(32) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `discount_amount` bigint(20) DEFAULT NULL,
  `claim_time` datetime(3) NOT NULL,
  `expire_time` datetime(3) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uk_user_promotion` (`user_id`,`promotion_id`),
  KEY `user_coupons_by_user` (`user_id`,`id`),
  KEY `user_coupons_by_promotion` (`promotion_id`,`status`),
  KEY `user_coupons_by_expiry` (`status`,`expire_time`),
  CONSTRAINT `user_coupons_status_known` CHECK (`status` in ('unused','locked','used','expired')),
  CONSTRAINT `user_coupons_order` CHECK (`status` in ('locked','used') = (`order_id` is not null) and `order_id` is null = (`discount_amount` is null)),
  CONSTRAINT `user_coupons_discount` CHECK (`discount_amount` is null or `discount_amount` >= 0),
  CONSTRAINT `user_coupons_validity` CHECK (`claim_time` < `expire_time`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `user_erasures` (
  `id` varchar(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `user_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `reason` varchar(256) NOT NULL,
  `state` varchar(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `requested_by` varchar(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `decided_by` varchar(128) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `create_time` datetime(3) NOT NULL,
  `decide_time` datetime(3) DEFAULT NULL,
  `start_time` datetime(3) DEFAULT NULL,
  `end_time` datetime(3) DEFAULT NULL,
  `next_run_time` datetime(3) DEFAULT NULL,
  `runs` int(11) NOT NULL DEFAULT 0,
  `payers` bigint(20) NOT NULL DEFAULT 0,
  `notifications` bigint(20) NOT NULL DEFAULT 0,
  `identities` bigint(20) NOT NULL DEFAULT 0,
  `undone` varchar(64) CHARACTER SET ascii COLLATE ascii_bin GENERATED ALWAYS AS (case when `end_time` is null and `state` <> 'rejected' then `user_id` end) STORED,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uk_user_erasures_undone` (`undone`),
  KEY `user_erasures_by_user` (`user_id`,`state`),
  KEY `user_erasures_by_state` (`state`,`id`),
  KEY `user_erasures_by_next_run` (`next_run_time`),
  CONSTRAINT `user_erasures_state` CHECK (`state` in ('proposed','approved','running','done','rejected')),
  CONSTRAINT `user_erasures_decided` CHECK (`state` = 'proposed' = (`decided_by` is null) and `decided_by` is null = (`decide_time` is null)),
  CONSTRAINT `user_erasures_started` CHECK (`state` in ('running','done') = (`start_time` is not null)),
  CONSTRAINT `user_erasures_counts` CHECK (`runs` >= 0 and `payers` >= 0 and `notifications` >= 0 and `identities` >= 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `user_identities` (
  `identity_index` binary(32) NOT NULL,
  `user_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `create_time` datetime(3) NOT NULL,
  PRIMARY KEY (`identity_index`,`user_id`),
  KEY `user_identities_by_user` (`user_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `users` (
  `id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `quota_remaining` bigint(20) NOT NULL,
  `log_sequence` bigint(20) NOT NULL,
  `log_hash` binary(32) NOT NULL,
  `log_time` datetime(3) NOT NULL,
  `membership_plan_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  `membership_expire_time` datetime(3) DEFAULT NULL,
  `create_time` datetime(3) NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `users_quota_remaining_not_negative` CHECK (`quota_remaining` >= 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `wechatpay_notification_bodies` (
  `id` varchar(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `inbox_id` varchar(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `content_hash` binary(32) NOT NULL,
  `sealed_body` mediumblob NOT NULL,
  `create_time` datetime(3) NOT NULL,
  `sealed_key` varbinary(16) NOT NULL DEFAULT '',
  PRIMARY KEY (`id`),
  UNIQUE KEY `uk_wechatpay_notification_bodies_content` (`inbox_id`,`content_hash`),
  KEY `wechatpay_notification_bodies_by_key` (`sealed_key`,`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE `wechatpay_notifications` (
  `id` varchar(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `event_type` varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `subject_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `notification_id` varchar(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `content` text NOT NULL,
  `status` varchar(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `reason` varchar(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  `times_received` int(11) NOT NULL DEFAULT 1,
  `attempts` int(11) NOT NULL DEFAULT 0,
  `next_attempt_time` datetime(3) DEFAULT NULL,
  `create_time` datetime(3) NOT NULL,
  `apply_time` datetime(3) DEFAULT NULL,
  `order_id` varchar(32) CHARACTER SET ascii COLLATE ascii_bin DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uk_wechatpay_notifications_subject` (`event_type`,`subject_id`),
  KEY `wechatpay_notifications_by_next_attempt` (`next_attempt_time`),
  KEY `wechatpay_notifications_by_status` (`status`,`id`),
  KEY `wechatpay_notifications_by_order` (`order_id`),
  CONSTRAINT `wechatpay_notifications_status_known` CHECK (`status` in ('received','applied','refused','ignored')),
  CONSTRAINT `wechatpay_notifications_content_json` CHECK (json_valid(`content`))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TRIGGER IF NOT EXISTS access_logs_no_delete BEFORE DELETE ON access_logs FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'access_logs: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS access_logs_no_update BEFORE UPDATE ON access_logs FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'access_logs: rows are never changed';

CREATE TRIGGER IF NOT EXISTS alerts_frozen BEFORE UPDATE ON alerts FOR EACH ROW BEGIN IF NOT (OLD.id <=> NEW.id) OR NOT (OLD.kind <=> NEW.kind) OR NOT (OLD.severity <=> NEW.severity) OR NOT (OLD.subject_type <=> NEW.subject_type) OR NOT (OLD.subject_id <=> NEW.subject_id) OR NOT (OLD.user_id <=> NEW.user_id) OR NOT (OLD.open_time <=> NEW.open_time) OR (OLD.resolve_time IS NOT NULL AND NOT (OLD.resolve_time <=> NEW.resolve_time)) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'alerts: identity and money columns are frozen'; END IF; IF OLD.resolve_time IS NOT NULL THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'alerts: a resolved alert stays as it is'; END IF; END;

CREATE TRIGGER IF NOT EXISTS alerts_no_delete BEFORE DELETE ON alerts FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'alerts: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS audit_anchors_follows BEFORE INSERT ON audit_anchors FOR EACH ROW BEGIN IF NEW.number > 1 AND NOT EXISTS (SELECT 1 FROM audit_anchors a WHERE a.number = NEW.number - 1 AND a.hash = NEW.previous_hash) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audit_anchors: an anchor names the one before'; END IF; END;

CREATE TRIGGER IF NOT EXISTS audit_anchors_frozen BEFORE UPDATE ON audit_anchors FOR EACH ROW BEGIN IF NOT (OLD.number <=> NEW.number) OR NOT (OLD.slot <=> NEW.slot) OR NOT (OLD.hash <=> NEW.hash) OR NOT (OLD.previous_hash <=> NEW.previous_hash) OR NOT (OLD.root <=> NEW.root) OR NOT (OLD.document <=> NEW.document) OR NOT (OLD.signature <=> NEW.signature) OR NOT (OLD.create_time <=> NEW.create_time) OR (OLD.export_time IS NOT NULL AND NOT (OLD.export_time <=> NEW.export_time)) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audit_anchors: identity and money columns are frozen'; END IF; END;

CREATE TRIGGER IF NOT EXISTS audit_anchors_no_delete BEFORE DELETE ON audit_anchors FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audit_anchors: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS audit_chain_head_no_delete BEFORE DELETE ON audit_chain_head FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audit_chain_head: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS audit_chain_head_only_forward BEFORE UPDATE ON audit_chain_head FOR EACH ROW BEGIN IF NOT (OLD.id <=> NEW.id) OR NOT (OLD.born_id <=> NEW.born_id) OR NEW.position < OLD.position OR NEW.reached_id < OLD.reached_id OR (NEW.position = OLD.position AND NOT (OLD.hash <=> NEW.hash)) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audit_chain_head: the chain only grows'; END IF; END;

CREATE TRIGGER IF NOT EXISTS audit_chain_no_delete BEFORE DELETE ON audit_chain FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audit_chain: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS audit_chain_no_update BEFORE UPDATE ON audit_chain FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audit_chain: rows are never changed';

CREATE TRIGGER IF NOT EXISTS audit_logs_no_delete BEFORE DELETE ON audit_logs FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audit_logs: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS audit_logs_no_update BEFORE UPDATE ON audit_logs FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'audit_logs: rows are never changed';

CREATE TRIGGER IF NOT EXISTS event_deliveries_delete_ended BEFORE DELETE ON event_deliveries FOR EACH ROW
    BEGIN IF OLD.state = 'pending' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'event_deliveries: this one has not ended'; END IF; END;

CREATE TRIGGER IF NOT EXISTS event_deliveries_frozen BEFORE UPDATE ON event_deliveries FOR EACH ROW BEGIN IF NOT (OLD.id <=> NEW.id) OR NOT (OLD.sink <=> NEW.sink) OR NOT (OLD.event_id <=> NEW.event_id) OR NOT (OLD.outbox_id <=> NEW.outbox_id) OR NOT (OLD.user_id <=> NEW.user_id) OR NOT (OLD.type <=> NEW.type) OR NOT (OLD.create_time <=> NEW.create_time) OR (OLD.state = 'delivered' AND NEW.state <> 'delivered') THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'event_deliveries: what is delivered never changes, nor what a delivery is of'; END IF; END;

CREATE TRIGGER IF NOT EXISTS event_relay_no_delete BEFORE DELETE ON event_relay FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'event_relay: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS event_relay_only_forward BEFORE UPDATE ON event_relay FOR EACH ROW BEGIN IF NOT (OLD.name <=> NEW.name) OR NEW.epoch < OLD.epoch OR NEW.last_batch < OLD.last_batch THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'event_relay: epochs and batches only grow'; END IF; END;

CREATE TRIGGER IF NOT EXISTS event_replays_frozen BEFORE UPDATE ON event_replays FOR EACH ROW BEGIN IF NOT (OLD.id <=> NEW.id) OR NOT (OLD.requested_by <=> NEW.requested_by) OR NOT (OLD.from_event <=> NEW.from_event) OR NOT (OLD.from_batch <=> NEW.from_batch) OR NOT (OLD.to_batch <=> NEW.to_batch) OR NOT (OLD.create_time <=> NEW.create_time) OR (OLD.start_time IS NOT NULL AND NOT (OLD.start_time <=> NEW.start_time)) OR (OLD.end_time IS NOT NULL AND NOT (OLD.end_time <=> NEW.end_time)) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'event_replays: identity and money columns are frozen'; END IF; END;

CREATE TRIGGER IF NOT EXISTS event_replays_no_delete BEFORE DELETE ON event_replays FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'event_replays: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS feature_charges_no_delete BEFORE DELETE ON feature_charges FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'feature_charges: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS feature_charges_no_update BEFORE UPDATE ON feature_charges FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'feature_charges: rows are never changed';

CREATE TRIGGER IF NOT EXISTS feature_usages_frozen BEFORE UPDATE ON feature_usages FOR EACH ROW BEGIN IF NOT (OLD.user_id <=> NEW.user_id) OR NOT (OLD.feature <=> NEW.feature) OR NOT (OLD.period_no <=> NEW.period_no) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'feature_usages: identity and money columns are frozen'; END IF; END;

CREATE TRIGGER IF NOT EXISTS feature_usages_no_delete BEFORE DELETE ON feature_usages FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'feature_usages: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS gift_campaigns_born_draft BEFORE INSERT ON gift_campaigns FOR EACH ROW BEGIN IF NEW.status <> 'draft' OR NEW.granted_units <> 0 OR NEW.revision <> 1
      OR NEW.editors <> CONCAT('["', NEW.created_by, '"]') THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'gift_campaigns: a campaign is born a draft that its creator made'; END IF; END;

CREATE TRIGGER IF NOT EXISTS gift_campaigns_counts_gifts BEFORE UPDATE ON gift_campaigns FOR EACH ROW BEGIN IF OLD.granted_units <> NEW.granted_units AND (NEW.granted_units <> OLD.granted_units + OLD.units
      OR OLD.status <> 'active' OR NEW.status <> 'active') THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'gift_campaigns: gifts are counted one by one, while the campaign is active'; END IF; END;

CREATE TRIGGER IF NOT EXISTS gift_campaigns_editors_stay BEFORE UPDATE ON gift_campaigns FOR EACH ROW BEGIN IF (OLD.editors <> NEW.editors AND LEFT(NEW.editors, CHAR_LENGTH(OLD.editors)) <>
        CONCAT(LEFT(OLD.editors, CHAR_LENGTH(OLD.editors) - 1), ','))
      OR (NEW.revision = OLD.revision AND (OLD.name <> NEW.name OR OLD.units <> NEW.units
        OR OLD.valid_days <> NEW.valid_days OR OLD.budget_units <> NEW.budget_units
        OR NOT (OLD.start_time <=> NEW.start_time) OR OLD.end_time <> NEW.end_time)) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'gift_campaigns: an edit names its editor and has a revision'; END IF; END;

CREATE TRIGGER IF NOT EXISTS gift_campaigns_identity_frozen BEFORE UPDATE ON gift_campaigns FOR EACH ROW BEGIN IF OLD.id <> NEW.id OR OLD.created_by <> NEW.created_by OR OLD.create_time <> NEW.create_time
      OR NEW.revision < OLD.revision OR (OLD.approved_by IS NOT NULL
        AND (NOT (OLD.approved_by <=> NEW.approved_by) OR NOT (OLD.approve_time <=> NEW.approve_time))) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'gift_campaigns: identity and approval are frozen'; END IF; END;

CREATE TRIGGER IF NOT EXISTS gift_campaigns_never_goes_back BEFORE UPDATE ON gift_campaigns FOR EACH ROW BEGIN IF OLD.status <> NEW.status AND (OLD.status = 'ended' OR NEW.status = 'draft'
      OR (OLD.status = 'draft' AND NEW.status <> 'active')) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'gift_campaigns: a campaign never goes back'; END IF; END;

CREATE TRIGGER IF NOT EXISTS gift_campaigns_no_delete BEFORE DELETE ON gift_campaigns FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'gift_campaigns: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS gift_campaigns_second_person BEFORE UPDATE ON gift_campaigns FOR EACH ROW BEGIN IF NEW.approved_by IS NOT NULL AND OLD.approved_by IS NULL
      AND (LOCATE(CONCAT('/', SUBSTRING_INDEX(NEW.approved_by, '/', -1), '"'), NEW.editors) > 0 OR NEW.status <> 'active') THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'gift_campaigns: nobody approves what they made'; END IF; END;

CREATE TRIGGER IF NOT EXISTS gift_campaigns_terms_frozen BEFORE UPDATE ON gift_campaigns FOR EACH ROW BEGIN IF (OLD.status <> 'draft' OR NEW.status <> 'draft') AND (NOT (OLD.name <=> NEW.name) OR OLD.units <> NEW.units
      OR OLD.valid_days <> NEW.valid_days OR OLD.budget_units <> NEW.budget_units
      OR NOT (OLD.start_time <=> NEW.start_time) OR OLD.end_time <> NEW.end_time
      OR OLD.editors <> NEW.editors OR OLD.revision <> NEW.revision) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'gift_campaigns: what was agreed to is frozen'; END IF; END;

CREATE TRIGGER IF NOT EXISTS granted_identities_no_delete BEFORE DELETE ON granted_identities FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'granted_identities: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS granted_identities_unlinked_alone BEFORE UPDATE ON granted_identities FOR EACH ROW BEGIN IF OLD.identity_index <> NEW.identity_index OR OLD.create_time <> NEW.create_time
      OR NEW.user_id <> '' OR NOT EXISTS (SELECT 1 FROM user_erasures e WHERE e.user_id = OLD.user_id AND e.state = 'running') THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'granted_identities: rows change by an erasure alone'; END IF; END;

CREATE TRIGGER IF NOT EXISTS job_dead_letters_frozen BEFORE UPDATE ON job_dead_letters FOR EACH ROW BEGIN IF NOT (OLD.id <=> NEW.id) OR NOT (OLD.job <=> NEW.job) OR NOT (OLD.subject <=> NEW.subject) OR NOT (OLD.first_time <=> NEW.first_time) OR (OLD.resolve_time IS NOT NULL AND NOT (OLD.resolve_time <=> NEW.resolve_time)) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'job_dead_letters: identity and money columns are frozen'; END IF; IF OLD.resolve_time IS NOT NULL THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'job_dead_letters: a resolved letter stays as it is'; END IF; END;

CREATE TRIGGER IF NOT EXISTS job_dead_letters_no_delete BEFORE DELETE ON job_dead_letters FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'job_dead_letters: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS job_slots_frozen BEFORE UPDATE ON job_slots FOR EACH ROW BEGIN IF NOT (OLD.job <=> NEW.job) OR NOT (OLD.slot <=> NEW.slot) OR NOT (OLD.start_time <=> NEW.start_time) OR (OLD.end_time IS NOT NULL AND NOT (OLD.end_time <=> NEW.end_time)) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'job_slots: identity and money columns are frozen'; END IF; IF OLD.end_time IS NOT NULL THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'job_slots: a slot that is done is done'; END IF; END;

CREATE TRIGGER IF NOT EXISTS job_slots_no_delete BEFORE DELETE ON job_slots FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'job_slots: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS key_rotation_columns_frozen BEFORE UPDATE ON key_rotation_columns FOR EACH ROW BEGIN IF NOT (OLD.rotation_id <=> NEW.rotation_id) OR NOT (OLD.sealed_column <=> NEW.sealed_column) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'key_rotation_columns: identity and money columns are frozen'; END IF; IF NEW.resealed < OLD.resealed THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'key_rotation_columns: what was sealed anew is not taken back'; END IF; END;

CREATE TRIGGER IF NOT EXISTS key_rotation_columns_no_delete BEFORE DELETE ON key_rotation_columns FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'key_rotation_columns: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS key_rotations_frozen BEFORE UPDATE ON key_rotations FOR EACH ROW BEGIN IF NOT (OLD.id <=> NEW.id) OR NOT (OLD.key_id <=> NEW.key_id) OR NOT (OLD.requested_by <=> NEW.requested_by) OR NOT (OLD.create_time <=> NEW.create_time) OR (OLD.end_time IS NOT NULL AND NOT (OLD.end_time <=> NEW.end_time)) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'key_rotations: identity and money columns are frozen'; END IF; IF OLD.end_time IS NOT NULL THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'key_rotations: a rotation that has ended stays as it is'; END IF; END;

CREATE TRIGGER IF NOT EXISTS key_rotations_no_delete BEFORE DELETE ON key_rotations FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'key_rotations: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS membership_notices_frozen BEFORE UPDATE ON membership_notices FOR EACH ROW BEGIN IF NOT (OLD.user_id <=> NEW.user_id) OR NOT (OLD.create_time <=> NEW.create_time) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'membership_notices: identity and money columns are frozen'; END IF; IF OLD.told_time IS NOT NULL AND (NEW.told_time IS NULL OR NEW.told_time < OLD.told_time) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'membership_notices: what was told stays told'; END IF; END;

CREATE TRIGGER IF NOT EXISTS membership_notices_no_delete BEFORE DELETE ON membership_notices FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'membership_notices: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS membership_periods_frozen BEFORE UPDATE ON membership_periods FOR EACH ROW BEGIN IF NOT (OLD.user_id <=> NEW.user_id) OR NOT (OLD.period_no <=> NEW.period_no) OR NOT (OLD.order_id <=> NEW.order_id) OR NOT (OLD.plan_id <=> NEW.plan_id) OR NOT (OLD.plan_name <=> NEW.plan_name) OR NOT (OLD.features <=> NEW.features) OR NOT (OLD.quota_units <=> NEW.quota_units) OR NOT (OLD.period_unit <=> NEW.period_unit) OR NOT (OLD.anchor_time <=> NEW.anchor_time) OR NOT (OLD.anchor_offset <=> NEW.anchor_offset) OR NOT (OLD.start_time <=> NEW.start_time) OR NOT (OLD.create_time <=> NEW.create_time) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'membership_periods: identity and money columns are frozen'; END IF; IF NEW.end_time > OLD.end_time THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'membership_periods: a period is never made longer'; END IF; END;

CREATE TRIGGER IF NOT EXISTS membership_periods_given_stays_given BEFORE UPDATE ON membership_periods FOR EACH ROW BEGIN IF NEW.granted_intervals < OLD.granted_intervals THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'membership_periods: an interval that was given stays given'; END IF; END;

CREATE TRIGGER IF NOT EXISTS membership_periods_grants_frozen BEFORE UPDATE ON membership_periods FOR EACH ROW BEGIN IF NOT (OLD.grant_unit <=> NEW.grant_unit) OR NOT (OLD.grant_count <=> NEW.grant_count) OR NOT (OLD.feature_limits <=> NEW.feature_limits) OR NOT (OLD.grace_days <=> NEW.grace_days) OR NOT (OLD.intervals <=> NEW.intervals) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'membership_periods: what a period gives is frozen'; END IF; END;

CREATE TRIGGER IF NOT EXISTS membership_periods_no_delete BEFORE DELETE ON membership_periods FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'membership_periods: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS membership_periods_paid_order BEFORE INSERT ON membership_periods FOR EACH ROW BEGIN IF NOT EXISTS (
      SELECT 1 FROM orders o WHERE o.id = NEW.order_id AND o.user_id = NEW.user_id AND o.paid_time IS NOT NULL) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'membership_periods: a period needs its paid order'; END IF; END;

CREATE TRIGGER IF NOT EXISTS membership_periods_replaced_stays BEFORE UPDATE ON membership_periods FOR EACH ROW BEGIN IF (OLD.replaced_by_order_id IS NOT NULL AND NOT (OLD.replaced_by_order_id <=> NEW.replaced_by_order_id))
      OR (NEW.replaced_by_order_id IS NOT NULL AND NEW.next_grant_time IS NOT NULL)
      OR (NEW.replaced_by_order_id IS NOT NULL AND OLD.replaced_by_order_id IS NULL AND NOT EXISTS (
        SELECT 1 FROM orders o WHERE o.id = NEW.replaced_by_order_id AND o.user_id = NEW.user_id
          AND o.id <> NEW.order_id AND o.paid_time IS NOT NULL)) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'membership_periods: replaced once by a paid order, a period stays replaced and gives nothing more'; END IF; END;

CREATE TRIGGER IF NOT EXISTS membership_periods_replaces_credited BEFORE INSERT ON membership_periods FOR EACH ROW BEGIN IF EXISTS (SELECT 1 FROM order_credits c JOIN membership_periods m ON m.order_id = c.credited_order_id
      WHERE c.order_id = NEW.order_id AND m.end_time > NEW.create_time AND NOT (m.replaced_by_order_id <=> NEW.order_id)) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'membership_periods: an upgrade takes the place of what it credits'; END IF; END;

CREATE TRIGGER IF NOT EXISTS membership_periods_revoked_stays BEFORE UPDATE ON membership_periods FOR EACH ROW BEGIN IF (OLD.revoke_time IS NOT NULL AND NOT (OLD.revoke_time <=> NEW.revoke_time))
      OR NEW.revoke_units < OLD.revoke_units OR NEW.revoke_units > NEW.quota_units
      OR (OLD.revoke_time IS NOT NULL AND NEW.next_grant_time IS NOT NULL) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'membership_periods: a revoked period stays revoked, and gives nothing more'; END IF; END;

CREATE TRIGGER IF NOT EXISTS order_credits_no_delete BEFORE DELETE ON order_credits FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'order_credits: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS order_credits_no_update BEFORE UPDATE ON order_credits FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'order_credits: rows are never changed';

CREATE TRIGGER IF NOT EXISTS order_credits_of_an_upgrade BEFORE INSERT ON order_credits FOR EACH ROW BEGIN IF NOT EXISTS (
        SELECT 1 FROM orders o WHERE o.id = NEW.order_id AND o.user_id = NEW.user_id AND o.kind = 'upgrade'
          AND o.status = 'created' AND NEW.amount + (
            SELECT COALESCE(SUM(c.amount), 0) FROM order_credits c WHERE c.order_id = NEW.order_id) <= o.credit_amount)
      OR NOT EXISTS (
        SELECT 1 FROM orders o WHERE o.id = NEW.credited_order_id AND o.user_id = NEW.user_id AND o.status = 'paid'
          AND NEW.amount + NEW.refunded_amount + (
  SELECT COALESCE(SUM(x.amount), 0) FROM order_credits x JOIN orders u ON u.id = x.order_id
  WHERE x.credited_order_id = NEW.credited_order_id AND TRUE AND (u.status = 'paid' OR (u.status = 'refunded' AND EXISTS (
    SELECT 1 FROM order_credits y JOIN orders v ON v.id = y.order_id
    WHERE y.credited_order_id = u.id AND v.status = 'paid')))) <= o.final_amount + o.credit_amount) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'order_credits: a new upgrade credits what is left of paid orders'; END IF; END;

CREATE TRIGGER IF NOT EXISTS order_payers_frozen BEFORE UPDATE ON order_payers FOR EACH ROW BEGIN IF NOT (OLD.order_id <=> NEW.order_id) OR NOT (OLD.create_time <=> NEW.create_time) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'order_payers: identity and money columns are frozen'; END IF; END;

CREATE TRIGGER IF NOT EXISTS order_payers_key_is_named_by_value BEFORE UPDATE ON order_payers FOR EACH ROW BEGIN IF NOT (OLD.sealed_key <=> NEW.sealed_key) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'order_payers: the id of the key is taken from the value'; END IF; END;

CREATE TRIGGER IF NOT EXISTS order_payers_names_key BEFORE INSERT ON order_payers FOR EACH ROW BEGIN IF TRUE THEN SET NEW.sealed_key = SUBSTRING(NEW.sealed_payer, 3, LEAST(16, ORD(SUBSTRING(NEW.sealed_payer, 2, 1)))); END IF; END;

CREATE TRIGGER IF NOT EXISTS order_payers_names_key_again BEFORE UPDATE ON order_payers FOR EACH ROW BEGIN IF NOT (OLD.sealed_payer <=> NEW.sealed_payer) THEN SET NEW.sealed_key = SUBSTRING(NEW.sealed_payer, 3, LEAST(16, ORD(SUBSTRING(NEW.sealed_payer, 2, 1)))); END IF; END;

CREATE TRIGGER IF NOT EXISTS order_payers_no_delete BEFORE DELETE ON order_payers FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'order_payers: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS order_payers_rotated_or_erased BEFORE UPDATE ON order_payers FOR EACH ROW BEGIN IF NOT (OLD.sealed_payer <=> NEW.sealed_payer) AND NOT EXISTS (SELECT 1 FROM key_rotations r WHERE r.end_time IS NULL AND r.key_id = NEW.sealed_key) AND NOT EXISTS (
      SELECT 1 FROM orders o JOIN user_erasures e ON e.user_id = o.user_id AND e.state = 'running'
      WHERE o.id = OLD.order_id) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'order_payers: a payer changes by a rotation or an erasure alone'; END IF; END;

CREATE TRIGGER IF NOT EXISTS orders_are_asked_about BEFORE INSERT ON orders FOR EACH ROW BEGIN IF NEW.final_amount > 0 AND NEW.prepay_deadline IS NULL THEN SET NEW.prepay_deadline = NEW.create_time, NEW.next_check_time = NEW.expire_time; END IF; END;

CREATE TRIGGER IF NOT EXISTS orders_born_unpaid BEFORE INSERT ON orders FOR EACH ROW BEGIN IF NEW.paid_time IS NOT NULL OR NEW.transaction_id IS NOT NULL OR NEW.refunded_amount <> 0 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'orders: an order is born unpaid'; END IF; END;

CREATE TRIGGER IF NOT EXISTS orders_close_reason_frozen BEFORE UPDATE ON orders FOR EACH ROW BEGIN IF (OLD.close_reason IS NOT NULL AND NOT (OLD.close_reason <=> NEW.close_reason))
      OR (OLD.closing_time IS NOT NULL AND NOT (OLD.closing_time <=> NEW.closing_time))
      OR (NEW.prepay_deadline IS NULL AND OLD.prepay_deadline IS NOT NULL) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'orders: why an order was closed is said once, and a prepay that was sent stays sent'; END IF; END;

CREATE TRIGGER IF NOT EXISTS orders_discount_is_a_coupons BEFORE INSERT ON orders FOR EACH ROW BEGIN IF (NEW.discount_amount > 0 AND NEW.coupon_id IS NULL) OR (NEW.coupon_id IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM user_coupons c WHERE c.id = NEW.coupon_id AND c.user_id = NEW.user_id AND c.status = 'unused')) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'orders: a discount needs an unused coupon of the buyer'; END IF; END;

CREATE TRIGGER IF NOT EXISTS orders_frozen BEFORE UPDATE ON orders FOR EACH ROW BEGIN IF NOT (OLD.id <=> NEW.id) OR NOT (OLD.user_id <=> NEW.user_id) OR NOT (OLD.channel <=> NEW.channel) OR NOT (OLD.plan_id <=> NEW.plan_id) OR NOT (OLD.plan_price_id <=> NEW.plan_price_id) OR NOT (OLD.plan_name <=> NEW.plan_name) OR NOT (OLD.period_unit <=> NEW.period_unit) OR NOT (OLD.period_count <=> NEW.period_count) OR NOT (OLD.quota_units <=> NEW.quota_units) OR NOT (OLD.features <=> NEW.features) OR NOT (OLD.list_amount <=> NEW.list_amount) OR NOT (OLD.original_amount <=> NEW.original_amount) OR NOT (OLD.discount_amount <=> NEW.discount_amount) OR NOT (OLD.final_amount <=> NEW.final_amount) OR NOT (OLD.currency <=> NEW.currency) OR NOT (OLD.tax_rate_basis_points <=> NEW.tax_rate_basis_points) OR NOT (OLD.net_amount <=> NEW.net_amount) OR NOT (OLD.tax_amount <=> NEW.tax_amount) OR NOT (OLD.coupon_id <=> NEW.coupon_id) OR NOT (OLD.notify_url <=> NEW.notify_url) OR NOT (OLD.create_time <=> NEW.create_time) OR NOT (OLD.expire_time <=> NEW.expire_time) OR (OLD.transaction_id IS NOT NULL AND NOT (OLD.transaction_id <=> NEW.transaction_id)) OR (OLD.paid_time IS NOT NULL AND NOT (OLD.paid_time <=> NEW.paid_time)) OR (OLD.apply_time IS NOT NULL AND NOT (OLD.apply_time <=> NEW.apply_time)) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'orders: identity and money columns are frozen'; END IF; IF NEW.refunded_amount < OLD.refunded_amount THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'orders: a refund is never taken back'; END IF; IF NEW.paid_time IS NOT NULL AND OLD.paid_time IS NULL AND NOT EXISTS (
          SELECT 1 FROM payments p
          WHERE p.order_id = NEW.id AND p.user_id = NEW.user_id AND p.status = 'applied' AND p.amount = NEW.final_amount
            AND p.currency = NEW.currency AND p.transaction_id <=> NEW.transaction_id) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'orders: paid needs an applied payment of the same amount'; END IF; IF OLD.status IN ('paid', 'refunded') AND NEW.status NOT IN ('paid', 'refunded') THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'orders: a paid order stays paid'; END IF; IF NOT (OLD.status <=> NEW.status) AND (
          OLD.status IN ('closed', 'failed', 'refunded') OR NEW.status = 'created'
          OR (OLD.status = 'closing' AND NEW.status = 'pending')) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'orders: an order never goes back'; END IF; END;

CREATE TRIGGER IF NOT EXISTS orders_grants_frozen BEFORE UPDATE ON orders FOR EACH ROW BEGIN IF NOT (OLD.grant_unit <=> NEW.grant_unit) OR NOT (OLD.grant_count <=> NEW.grant_count) OR NOT (OLD.feature_limits <=> NEW.feature_limits) OR NOT (OLD.grace_days <=> NEW.grace_days) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'orders: what an order sold is frozen'; END IF; END;

CREATE TRIGGER IF NOT EXISTS orders_kind_frozen BEFORE UPDATE ON orders FOR EACH ROW BEGIN IF NOT (OLD.kind <=> NEW.kind) OR NOT (OLD.credit_amount <=> NEW.credit_amount) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'orders: what an order is and credits is frozen'; END IF; END;

CREATE TRIGGER IF NOT EXISTS orders_no_delete BEFORE DELETE ON orders FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'orders: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS orders_paid_holds_its_coupon BEFORE UPDATE ON orders FOR EACH ROW BEGIN IF NEW.paid_time IS NOT NULL AND OLD.paid_time IS NULL AND NEW.coupon_id IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM user_coupons c WHERE c.id = NEW.coupon_id AND c.order_id = NEW.id AND c.status = 'locked') THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'orders: paid needs the coupon that the order was priced with'; END IF; END;

CREATE TRIGGER IF NOT EXISTS orders_paid_with_its_credits BEFORE UPDATE ON orders FOR EACH ROW BEGIN IF NEW.kind = 'upgrade' AND NEW.paid_time IS NOT NULL AND OLD.paid_time IS NULL AND (
      NOT EXISTS (SELECT 1 FROM order_credits c WHERE c.order_id = NEW.id)
      OR NEW.credit_amount <> (SELECT SUM(c.amount) FROM order_credits c WHERE c.order_id = NEW.id)
      OR EXISTS (SELECT 1 FROM order_credits c JOIN orders o ON o.id = c.credited_order_id
        WHERE c.order_id = NEW.id AND (o.status <> 'paid' OR c.amount + (
  SELECT COALESCE(SUM(r.amount), 0) FROM refunds r JOIN payments p ON p.id = r.payment_id
  WHERE r.order_id = o.id AND p.status = 'applied' AND r.status NOT IN ('closed', 'failed'))
          + (
  SELECT COALESCE(SUM(x.amount), 0) FROM order_credits x JOIN orders u ON u.id = x.order_id
  WHERE x.credited_order_id = o.id AND u.id <> NEW.id AND (u.status = 'paid' OR (u.status = 'refunded' AND EXISTS (
    SELECT 1 FROM order_credits y JOIN orders v ON v.id = y.order_id
    WHERE y.credited_order_id = u.id AND v.status = 'paid')))) > o.final_amount + o.credit_amount))) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'orders: a paid upgrade credits what is there to be credited'; END IF; END;

CREATE TRIGGER IF NOT EXISTS orders_refunded_by_refunds BEFORE UPDATE ON orders FOR EACH ROW BEGIN IF (NEW.refunded_amount <> OLD.refunded_amount AND NEW.refunded_amount <> (
        SELECT COALESCE(SUM(r.amount), 0) FROM refunds r JOIN payments p ON p.id = r.payment_id
        WHERE r.order_id = NEW.id AND r.status = 'succeeded' AND p.status = 'applied'))
      OR (NEW.status = 'refunded' AND (OLD.status NOT IN ('paid', 'refunded')
        OR NEW.refunded_amount <> NEW.final_amount OR NEW.final_amount = 0)) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'orders: refunded is what succeeded refunds brought back'; END IF; END;

CREATE TRIGGER IF NOT EXISTS outbox_delete_after_delivery BEFORE DELETE ON outbox FOR EACH ROW
    BEGIN IF OLD.batch_no IS NULL THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'outbox: this event was not delivered'; END IF; END;

CREATE TRIGGER IF NOT EXISTS outbox_frozen BEFORE UPDATE ON outbox FOR EACH ROW BEGIN IF NOT (OLD.id <=> NEW.id) OR NOT (OLD.type <=> NEW.type) OR NOT (OLD.user_id <=> NEW.user_id) OR NOT (OLD.payload <=> NEW.payload) OR NOT (OLD.create_time <=> NEW.create_time) OR (OLD.batch_no IS NOT NULL AND NOT (OLD.batch_no <=> NEW.batch_no)) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'outbox: an event never changes, nor its batch'; END IF; END;

CREATE TRIGGER IF NOT EXISTS payments_frozen BEFORE UPDATE ON payments FOR EACH ROW BEGIN IF NOT (OLD.id <=> NEW.id) OR NOT (OLD.order_id <=> NEW.order_id) OR NOT (OLD.user_id <=> NEW.user_id) OR NOT (OLD.method <=> NEW.method) OR NOT (OLD.transaction_id <=> NEW.transaction_id) OR NOT (OLD.amount <=> NEW.amount) OR NOT (OLD.payer_total <=> NEW.payer_total) OR NOT (OLD.currency <=> NEW.currency) OR NOT (OLD.trade_type <=> NEW.trade_type) OR NOT (OLD.success_time <=> NEW.success_time) OR NOT (OLD.create_time <=> NEW.create_time) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'payments: identity and money columns are frozen'; END IF; IF NEW.status = 'applied' AND OLD.status <> 'applied' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'payments: money that did not pay its order on arrival never pays it later'; END IF; END;

CREATE TRIGGER IF NOT EXISTS payments_no_delete BEFORE DELETE ON payments FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'payments: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS payments_refunded_by_refunds BEFORE UPDATE ON payments FOR EACH ROW BEGIN IF OLD.status <> NEW.status AND (OLD.status IN ('applied', 'refunded') OR NEW.status = 'received'
      OR (NEW.status = 'refunded' AND OLD.amount <> (SELECT COALESCE(SUM(r.amount), 0)
        FROM refunds r WHERE r.payment_id = OLD.id AND r.status = 'succeeded'))) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'payments: refunded is what succeeded refunds brought back'; END IF; END;

CREATE TRIGGER IF NOT EXISTS payments_told_frozen BEFORE UPDATE ON payments FOR EACH ROW BEGIN IF NOT (OLD.provider_discounts <=> NEW.provider_discounts) OR NOT (OLD.bank_type <=> NEW.bank_type) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'payments: what WeChat Pay told is frozen'; END IF; END;

CREATE TRIGGER IF NOT EXISTS plan_prices_fits_its_plan BEFORE INSERT ON plan_prices FOR EACH ROW BEGIN IF NOT EXISTS (SELECT 1 FROM plans p WHERE p.id = NEW.plan_id
      AND ((p.kind = 'sale' AND NEW.price > 0) OR (p.kind = 'basic' AND NEW.price = 0 AND NEW.list_price = 0
        AND NEW.quota_units = 0 AND NEW.grant_unit IS NULL AND NEW.feature_limits IS NULL))) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'plan_prices: a plan on sale costs something, a basic plan costs, gives and limits nothing but features'; END IF; END;

CREATE TRIGGER IF NOT EXISTS plan_prices_follow_each_other BEFORE INSERT ON plan_prices FOR EACH ROW BEGIN IF EXISTS (SELECT 1 FROM plan_prices v WHERE v.plan_id = NEW.plan_id AND v.valid_from <> NEW.valid_from
      AND (v.valid_to IS NULL OR v.valid_to > NEW.valid_from)) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'plan_prices: a version starts when the one before has ended'; END IF; END;

CREATE TRIGGER IF NOT EXISTS plan_prices_frozen BEFORE UPDATE ON plan_prices FOR EACH ROW BEGIN IF NOT (OLD.id <=> NEW.id) OR NOT (OLD.plan_id <=> NEW.plan_id) OR NOT (OLD.list_price <=> NEW.list_price) OR NOT (OLD.price <=> NEW.price) OR NOT (OLD.currency <=> NEW.currency) OR NOT (OLD.period_unit <=> NEW.period_unit) OR NOT (OLD.period_count <=> NEW.period_count) OR NOT (OLD.quota_units <=> NEW.quota_units) OR NOT (OLD.features <=> NEW.features) OR NOT (OLD.tax_rate_basis_points <=> NEW.tax_rate_basis_points) OR NOT (OLD.valid_from <=> NEW.valid_from) OR NOT (OLD.create_time <=> NEW.create_time) OR (OLD.valid_to IS NOT NULL AND NOT (OLD.valid_to <=> NEW.valid_to)) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'plan_prices: identity and money columns are frozen'; END IF; END;

CREATE TRIGGER IF NOT EXISTS plan_prices_grants_frozen BEFORE UPDATE ON plan_prices FOR EACH ROW BEGIN IF NOT (OLD.grant_unit <=> NEW.grant_unit) OR NOT (OLD.grant_count <=> NEW.grant_count)
      OR NOT (OLD.feature_limits <=> NEW.feature_limits) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'plan_prices: what a version gives is frozen'; END IF; END;

CREATE TRIGGER IF NOT EXISTS plan_prices_no_delete BEFORE DELETE ON plan_prices FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'plan_prices: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS plans_frozen BEFORE UPDATE ON plans FOR EACH ROW BEGIN IF NOT (OLD.id <=> NEW.id) OR NOT (OLD.kind <=> NEW.kind) OR NOT (OLD.create_time <=> NEW.create_time) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'plans: identity and money columns are frozen'; END IF; END;

CREATE TRIGGER IF NOT EXISTS plans_no_delete BEFORE DELETE ON plans FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'plans: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS promotions_born_draft BEFORE INSERT ON promotions FOR EACH ROW BEGIN IF NEW.status <> 'draft' OR NEW.claimed_count <> 0 OR NEW.budget_used <> 0 OR NEW.revision <> 1 OR NEW.editors <> CONCAT('["', NEW.created_by, '"]') THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'promotions: a promotion is born a draft that its creator made'; END IF; END;

CREATE TRIGGER IF NOT EXISTS promotions_identity_frozen BEFORE UPDATE ON promotions FOR EACH ROW BEGIN IF OLD.id <> NEW.id OR OLD.created_by <> NEW.created_by OR OLD.create_time <> NEW.create_time
      OR NEW.claimed_count < OLD.claimed_count OR NEW.revision < OLD.revision THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'promotions: identity is frozen, and a claim is never taken back'; END IF; END;

CREATE TRIGGER IF NOT EXISTS promotions_never_goes_back BEFORE UPDATE ON promotions FOR EACH ROW BEGIN IF OLD.status <> NEW.status AND (OLD.status = 'ended' OR NEW.status = 'draft'
      OR (OLD.status = 'draft' AND NEW.status <> 'active')) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'promotions: a promotion never goes back'; END IF; END;

CREATE TRIGGER IF NOT EXISTS promotions_no_delete BEFORE DELETE ON promotions FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'promotions: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS promotions_terms_frozen BEFORE UPDATE ON promotions FOR EACH ROW BEGIN IF OLD.status <> 'draft' AND (OLD.discount_type <> NEW.discount_type OR OLD.discount_value <> NEW.discount_value
      OR OLD.max_discount <> NEW.max_discount OR OLD.min_order_amount <> NEW.min_order_amount
      OR OLD.plan_ids <> NEW.plan_ids OR OLD.new_users_only <> NEW.new_users_only
      OR OLD.may_be_free <> NEW.may_be_free OR OLD.returned_on_refund <> NEW.returned_on_refund
      OR OLD.coupon_valid_days <> NEW.coupon_valid_days OR NOT (OLD.coupon_expire_time <=> NEW.coupon_expire_time)
      OR NOT (OLD.claim_start_time <=> NEW.claim_start_time) OR (OLD.budget = 0) <> (NEW.budget = 0)) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'promotions: terms are frozen once a promotion has left draft'; END IF; END;

CREATE TRIGGER IF NOT EXISTS quota_charges_frozen BEFORE UPDATE ON quota_charges FOR EACH ROW BEGIN IF OLD.user_id <> NEW.user_id OR OLD.task_id <> NEW.task_id OR OLD.sequence <> NEW.sequence
      OR OLD.kind <> NEW.kind OR OLD.units <> NEW.units OR OLD.grace_days <> NEW.grace_days
      OR NOT (OLD.settle_deadline <=> NEW.settle_deadline) OR NOT (OLD.case_deadline <=> NEW.case_deadline) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'quota_charges: what was charged, and its deadlines, are frozen'; END IF; END;

CREATE TRIGGER IF NOT EXISTS quota_charges_no_delete BEFORE DELETE ON quota_charges FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'quota_charges: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS quota_charges_settled_once BEFORE UPDATE ON quota_charges FOR EACH ROW BEGIN IF (OLD.state <> 'open' AND NEW.state <> OLD.state) OR NEW.returned < OLD.returned THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'quota_charges: a charge is settled once, and what came back is not taken again'; END IF; END;

CREATE TRIGGER IF NOT EXISTS quota_grants_at_registration BEFORE INSERT ON quota_grants FOR EACH ROW BEGIN IF NEW.source = 'registration' AND (NEW.grant_id <> 1 OR NOT EXISTS (
      SELECT 1 FROM users u WHERE u.id = NEW.user_id AND u.create_time = NEW.create_time)) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'quota_grants: a registration lot is the first thing that a user has'; END IF; END;

CREATE TRIGGER IF NOT EXISTS quota_grants_came_back_late BEFORE INSERT ON quota_grants FOR EACH ROW BEGIN IF NEW.source = 'compensation' AND NOT EXISTS (
      SELECT 1 FROM quota_logs e
      JOIN quota_logs r ON r.user_id = e.user_id AND r.sequence = CAST(SUBSTRING_INDEX(NEW.source_ref, ':', 1) AS SIGNED)
      JOIN quota_grants g ON g.user_id = e.user_id AND g.grant_id = CAST(SUBSTRING_INDEX(NEW.source_ref, ':', -1) AS SIGNED)
      WHERE e.user_id = NEW.user_id AND e.sequence = NEW.grant_id - 1 AND e.type = 'EXPIRE' AND e.units = NEW.amount
        AND e.lots = CONCAT('[[', g.grant_id, ',-', NEW.amount, ']]')
        AND r.sequence < e.sequence AND r.type IN ('REFUND', 'RELEASE', 'CAPTURE')
        AND g.source <> 'compensation' AND g.expire_time <= NEW.create_time
        AND NEW.source_ref = CONCAT(r.sequence, ':', g.grant_id)) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'quota_grants: a compensation replaces units that came back to a lot which had expired'; END IF; END;

CREATE TRIGGER IF NOT EXISTS quota_grants_counted_gift AFTER INSERT ON quota_grants FOR EACH ROW BEGIN IF NEW.source = 'gift' THEN UPDATE gift_campaigns SET granted_units = granted_units + NEW.amount WHERE id = NEW.source_ref; END IF; END;

CREATE TRIGGER IF NOT EXISTS quota_grants_from_campaign BEFORE INSERT ON quota_grants FOR EACH ROW BEGIN IF NEW.source = 'gift' AND NOT EXISTS (
      SELECT 1 FROM gift_campaigns c
      WHERE c.id = NEW.source_ref AND c.status = 'active' AND c.units = NEW.amount
        AND (c.start_time IS NULL OR c.start_time <= NEW.create_time) AND NEW.create_time < c.end_time
        AND NEW.expire_time = DATE_ADD(NEW.create_time, INTERVAL c.valid_days DAY)) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'quota_grants: a gift needs its approved campaign'; END IF; END;

CREATE TRIGGER IF NOT EXISTS quota_grants_identity_frozen BEFORE UPDATE ON quota_grants FOR EACH ROW BEGIN IF OLD.user_id <> NEW.user_id OR OLD.grant_id <> NEW.grant_id OR OLD.source <> NEW.source
      OR OLD.source_ref <> NEW.source_ref OR OLD.amount <> NEW.amount OR OLD.create_time <> NEW.create_time
      OR NOT (OLD.order_id <=> NEW.order_id) OR NOT (OLD.expire_time <=> NEW.expire_time)
      OR (OLD.revoke_time IS NOT NULL AND NOT (OLD.revoke_time <=> NEW.revoke_time)) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'quota_grants: identity and money columns are frozen'; END IF; END;

CREATE TRIGGER IF NOT EXISTS quota_grants_interval_of_paid_order BEFORE INSERT ON quota_grants FOR EACH ROW BEGIN IF NEW.source = 'membership' AND (NOT EXISTS (
        SELECT 1 FROM orders o
        WHERE o.id = NEW.order_id AND o.user_id = NEW.user_id AND o.paid_time IS NOT NULL AND o.status = 'paid'
          AND NEW.source_ref = CONCAT(o.id, ':', (CASE WHEN NEW.source_ref REGEXP '^[0-9A-Za-z_-]+:[1-9][0-9]{0,5}$'
  THEN CAST(SUBSTRING_INDEX(NEW.source_ref, ':', -1) AS SIGNED) ELSE 0 END)) AND (CASE WHEN NEW.source_ref REGEXP '^[0-9A-Za-z_-]+:[1-9][0-9]{0,5}$'
  THEN CAST(SUBSTRING_INDEX(NEW.source_ref, ':', -1) AS SIGNED) ELSE 0 END) BETWEEN 1 AND (CASE WHEN o.grant_unit IS NULL THEN 1
  ELSE (o.period_count * (CASE o.period_unit WHEN 'quarter' THEN 3 WHEN 'year' THEN 12 ELSE 1 END)) DIV (o.grant_count * (CASE o.grant_unit WHEN 'quarter' THEN 3 WHEN 'year' THEN 12 ELSE 1 END)) END)
          AND NEW.amount = o.quota_units DIV (CASE WHEN o.grant_unit IS NULL THEN 1
  ELSE (o.period_count * (CASE o.period_unit WHEN 'quarter' THEN 3 WHEN 'year' THEN 12 ELSE 1 END)) DIV (o.grant_count * (CASE o.grant_unit WHEN 'quarter' THEN 3 WHEN 'year' THEN 12 ELSE 1 END)) END) + ((CASE WHEN NEW.source_ref REGEXP '^[0-9A-Za-z_-]+:[1-9][0-9]{0,5}$'
  THEN CAST(SUBSTRING_INDEX(NEW.source_ref, ':', -1) AS SIGNED) ELSE 0 END) <= MOD(o.quota_units, (CASE WHEN o.grant_unit IS NULL THEN 1
  ELSE (o.period_count * (CASE o.period_unit WHEN 'quarter' THEN 3 WHEN 'year' THEN 12 ELSE 1 END)) DIV (o.grant_count * (CASE o.grant_unit WHEN 'quarter' THEN 3 WHEN 'year' THEN 12 ELSE 1 END)) END))))
      OR EXISTS (
        SELECT 1 FROM membership_periods m
        WHERE m.order_id = NEW.order_id AND (m.revoke_time IS NOT NULL OR m.replaced_by_order_id IS NOT NULL))) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'quota_grants: a membership lot is one interval of its paid order'; END IF; END;

CREATE TRIGGER IF NOT EXISTS quota_grants_logged BEFORE INSERT ON quota_grants FOR EACH ROW BEGIN IF NEW.remaining <> NEW.amount OR NEW.held <> 0 OR NOT EXISTS (
      SELECT 1 FROM quota_logs l
      WHERE l.user_id = NEW.user_id AND l.sequence = NEW.grant_id AND l.type = 'GRANT' AND l.units = NEW.amount) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'quota_grants: a lot is born whole and needs its GRANT row'; END IF; END;

CREATE TRIGGER IF NOT EXISTS quota_grants_no_delete BEFORE DELETE ON quota_grants FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'quota_grants: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS quota_logs_no_delete BEFORE DELETE ON quota_logs FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'quota_logs: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS quota_logs_no_update BEFORE UPDATE ON quota_logs FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'quota_logs: rows are never changed';

CREATE TRIGGER IF NOT EXISTS quota_task_outcomes_no_delete BEFORE DELETE ON quota_task_outcomes FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'quota_task_outcomes: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS quota_task_outcomes_no_update BEFORE UPDATE ON quota_task_outcomes FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'quota_task_outcomes: rows are never changed';

CREATE TRIGGER IF NOT EXISTS refund_alone_days_counts_up BEFORE UPDATE ON refund_alone_days FOR EACH ROW BEGIN IF OLD.person <> NEW.person OR OLD.business_day <> NEW.business_day OR NEW.amount < OLD.amount THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refund_alone_days: what was refunded alone only grows'; END IF; END;

CREATE TRIGGER IF NOT EXISTS refund_alone_days_no_delete BEFORE DELETE ON refund_alone_days FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refund_alone_days: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS refunds_beside_credits BEFORE INSERT ON refunds FOR EACH ROW BEGIN IF NEW.cause = 'requested' AND EXISTS (SELECT 1 FROM payments p WHERE p.id = NEW.payment_id AND p.status = 'applied')
      AND NEW.amount + (
  SELECT COALESCE(SUM(r.amount), 0) FROM refunds r JOIN payments p ON p.id = r.payment_id
  WHERE r.order_id = NEW.order_id AND p.status = 'applied' AND r.status NOT IN ('closed', 'failed')) + (
  SELECT COALESCE(SUM(x.amount), 0) FROM order_credits x JOIN orders u ON u.id = x.order_id
  WHERE x.credited_order_id = NEW.order_id AND TRUE AND (u.status = 'paid' OR (u.status = 'refunded' AND EXISTS (
    SELECT 1 FROM order_credits y JOIN orders v ON v.id = y.order_id
    WHERE y.credited_order_id = u.id AND v.status = 'paid')))) > NEW.total THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refunds: what an upgrade credits does not go back'; END IF; END;

CREATE TRIGGER IF NOT EXISTS refunds_columns_frozen BEFORE UPDATE ON refunds FOR EACH ROW BEGIN IF NOT (OLD.id <=> NEW.id) OR NOT (OLD.order_id <=> NEW.order_id) OR NOT (OLD.user_id <=> NEW.user_id) OR NOT (OLD.payment_id <=> NEW.payment_id) OR NOT (OLD.transaction_id <=> NEW.transaction_id) OR NOT (OLD.cause <=> NEW.cause) OR NOT (OLD.amount <=> NEW.amount) OR NOT (OLD.total <=> NEW.total) OR NOT (OLD.currency <=> NEW.currency) OR NOT (OLD.reason <=> NEW.reason) OR NOT (OLD.requested_by <=> NEW.requested_by) OR NOT (OLD.notify_url <=> NEW.notify_url) OR NOT (OLD.replaces <=> NEW.replaces) OR NOT (OLD.frozen_units <=> NEW.frozen_units) OR NOT (OLD.freeze_sequence <=> NEW.freeze_sequence) OR NOT (OLD.paused_grant_time <=> NEW.paused_grant_time) OR NOT (OLD.create_time <=> NEW.create_time) OR NOT (OLD.approve_deadline <=> NEW.approve_deadline) OR (OLD.refund_id IS NOT NULL AND NOT (OLD.refund_id <=> NEW.refund_id)) OR (OLD.success_time IS NOT NULL AND NOT (OLD.success_time <=> NEW.success_time)) OR (OLD.apply_time IS NOT NULL AND NOT (OLD.apply_time <=> NEW.apply_time)) OR (OLD.decision IS NOT NULL AND NOT (OLD.decision <=> NEW.decision)) OR (OLD.decided_by IS NOT NULL AND NOT (OLD.decided_by <=> NEW.decided_by)) OR (OLD.decide_time IS NOT NULL AND NOT (OLD.decide_time <=> NEW.decide_time)) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refunds: identity and money columns are frozen'; END IF; END;

CREATE TRIGGER IF NOT EXISTS refunds_decided_once BEFORE UPDATE ON refunds FOR EACH ROW BEGIN IF NOT (OLD.decision_reason <=> NEW.decision_reason) AND (OLD.decision IS NOT NULL OR NEW.decision IS NULL) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refunds: a decision stays as it is'; END IF; END;

CREATE TRIGGER IF NOT EXISTS refunds_has_its_payment BEFORE INSERT ON refunds FOR EACH ROW BEGIN IF NOT EXISTS (
      SELECT 1 FROM payments p WHERE p.id = NEW.payment_id AND p.order_id = NEW.order_id AND p.user_id = NEW.user_id
        AND p.transaction_id = NEW.transaction_id AND p.amount = NEW.total AND p.currency = NEW.currency) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refunds: a refund needs its payment'; END IF; END;

CREATE TRIGGER IF NOT EXISTS refunds_never_goes_back BEFORE UPDATE ON refunds FOR EACH ROW BEGIN IF OLD.status <> NEW.status AND (OLD.status IN ('succeeded', 'closed', 'failed') OR NEW.status = 'proposed'
      OR (NEW.status = 'created' AND OLD.status <> 'proposed') OR (OLD.status = 'proposed' AND NEW.status NOT IN ('created', 'closed'))) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refunds: a refund never goes back'; END IF; END;

CREATE TRIGGER IF NOT EXISTS refunds_no_delete BEFORE DELETE ON refunds FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refunds: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS refunds_succeeds_within_payment BEFORE UPDATE ON refunds FOR EACH ROW BEGIN IF NEW.status = 'succeeded' AND OLD.status <> 'succeeded' AND NEW.amount + (SELECT COALESCE(SUM(r.amount), 0)
      FROM refunds r WHERE r.payment_id = NEW.payment_id AND r.id <> NEW.id AND r.status = 'succeeded') > NEW.total THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refunds: never more goes back than came'; END IF; END;

CREATE TRIGGER IF NOT EXISTS refunds_within_payment BEFORE INSERT ON refunds FOR EACH ROW BEGIN IF NEW.amount + (SELECT COALESCE(SUM(r.amount), 0) FROM refunds r WHERE r.payment_id = NEW.payment_id
      AND (r.status = 'succeeded' OR (NEW.cause <> 'external' AND r.status NOT IN ('closed', 'failed')))) > NEW.total THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refunds: never more goes back than came'; END IF; END;

CREATE TRIGGER IF NOT EXISTS registration_grant_days_counts_up BEFORE UPDATE ON registration_grant_days FOR EACH ROW BEGIN IF OLD.caller <> NEW.caller OR OLD.business_day <> NEW.business_day OR NEW.granted <> OLD.granted + 1 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'registration_grant_days: grants are counted one by one'; END IF; END;

CREATE TRIGGER IF NOT EXISTS registration_grant_days_no_delete BEFORE DELETE ON registration_grant_days FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'registration_grant_days: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS request_keys_forgotten_alone BEFORE UPDATE ON request_keys FOR EACH ROW BEGIN IF OLD.owner <> NEW.owner OR OLD.service <> NEW.service OR OLD.request_id <> NEW.request_id
      OR OLD.kind <> NEW.kind OR OLD.response <> NEW.response OR OLD.create_time <> NEW.create_time
      OR OLD.kind NOT IN ('RegisterUser', 'CreateOrder') OR LEFT(OLD.owner, 5) <> 'user:'
      OR NOT EXISTS (SELECT 1 FROM user_erasures e WHERE e.user_id = SUBSTRING(OLD.owner, 6) AND e.state = 'running') THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'request_keys: rows change by an erasure alone'; END IF; END;

CREATE TRIGGER IF NOT EXISTS request_keys_no_delete BEFORE DELETE ON request_keys FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'request_keys: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS reviews_frozen BEFORE UPDATE ON reviews FOR EACH ROW BEGIN IF NOT (OLD.id <=> NEW.id) OR NOT (OLD.reviewer <=> NEW.reviewer) OR NOT (OLD.requested_by <=> NEW.requested_by) OR NOT (OLD.create_time <=> NEW.create_time) OR (OLD.start_time IS NOT NULL AND NOT (OLD.start_time <=> NEW.start_time)) OR (OLD.end_time IS NOT NULL AND NOT (OLD.end_time <=> NEW.end_time)) OR (OLD.document IS NOT NULL AND NOT (OLD.document <=> NEW.document)) OR (OLD.verdict IS NOT NULL AND NOT (OLD.verdict <=> NEW.verdict)) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'reviews: identity and money columns are frozen'; END IF; IF OLD.end_time IS NOT NULL THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'reviews: a review that has ended stays as it is'; END IF; END;

CREATE TRIGGER IF NOT EXISTS reviews_no_delete BEFORE DELETE ON reviews FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'reviews: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS settlement_cases_frozen BEFORE UPDATE ON settlement_cases FOR EACH ROW BEGIN IF NOT (OLD.user_id <=> NEW.user_id) OR NOT (OLD.sequence <=> NEW.sequence) OR NOT (OLD.task_id <=> NEW.task_id) OR NOT (OLD.kind <=> NEW.kind) OR NOT (OLD.units <=> NEW.units) OR NOT (OLD.reason <=> NEW.reason) OR NOT (OLD.open_time <=> NEW.open_time) OR (OLD.resolve_time IS NOT NULL AND NOT (OLD.resolve_time <=> NEW.resolve_time)) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'settlement_cases: identity and money columns are frozen'; END IF; END;

CREATE TRIGGER IF NOT EXISTS settlement_cases_no_delete BEFORE DELETE ON settlement_cases FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'settlement_cases: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS task_tariffs_no_delete BEFORE DELETE ON task_tariffs FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'task_tariffs: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS task_tariffs_no_update BEFORE UPDATE ON task_tariffs FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'task_tariffs: rows are never changed';

CREATE TRIGGER IF NOT EXISTS user_coupons_born_unused BEFORE INSERT ON user_coupons FOR EACH ROW BEGIN IF NEW.status <> 'unused' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'user_coupons: a coupon is born unused'; END IF; END;

CREATE TRIGGER IF NOT EXISTS user_coupons_identity_frozen BEFORE UPDATE ON user_coupons FOR EACH ROW BEGIN IF OLD.id <> NEW.id OR OLD.user_id <> NEW.user_id OR OLD.promotion_id <> NEW.promotion_id
      OR OLD.claim_time <> NEW.claim_time OR OLD.expire_time <> NEW.expire_time THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'user_coupons: identity and validity are frozen'; END IF; END;

CREATE TRIGGER IF NOT EXISTS user_coupons_moves_with_its_order BEFORE UPDATE ON user_coupons FOR EACH ROW BEGIN IF (OLD.status = NEW.status AND NOT (OLD.order_id <=> NEW.order_id AND OLD.discount_amount <=> NEW.discount_amount))
      OR (OLD.status <> NEW.status AND CASE CONCAT(OLD.status, '>', NEW.status)
        WHEN 'unused>expired' THEN FALSE
        WHEN 'unused>locked' THEN NOT EXISTS (
          SELECT 1 FROM orders o WHERE o.id = NEW.order_id AND o.coupon_id = OLD.id AND o.user_id = OLD.user_id
            AND o.discount_amount = NEW.discount_amount AND o.status = 'created')
        WHEN 'locked>used' THEN NOT (OLD.order_id <=> NEW.order_id AND OLD.discount_amount <=> NEW.discount_amount)
          OR NOT EXISTS (SELECT 1 FROM orders o WHERE o.id = NEW.order_id AND o.coupon_id = OLD.id AND o.status = 'paid')
        WHEN 'locked>unused' THEN NOT EXISTS (
          SELECT 1 FROM orders o WHERE o.id = OLD.order_id AND o.coupon_id = OLD.id AND o.status IN ('closed', 'failed'))
        WHEN 'locked>expired' THEN NOT EXISTS (
          SELECT 1 FROM orders o WHERE o.id = OLD.order_id AND o.coupon_id = OLD.id AND o.status IN ('closed', 'failed'))
        WHEN 'used>unused' THEN NOT EXISTS (
          SELECT 1 FROM orders o WHERE o.id = OLD.order_id AND o.coupon_id = OLD.id AND o.status = 'refunded')
        WHEN 'used>expired' THEN NOT EXISTS (
          SELECT 1 FROM orders o WHERE o.id = OLD.order_id AND o.coupon_id = OLD.id AND o.status = 'refunded')
        ELSE TRUE END) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'user_coupons: a coupon moves with its order'; END IF; END;

CREATE TRIGGER IF NOT EXISTS user_coupons_no_delete BEFORE DELETE ON user_coupons FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'user_coupons: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS user_erasures_born_proposed BEFORE INSERT ON user_erasures FOR EACH ROW BEGIN IF NEW.state <> 'proposed' OR NEW.end_time IS NOT NULL OR NEW.next_run_time IS NOT NULL THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'user_erasures: an erasure is proposed first'; END IF; END;

CREATE TRIGGER IF NOT EXISTS user_erasures_frozen BEFORE UPDATE ON user_erasures FOR EACH ROW BEGIN IF NOT (OLD.id <=> NEW.id) OR NOT (OLD.user_id <=> NEW.user_id) OR NOT (OLD.reason <=> NEW.reason) OR NOT (OLD.requested_by <=> NEW.requested_by) OR NOT (OLD.create_time <=> NEW.create_time) OR (OLD.decided_by IS NOT NULL AND NOT (OLD.decided_by <=> NEW.decided_by)) OR (OLD.decide_time IS NOT NULL AND NOT (OLD.decide_time <=> NEW.decide_time)) OR (OLD.start_time IS NOT NULL AND NOT (OLD.start_time <=> NEW.start_time)) OR (OLD.end_time IS NOT NULL AND NOT (OLD.end_time <=> NEW.end_time)) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'user_erasures: identity and money columns are frozen'; END IF; END;

CREATE TRIGGER IF NOT EXISTS user_erasures_moves BEFORE UPDATE ON user_erasures FOR EACH ROW BEGIN IF OLD.state <> NEW.state AND CONCAT(OLD.state, '>', NEW.state) NOT IN
      ('proposed>approved', 'proposed>rejected', 'approved>running', 'running>done', 'done>running') THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'user_erasures: an erasure never goes back'; END IF; END;

CREATE TRIGGER IF NOT EXISTS user_erasures_no_delete BEFORE DELETE ON user_erasures FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'user_erasures: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS user_erasures_second_person BEFORE UPDATE ON user_erasures FOR EACH ROW BEGIN IF OLD.state = 'proposed' AND NEW.state <> 'rejected'
      AND SUBSTRING_INDEX(NEW.decided_by, '/', -1) = SUBSTRING_INDEX(OLD.requested_by, '/', -1) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'user_erasures: nobody approves what they proposed'; END IF; END;

CREATE TRIGGER IF NOT EXISTS user_identities_erased_alone BEFORE UPDATE ON user_identities FOR EACH ROW BEGIN IF OLD.user_id <> NEW.user_id OR OLD.create_time <> NEW.create_time OR NOT EXISTS (SELECT 1 FROM user_erasures e WHERE e.user_id = OLD.user_id AND e.state = 'running') THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'user_identities: rows change by an erasure alone'; END IF; END;

CREATE TRIGGER IF NOT EXISTS user_identities_no_delete BEFORE DELETE ON user_identities FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'user_identities: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS users_frozen BEFORE UPDATE ON users FOR EACH ROW BEGIN IF NOT (OLD.id <=> NEW.id) OR NOT (OLD.create_time <=> NEW.create_time) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'users: identity and money columns are frozen'; END IF; IF NEW.log_sequence < OLD.log_sequence THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'users: the quota log never gets shorter'; END IF; IF NEW.quota_remaining <> OLD.quota_remaining AND NEW.log_sequence = OLD.log_sequence THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'users: the balance changes only together with the quota log'; END IF; END;

CREATE TRIGGER IF NOT EXISTS users_no_delete BEFORE DELETE ON users FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'users: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS wechatpay_notification_bodies_frozen BEFORE UPDATE ON wechatpay_notification_bodies FOR EACH ROW BEGIN IF NOT (OLD.id <=> NEW.id) OR NOT (OLD.inbox_id <=> NEW.inbox_id) OR NOT (OLD.content_hash <=> NEW.content_hash) OR NOT (OLD.create_time <=> NEW.create_time) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'wechatpay_notification_bodies: identity and money columns are frozen'; END IF; END;

CREATE TRIGGER IF NOT EXISTS wechatpay_notification_bodies_key_is_named_by_value BEFORE UPDATE ON wechatpay_notification_bodies FOR EACH ROW BEGIN IF NOT (OLD.sealed_key <=> NEW.sealed_key) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'wechatpay_notification_bodies: the id of the key is taken from the value'; END IF; END;

CREATE TRIGGER IF NOT EXISTS wechatpay_notification_bodies_names_key BEFORE INSERT ON wechatpay_notification_bodies FOR EACH ROW BEGIN IF TRUE THEN SET NEW.sealed_key = SUBSTRING(NEW.sealed_body, 3, LEAST(16, ORD(SUBSTRING(NEW.sealed_body, 2, 1)))); END IF; END;

CREATE TRIGGER IF NOT EXISTS wechatpay_notification_bodies_names_key_again BEFORE UPDATE ON wechatpay_notification_bodies FOR EACH ROW BEGIN IF NOT (OLD.sealed_body <=> NEW.sealed_body) THEN SET NEW.sealed_key = SUBSTRING(NEW.sealed_body, 3, LEAST(16, ORD(SUBSTRING(NEW.sealed_body, 2, 1)))); END IF; END;

CREATE TRIGGER IF NOT EXISTS wechatpay_notification_bodies_no_delete BEFORE DELETE ON wechatpay_notification_bodies FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'wechatpay_notification_bodies: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS wechatpay_notification_bodies_rotated_or_erased BEFORE UPDATE ON wechatpay_notification_bodies FOR EACH ROW BEGIN IF NOT (OLD.sealed_body <=> NEW.sealed_body) AND NOT EXISTS (SELECT 1 FROM key_rotations r WHERE r.end_time IS NULL AND r.key_id = NEW.sealed_key) AND NOT EXISTS (
      SELECT 1 FROM wechatpay_notifications n JOIN orders o ON o.id = n.order_id
      JOIN user_erasures e ON e.user_id = o.user_id AND e.state = 'running'
      WHERE n.id = OLD.inbox_id) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'wechatpay_notification_bodies: a body changes by a rotation or an erasure alone'; END IF; END;

CREATE TRIGGER IF NOT EXISTS wechatpay_notifications_frozen BEFORE UPDATE ON wechatpay_notifications FOR EACH ROW BEGIN IF NOT (OLD.id <=> NEW.id) OR NOT (OLD.event_type <=> NEW.event_type) OR NOT (OLD.subject_id <=> NEW.subject_id) OR NOT (OLD.notification_id <=> NEW.notification_id) OR NOT (OLD.content <=> NEW.content) OR NOT (OLD.create_time <=> NEW.create_time) OR (OLD.apply_time IS NOT NULL AND NOT (OLD.apply_time <=> NEW.apply_time)) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'wechatpay_notifications: identity and money columns are frozen'; END IF; END;

CREATE TRIGGER IF NOT EXISTS wechatpay_notifications_names_order BEFORE INSERT ON wechatpay_notifications FOR EACH ROW BEGIN IF TRUE THEN SET NEW.order_id = CASE WHEN COALESCE(
  JSON_UNQUOTE(JSON_EXTRACT(NEW.content, '$.outTradeNo')), JSON_UNQUOTE(JSON_EXTRACT(NEW.content, '$.refund.outTradeNo'))) REGEXP '^[0-9A-Za-z_-]{1,32}$' THEN COALESCE(
  JSON_UNQUOTE(JSON_EXTRACT(NEW.content, '$.outTradeNo')), JSON_UNQUOTE(JSON_EXTRACT(NEW.content, '$.refund.outTradeNo'))) END; END IF; END;

CREATE TRIGGER IF NOT EXISTS wechatpay_notifications_no_delete BEFORE DELETE ON wechatpay_notifications FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'wechatpay_notifications: rows are never deleted';

CREATE TRIGGER IF NOT EXISTS wechatpay_notifications_order_is_named_by_content BEFORE UPDATE ON wechatpay_notifications FOR EACH ROW BEGIN IF NOT (OLD.order_id <=> NEW.order_id) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'wechatpay_notifications: the order is taken from the content'; END IF; END;

CREATE PROCEDURE `review_checks`()
    READS SQL DATA
SELECT c.TABLE_NAME AS table_name, c.CONSTRAINT_NAME AS name, c.CHECK_CLAUSE AS clause, 'YES' AS enforced
      FROM information_schema.CHECK_CONSTRAINTS c WHERE c.CONSTRAINT_SCHEMA = DATABASE() ORDER BY 1, 2;

CREATE PROCEDURE `review_columns`()
    READS SQL DATA
SELECT t.TABLE_NAME AS table_name, t.ENGINE AS engine, c.COLUMN_NAME AS column_name, c.COLUMN_TYPE AS column_type,
    c.IS_NULLABLE AS is_nullable, c.COLLATION_NAME AS collation_name, c.GENERATION_EXPRESSION AS expression
  FROM information_schema.TABLES t JOIN information_schema.COLUMNS c
    ON c.TABLE_SCHEMA = t.TABLE_SCHEMA AND c.TABLE_NAME = t.TABLE_NAME
  WHERE t.TABLE_SCHEMA = DATABASE() ORDER BY t.TABLE_NAME, c.ORDINAL_POSITION;

CREATE PROCEDURE `review_keys`()
    READS SQL DATA
SELECT TABLE_NAME AS table_name, INDEX_NAME AS key_name, COLUMN_NAME AS column_name
  FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND NON_UNIQUE = 0
  ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX;

CREATE PROCEDURE `review_privileges`()
    READS SQL DATA
SELECT 'access' AS level, CAST(User AS CHAR) AS account, CAST(Host AS CHAR) AS host, CAST('' AS CHAR) AS name,
    CAST('' AS CHAR) AS column_name, CAST(access AS CHAR) AS privileges FROM mysql.billing_server_rights
  UNION ALL SELECT 'role' AS level, CAST(User AS CHAR) AS account, CAST(Host AS CHAR) AS host, CAST(Role AS CHAR) AS name,
    CAST('' AS CHAR) AS column_name, CAST('Role' AS CHAR) AS privileges FROM mysql.roles_mapping
  UNION ALL SELECT 'proxy' AS level, CAST(User AS CHAR) AS account, CAST(Host AS CHAR) AS host, CAST(CONCAT(Proxied_user, '@', Proxied_host) AS CHAR) AS name,
    CAST('' AS CHAR) AS column_name, CAST('Proxy' AS CHAR) AS privileges FROM mysql.proxies_priv
  UNION ALL SELECT 'schema' AS level, CAST(User AS CHAR) AS account, CAST(Host AS CHAR) AS host, CAST('' AS CHAR) AS name,
    CAST('' AS CHAR) AS column_name, CAST(CONCAT_WS(',', CASE WHEN Select_priv = 'Y' THEN 'Select' END, CASE WHEN Insert_priv = 'Y' THEN 'Insert' END, CASE WHEN Update_priv = 'Y' THEN 'Update' END, CASE WHEN Delete_priv = 'Y' THEN 'Delete' END, CASE WHEN Create_priv = 'Y' THEN 'Create' END, CASE WHEN Drop_priv = 'Y' THEN 'Drop' END, CASE WHEN Grant_priv = 'Y' THEN 'Grant' END, CASE WHEN References_priv = 'Y' THEN 'References' END, CASE WHEN Index_priv = 'Y' THEN 'Index' END, CASE WHEN Alter_priv = 'Y' THEN 'Alter' END, CASE WHEN Trigger_priv = 'Y' THEN 'Trigger' END, CASE WHEN Create_tmp_table_priv = 'Y' THEN 'Create_tmp_table' END, CASE WHEN Lock_tables_priv = 'Y' THEN 'Lock_tables' END, CASE WHEN Create_view_priv = 'Y' THEN 'Create_view' END, CASE WHEN Show_view_priv = 'Y' THEN 'Show_view' END, CASE WHEN Create_routine_priv = 'Y' THEN 'Create_routine' END, CASE WHEN Alter_routine_priv = 'Y' THEN 'Alter_routine' END, CASE WHEN Execute_priv = 'Y' THEN 'Execute' END, CASE WHEN Event_priv = 'Y' THEN 'Event' END) AS CHAR) AS privileges FROM mysql.db WHERE DATABASE() LIKE Db
  UNION ALL SELECT 'schema' AS level, CAST(User AS CHAR) AS account, CAST(Host AS CHAR) AS host, CAST('mysql' AS CHAR) AS name,
    CAST('' AS CHAR) AS column_name, CAST(CONCAT_WS(',', CASE WHEN Select_priv = 'Y' THEN 'Select' END, CASE WHEN Insert_priv = 'Y' THEN 'Insert' END, CASE WHEN Update_priv = 'Y' THEN 'Update' END, CASE WHEN Delete_priv = 'Y' THEN 'Delete' END, CASE WHEN Create_priv = 'Y' THEN 'Create' END, CASE WHEN Drop_priv = 'Y' THEN 'Drop' END, CASE WHEN Grant_priv = 'Y' THEN 'Grant' END, CASE WHEN References_priv = 'Y' THEN 'References' END, CASE WHEN Index_priv = 'Y' THEN 'Index' END, CASE WHEN Alter_priv = 'Y' THEN 'Alter' END, CASE WHEN Trigger_priv = 'Y' THEN 'Trigger' END, CASE WHEN Create_tmp_table_priv = 'Y' THEN 'Create_tmp_table' END, CASE WHEN Lock_tables_priv = 'Y' THEN 'Lock_tables' END, CASE WHEN Create_view_priv = 'Y' THEN 'Create_view' END, CASE WHEN Show_view_priv = 'Y' THEN 'Show_view' END, CASE WHEN Create_routine_priv = 'Y' THEN 'Create_routine' END, CASE WHEN Alter_routine_priv = 'Y' THEN 'Alter_routine' END, CASE WHEN Execute_priv = 'Y' THEN 'Execute' END, CASE WHEN Event_priv = 'Y' THEN 'Event' END) AS CHAR) AS privileges FROM mysql.db WHERE 'mysql' LIKE Db
  UNION ALL SELECT 'table' AS level, CAST(User AS CHAR) AS account, CAST(Host AS CHAR) AS host, CAST(CONCAT(CASE WHEN Db = DATABASE() THEN '' ELSE 'mysql.' END, Table_name) AS CHAR) AS name,
    CAST('' AS CHAR) AS column_name, CAST(Table_priv AS CHAR) AS privileges FROM mysql.tables_priv WHERE Db IN (DATABASE(), 'mysql')
  UNION ALL SELECT 'column' AS level, CAST(User AS CHAR) AS account, CAST(Host AS CHAR) AS host, CAST(CONCAT(CASE WHEN Db = DATABASE() THEN '' ELSE 'mysql.' END, Table_name) AS CHAR) AS name,
    CAST(Column_name AS CHAR) AS column_name, CAST(Column_priv AS CHAR) AS privileges FROM mysql.columns_priv WHERE Db IN (DATABASE(), 'mysql')
  UNION ALL SELECT 'routine' AS level, CAST(User AS CHAR) AS account, CAST(Host AS CHAR) AS host, CAST(CONCAT(CASE WHEN Db = DATABASE() THEN '' ELSE 'mysql.' END, Routine_name) AS CHAR) AS name,
    CAST('' AS CHAR) AS column_name, CAST(Proc_priv AS CHAR) AS privileges FROM mysql.procs_priv WHERE Db IN (DATABASE(), 'mysql');

CREATE PROCEDURE `review_triggers`()
    READS SQL DATA
SELECT TRIGGER_NAME AS name, EVENT_OBJECT_TABLE AS table_name, ACTION_TIMING AS timing, EVENT_MANIPULATION AS event,
    ACTION_STATEMENT AS body
  FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() ORDER BY TRIGGER_NAME;

CREATE PROCEDURE `review_unsealed`()
    READS SQL DATA
SELECT t.table_name, t.subject FROM (
    SELECT 'order_payers' AS table_name, order_id AS subject FROM order_payers WHERE LEFT(sealed_payer, 1) <> X'01'
    UNION ALL
    SELECT 'wechatpay_notification_bodies', id FROM wechatpay_notification_bodies WHERE LEFT(sealed_body, 1) <> X'01'
  ) t LIMIT 1000;
