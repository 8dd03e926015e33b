import type { Knex } from 'knex';
import * as createUsers from './0001_create_users';
import * as createPlans from './0002_create_plans';
import * as createPlanPrices from './0003_create_plan_prices';
import * as createOrders from './0004_create_orders';
import * as createPayments from './0005_create_payments';
import * as guardOrders from './0006_guard_orders';
import * as createQuotaGrants from './0007_create_quota_grants';
import * as createQuotaLogs from './0008_create_quota_logs';
import * as createMembershipPeriods from './0009_create_membership_periods';
import * as createWechatpayNotifications from './0010_create_wechatpay_notifications';
import * as createWechatpayNotificationBodies from './0011_create_wechatpay_notification_bodies';
import * as createRequestKeys from './0012_create_request_keys';
import * as createAuditLogs from './0013_create_audit_logs';
import * as createOutbox from './0014_create_outbox';
import * as seedPlans from './0015_seed_plans';
import * as letLogRowsNameTheirCharge from './0016_let_log_rows_name_their_charge';
import * as letQuotaGrantsBeRevoked from './0017_let_quota_grants_be_revoked';
import * as createQuotaCharges from './0018_create_quota_charges';
import * as createQuotaTaskOutcomes from './0019_create_quota_task_outcomes';
import * as createSettlementCases from './0020_create_settlement_cases';
import * as createRequestRefusals from './0021_create_request_refusals';
import * as letEventsTellOfManyUsers from './0022_let_events_tell_of_many_users';
import * as createPromotions from './0023_create_promotions';
import * as createUserCoupons from './0024_create_user_coupons';
import * as letOrdersCarryCoupons from './0025_let_orders_carry_coupons';
import * as createUserIdentities from './0026_create_user_identities';
import * as letAuditsNameNoUser from './0027_let_audits_name_no_user';
import * as createAlerts from './0028_create_alerts';
import * as createRefunds from './0029_create_refunds';
import * as letPaymentsTellDiscounts from './0030_let_payments_tell_discounts';
import * as letOrdersEnd from './0031_let_orders_end';
import * as createOrderPayers from './0032_create_order_payers';
import * as letPeriodsBeRevoked from './0033_let_periods_be_revoked';
import * as indexNotificationsByStatus from './0034_index_notifications_by_status';
import * as showMoneyLeftToPeople from './0035_show_money_left_to_people';
import * as letPlansGiveByInterval from './0036_let_plans_give_by_interval';
import * as letPeriodsGiveByInterval from './0037_let_periods_give_by_interval';
import * as letOrdersCreditOrders from './0038_let_orders_credit_orders';
import * as createMembershipNotices from './0039_create_membership_notices';
import * as createGiftCampaigns from './0040_create_gift_campaigns';
import * as createTaskTariffs from './0041_create_task_tariffs';
import * as createFeatureCharges from './0042_create_feature_charges';
import * as letEventsBeDelivered from './0043_let_events_be_delivered';
import * as createEventDeliveries from './0044_create_event_deliveries';
import * as rememberJobs from './0045_remember_jobs';
import * as chainAuditLogs from './0046_chain_audit_logs';
import * as createAccessLogs from './0047_create_access_logs';
import * as createAuditAnchors from './0048_create_audit_anchors';
import * as createReviews from './0049_create_reviews';
import * as letRefundsBeApproved from './0050_let_refunds_be_approved';
import * as createKeyRotations from './0051_create_key_rotations';
import * as letUsersBeErased from './0052_let_users_be_erased';
import * as letReviewsSeeGuards from './0053_let_reviews_see_guards';
import * as letReviewsSeeSeals from './0054_let_reviews_see_seals';

interface Migration {
  readonly name: string;
  readonly up: (knex: Knex) => Promise<void>;
}

/** Every migration in order. Names carry no file extension, so that TypeScript and compiled runs are the same history. */
export const MIGRATIONS: readonly Migration[] = [
  { name: '0001_create_users', up: createUsers.up },
  { name: '0002_create_plans', up: createPlans.up },
  { name: '0003_create_plan_prices', up: createPlanPrices.up },
  { name: '0004_create_orders', up: createOrders.up },
  { name: '0005_create_payments', up: createPayments.up },
  { name: '0006_guard_orders', up: guardOrders.up },
  { name: '0007_create_quota_grants', up: createQuotaGrants.up },
  { name: '0008_create_quota_logs', up: createQuotaLogs.up },
  { name: '0009_create_membership_periods', up: createMembershipPeriods.up },
  { name: '0010_create_wechatpay_notifications', up: createWechatpayNotifications.up },
  { name: '0011_create_wechatpay_notification_bodies', up: createWechatpayNotificationBodies.up },
  { name: '0012_create_request_keys', up: createRequestKeys.up },
  { name: '0013_create_audit_logs', up: createAuditLogs.up },
  { name: '0014_create_outbox', up: createOutbox.up },
  { name: '0015_seed_plans', up: seedPlans.up },
  { name: '0016_let_log_rows_name_their_charge', up: letLogRowsNameTheirCharge.up },
  { name: '0017_let_quota_grants_be_revoked', up: letQuotaGrantsBeRevoked.up },
  { name: '0018_create_quota_charges', up: createQuotaCharges.up },
  { name: '0019_create_quota_task_outcomes', up: createQuotaTaskOutcomes.up },
  { name: '0020_create_settlement_cases', up: createSettlementCases.up },
  { name: '0021_create_request_refusals', up: createRequestRefusals.up },
  { name: '0022_let_events_tell_of_many_users', up: letEventsTellOfManyUsers.up },
  { name: '0023_create_promotions', up: createPromotions.up },
  { name: '0024_create_user_coupons', up: createUserCoupons.up },
  { name: '0025_let_orders_carry_coupons', up: letOrdersCarryCoupons.up },
  { name: '0026_create_user_identities', up: createUserIdentities.up },
  { name: '0027_let_audits_name_no_user', up: letAuditsNameNoUser.up },
  { name: '0028_create_alerts', up: createAlerts.up },
  { name: '0029_create_refunds', up: createRefunds.up },
  { name: '0030_let_payments_tell_discounts', up: letPaymentsTellDiscounts.up },
  { name: '0031_let_orders_end', up: letOrdersEnd.up },
  { name: '0032_create_order_payers', up: createOrderPayers.up },
  { name: '0033_let_periods_be_revoked', up: letPeriodsBeRevoked.up },
  { name: '0034_index_notifications_by_status', up: indexNotificationsByStatus.up },
  { name: '0035_show_money_left_to_people', up: showMoneyLeftToPeople.up },
  { name: '0036_let_plans_give_by_interval', up: letPlansGiveByInterval.up },
  { name: '0037_let_periods_give_by_interval', up: letPeriodsGiveByInterval.up },
  { name: '0038_let_orders_credit_orders', up: letOrdersCreditOrders.up },
  { name: '0039_create_membership_notices', up: createMembershipNotices.up },
  { name: '0040_create_gift_campaigns', up: createGiftCampaigns.up },
  { name: '0041_create_task_tariffs', up: createTaskTariffs.up },
  { name: '0042_create_feature_charges', up: createFeatureCharges.up },
  { name: '0043_let_events_be_delivered', up: letEventsBeDelivered.up },
  { name: '0044_create_event_deliveries', up: createEventDeliveries.up },
  { name: '0045_remember_jobs', up: rememberJobs.up },
  { name: '0046_chain_audit_logs', up: chainAuditLogs.up },
  { name: '0047_create_access_logs', up: createAccessLogs.up },
  { name: '0048_create_audit_anchors', up: createAuditAnchors.up },
  { name: '0049_create_reviews', up: createReviews.up },
  { name: '0050_let_refunds_be_approved', up: letRefundsBeApproved.up },
  { name: '0051_create_key_rotations', up: createKeyRotations.up },
  { name: '0052_let_users_be_erased', up: letUsersBeErased.up },
  { name: '0053_let_reviews_see_guards', up: letReviewsSeeGuards.up },
  { name: '0054_let_reviews_see_seals', up: letReviewsSeeSeals.up },
];

/** Feeds a list to knex. Migrations only go forward: a mistake is mended by the next one. */
function sourceOf(migrations: readonly Migration[]): Knex.MigrationSource<Migration> {
  return {
    getMigrations: () => Promise.resolve([...migrations]),
    getMigrationName: (migration) => migration.name,
    getMigration: (migration) =>
      Promise.resolve({
        // MySQL DDL commits by itself; a transaction around it would promise what it can not keep.
        config: { transaction: false },
        up: migration.up,
        down: () => Promise.reject(new Error(`${migration.name} can not be taken back: write the next migration`)),
      }),
  };
}

/** Brings a database up to date, or to the end of a shorter list. Returns the names of the migrations that ran. */
export async function migrateToLatest(knex: Knex, migrations = MIGRATIONS): Promise<readonly string[]> {
  const [, names] = (await knex.migrate.latest({
    migrationSource: sourceOf(migrations),
    disableMigrationsListValidation: false,
  })) as [number, string[]];
  return names;
}
