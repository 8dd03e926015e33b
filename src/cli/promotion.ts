import { Option, type Command } from 'commander';
import { systemClock } from '../platform/clock';
import {
  DiscountType,
  PromotionServiceClient,
  PromotionStatus,
  SuspicionReason,
  type Promotion,
} from '../gen/billing/v1/promotion_service.pb';
import { checkPromotionsOf } from './check-promotions';
import { callUnary, findDatabaseUrl } from './connection';
import type { Cell } from './output';
import { addPaging, tellNextPage, type CommandParts, type PagingOptions } from './quota';

/** The commands that look at promotions. */

/** Adds `promotion list`, `show`, `stats`, `suspects` and `check`. */
export function addPromotionCommands(program: Command, parts: CommandParts): void {
  const promotion = program.command('promotion').description('look at promotions and who claims from them');
  addList(promotion, parts);
  addShow(promotion, parts);
  addStats(promotion, parts);
  addSuspects(promotion, parts);
  addCheck(promotion, parts);
}

const STATUSES = ['draft', 'active', 'paused', 'ended'] as const;
type Status = (typeof STATUSES)[number];

/** Fen, or percent; with the most that it may be. */
function discountOf({ discountType, discountValue, maxDiscount }: Promotion): string {
  const limit = maxDiscount === 0 ? '' : `, at most ${maxDiscount}`;
  return `${discountValue}${discountType === DiscountType.PERCENTAGE ? '%' : ''}${limit}`;
}

function addList(promotion: Command, { output, withClient }: CommandParts): void {
  const list = promotion
    .command('list')
    .description('promotions by id')
    .addOption(new Option('--status <status>', 'only those that stand there').choices(STATUSES));
  addPaging(list).action(async (options: PagingOptions & { readonly status?: Status }) => {
    const { pageSize, pageToken = '' } = options;
    const status = options.status === undefined ? PromotionStatus.UNSPECIFIED : wireStatus(options.status);
    const page = await withClient(PromotionServiceClient, (client) =>
      callUnary(client.listPromotions.bind(client), { status, pageSize, pageToken }, systemClock.now()),
    );
    output().rows(
      ['promotion', 'name', 'status', 'discount', 'claimed', 'stock', 'budget used fen', 'budget fen', 'claims end'],
      page.promotions.map((one) => [
        ...[one.promotionId, one.name, PromotionStatus[one.status], discountOf(one), one.claimedCount],
        ...[one.totalQuota, one.budgetUsed, one.budget, one.claimEndTime],
      ]),
    );
    tellNextPage(page.nextPageToken);
  });
}

function wireStatus(status: Status): PromotionStatus {
  const known = {
    draft: PromotionStatus.DRAFT,
    active: PromotionStatus.ACTIVE,
    paused: PromotionStatus.PAUSED,
    ended: PromotionStatus.ENDED,
  } as const;
  return known[status];
}

function addShow(promotion: Command, { output, withClient }: CommandParts): void {
  promotion
    .command('show <promotion_id>')
    .description('everything about one promotion')
    .action(async (promotionId: string) => {
      const { promotion: one } = await withClient(PromotionServiceClient, (client) =>
        callUnary(client.getPromotion.bind(client), { promotionId }, systemClock.now()),
      );
      output().record(one === undefined ? {} : promotionFields(one));
    });
}

function promotionFields(one: Promotion): Readonly<Record<string, Cell>> {
  return {
    promotion_id: one.promotionId,
    name: one.name,
    status: PromotionStatus[one.status],
    discount_type: DiscountType[one.discountType],
    discount_value: one.discountValue,
    max_discount: one.maxDiscount,
    min_order_amount: one.minOrderAmount,
    plan_ids: one.planIds.join(' '),
    total_quota: one.totalQuota,
    claimed_count: one.claimedCount,
    budget: one.budget,
    budget_used: one.budgetUsed,
    claim_start_time: one.claimStartTime,
    claim_end_time: one.claimEndTime,
    coupon_expire_time: one.couponExpireTime,
    coupon_valid_days: one.couponValidDays,
    new_users_only: one.newUsersOnly,
    may_be_free: one.mayBeFree,
    returned_on_refund: one.returnedOnRefund,
    created_by: one.createdBy,
    create_time: one.createTime,
  };
}

/** Basis points as a percentage with two digits; 10 000 are 100.00%. */
function percentage(basisPoints: number): string {
  return `${Math.trunc(basisPoints / 100)}.${String(basisPoints % 100).padStart(2, '0')}%`;
}

function addStats(promotion: Command, { output, withClient }: CommandParts): void {
  promotion
    .command('stats <promotion_id>')
    .description("what became of a promotion's coupons, and what they cost and brought")
    .action(async (promotionId: string) => {
      const stats = await withClient(PromotionServiceClient, (client) =>
        callUnary(client.getPromotionStats.bind(client), { promotionId }, systemClock.now()),
      );
      output().record({
        promotion_id: promotionId,
        claimed: stats.claimed,
        unused: stats.unused,
        locked: stats.locked,
        used: stats.used,
        expired: stats.expired,
        conversion: percentage(stats.conversionBasisPoints),
        orders: stats.orders,
        gmv_fen: stats.gmv,
        discount_given_fen: stats.discountGiven,
      });
    });
}

function addSuspects(promotion: Command, { output, withClient }: CommandParts): void {
  const suspects = promotion.command('suspects').description('users who claim as farmers do, by user id');
  addPaging(suspects).action(async ({ pageSize, pageToken = '' }: PagingOptions) => {
    const page = await withClient(PromotionServiceClient, (client) =>
      callUnary(client.listSuspiciousClaimers.bind(client), { pageSize, pageToken }, systemClock.now()),
    );
    output().rows(
      ['user', 'reasons', 'claims', 'paid orders', 'users sharing'],
      page.claimers.map(({ userId, reasons, claims, paidOrders, usersSharing }) => {
        const names = reasons.map((reason) => SuspicionReason[reason]).join(' ');
        return [userId, names, claims, paidOrders, usersSharing];
      }),
    );
    tellNextPage(page.nextPageToken);
  });
}

function addCheck(promotion: Command, { output }: CommandParts): void {
  promotion
    .command('check')
    .description(
      'compare stock, budget, GMV and held coupons of every promotion with coupons and orders (DATABASE_URL; default: the local stack)',
    )
    .action(async () => {
      const { promotions, coupons, faults } = await checkPromotionsOf(findDatabaseUrl());
      output().recordWithRows(
        { verdict: faults.length === 0 ? 'ok' : 'FAULT', promotions, coupons },
        'faults',
        ['promotion', 'figure', 'recorded', 'counted'],
        faults.map(({ promotionId, figure, recorded, counted }) => [promotionId, figure, recorded, counted]),
      );
      if (faults.length > 0) process.exitCode = 1;
    });
}
