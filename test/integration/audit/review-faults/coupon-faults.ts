import type { Fault } from '../../../support/review-faults';

const ORDERS = ['orders'];
const A_DISCOUNTED_ORDER =
  "SELECT id, coupon_id, discount_amount, final_amount FROM orders WHERE status = 'paid' AND coupon_id IS NOT NULL AND final_amount > 0";

/** Changes what an order says it cost, with everything that must add up inside the row. */
const REPRICE = `UPDATE orders SET discount_amount = discount_amount + ?, final_amount = final_amount - ?,
  net_amount = ROUND((final_amount * 10000) / (10000 + tax_rate_basis_points)), tax_amount = final_amount - net_amount WHERE id = ?`;

/** Amounts, coupons and promotions: must show 1 of the audit's issue (R13.1 to R13.8). */
export const COUPON_FAULTS: readonly Fault[] = [
  {
    what: 'an order is given a greater discount than its promotion gives, and all of its sums with it',
    check: 'wrong-discount',
    tables: ORDERS,
    plant: async ({ one, change }) => {
      const order = await one(A_DISCOUNTED_ORDER);
      await change(REPRICE, [500, 500, order['id']]);
      return { order_id: String(order['id']), discount_amount: Number(order['discount_amount']) + 500 };
    },
  },
  {
    what: 'the percentage of a promotion is changed after its coupons were used',
    check: 'wrong-discount',
    tables: ['promotions'],
    plant: async ({ one, change }) => {
      const promotion = await one("SELECT id FROM promotions WHERE discount_type = 'percentage'");
      await change('UPDATE promotions SET discount_value = 10 WHERE id = ?', [promotion['id']]);
      return { promotion_id: String(promotion['id']), due_discount: '990' };
    },
  },
  {
    what: 'an order is given a discount without any coupon',
    check: 'discount-without-coupon',
    tables: ORDERS,
    plant: async ({ one, change }) => {
      const order = await one(
        "SELECT id FROM orders WHERE status = 'paid' AND coupon_id IS NULL AND kind = 'purchase' AND plan_id = 'monthly'",
      );
      await change(REPRICE, [9_800, 9_800, order['id']]);
      return { order_id: String(order['id']), coupon_id: null, discount_amount: 9_800 };
    },
  },
  {
    what: 'an order uses the coupon of somebody else',
    check: 'discount-without-coupon',
    tables: ['user_coupons'],
    plant: async ({ one, change }) => {
      const order = await one(A_DISCOUNTED_ORDER);
      await change("UPDATE user_coupons SET user_id = 'somebody-else' WHERE id = ?", [order['coupon_id']]);
      return { order_id: String(order['id']), coupon_id: String(order['coupon_id']) };
    },
  },
  {
    what: 'a coupon is used for an order below the least amount of its promotion',
    check: 'discount-not-applicable',
    tables: ['promotions'],
    plant: async ({ one, change }) => {
      const order = await one(
        `SELECT o.id, c.promotion_id FROM orders o JOIN user_coupons c ON c.id = o.coupon_id WHERE o.status = 'paid' AND o.final_amount > 0`,
      );
      await change('UPDATE promotions SET min_order_amount = 1000000 WHERE id = ?', [order['promotion_id']]);
      return { order_id: String(order['id']), min_order_amount: 1_000_000 };
    },
  },
  {
    what: 'a coupon makes an order free that its promotion may not make free',
    check: 'discount-not-applicable',
    tables: ['promotions'],
    plant: async ({ one, change }) => {
      const free = await one('SELECT o.id FROM orders o WHERE o.final_amount = 0');
      await change('UPDATE promotions SET may_be_free = 0 WHERE may_be_free = 1');
      return { order_id: String(free['id']), final_amount: 0, may_be_free: 0 };
    },
  },
  {
    what: 'a coupon for new users is used by a member',
    check: 'discount-not-applicable',
    tables: ['promotions', 'membership_periods'],
    plant: async ({ one, change }) => {
      const order = await one(
        `SELECT o.id, o.user_id, c.promotion_id FROM orders o JOIN user_coupons c ON c.id = o.coupon_id
        WHERE o.status = 'paid' AND o.final_amount > 0`,
      );
      await change('UPDATE promotions SET new_users_only = 1 WHERE id = ?', [order['promotion_id']]);
      await change('UPDATE membership_periods SET create_time = create_time - INTERVAL 1 DAY WHERE user_id = ?', [
        order['user_id'],
      ]);
      return { order_id: String(order['id']), new_users_only: 1 };
    },
  },
  {
    what: 'the price of an order is lowered, and what was paid with it',
    check: 'order-not-as-priced',
    tables: ['orders', 'payments'],
    plant: async ({ one, change }) => {
      const order = await one(
        "SELECT id FROM orders WHERE status = 'paid' AND coupon_id IS NULL AND kind = 'purchase' AND plan_id = 'monthly'",
      );
      await change(
        `UPDATE orders SET original_amount = 100, final_amount = 100,
          net_amount = ROUND(1000000 / (10000 + tax_rate_basis_points)), tax_amount = 100 - net_amount WHERE id = ?`,
        [order['id']],
      );
      await change('UPDATE payments SET amount = 100 WHERE order_id = ?', [order['id']]);
      return { subject: String(order['id']), price: 100, price_of_version: 9_900 };
    },
  },
  {
    what: 'an order is moved to a time at which its price was not valid',
    check: 'order-at-another-times-price',
    tables: ['plan_prices'],
    plant: async ({ one, change }) => {
      const order = await one("SELECT id, plan_price_id FROM orders WHERE plan_id = 'monthly'");
      await change("UPDATE plan_prices SET valid_to = '2024-01-01' WHERE id = ?", [order['plan_price_id']]);
      return { valid_to: '2024-01-01T00:00:00.000Z' };
    },
  },
  {
    what: 'the discount of an order is altered and nothing else',
    check: 'amounts-do-not-add-up',
    tables: ORDERS,
    plant: async ({ one, change }) => {
      const order = await one(A_DISCOUNTED_ORDER);
      await change('UPDATE orders SET discount_amount = discount_amount - 1 WHERE id = ?', [order['id']]);
      return { order_id: String(order['id']), final_amount: Number(order['final_amount']) };
    },
  },
  {
    what: 'tax is moved into the net amount of an order',
    check: 'wrong-tax',
    tables: ORDERS,
    plant: async ({ one, change }) => {
      const order = await one("SELECT id, net_amount FROM orders WHERE status = 'paid' AND final_amount > 100");
      await change('UPDATE orders SET net_amount = net_amount + 1, tax_amount = tax_amount - 1 WHERE id = ?', [
        order['id'],
      ]);
      return { order_id: String(order['id']), net_amount: Number(order['net_amount']) + 1 };
    },
  },
  {
    what: 'a coupon is used for two orders',
    check: 'coupon-used-twice',
    tables: ORDERS,
    plant: async ({ one, change }) => {
      const used = await one(
        `SELECT o.id, o.coupon_id, o.discount_amount FROM orders o JOIN user_coupons c ON c.order_id = o.id WHERE c.status = 'used'
        AND o.final_amount > 0`,
      );
      const other = await one(
        "SELECT id FROM orders WHERE status = 'paid' AND coupon_id IS NULL AND kind = 'purchase' AND plan_id = 'monthly'",
      );
      await change('UPDATE orders SET coupon_id = ? WHERE id = ?', [used['coupon_id'], other['id']]);
      return { coupon_id: String(used['coupon_id']), orders: 2 };
    },
  },
  {
    what: 'a used coupon is made unused again',
    check: 'coupon-disagrees-with-order',
    tables: ['user_coupons'],
    plant: async ({ one, change }) => {
      const used = await one("SELECT id, order_id FROM user_coupons WHERE status = 'used'");
      await change("UPDATE user_coupons SET status = 'unused', order_id = NULL, discount_amount = NULL WHERE id = ?", [
        used['id'],
      ]);
      return { coupon_id: String(used['id']), order_id: String(used['order_id']), coupon_status: 'unused' };
    },
  },
  {
    what: 'a coupon is used though its order was never paid',
    check: 'coupon-disagrees-with-order',
    tables: ['user_coupons'],
    plant: async ({ one, change }) => {
      const held = await one("SELECT id FROM user_coupons WHERE status = 'locked'");
      await change("UPDATE user_coupons SET status = 'used' WHERE id = ?", [held['id']]);
      return { coupon_id: String(held['id']), coupon_status: 'used', order_status: 'pending' };
    },
  },
  {
    what: 'a closed order keeps its coupon locked',
    check: 'coupon-not-released',
    tables: ['user_coupons'],
    plant: async ({ one, change }) => {
      const closed = await one(
        "SELECT id, coupon_id, discount_amount FROM orders WHERE status = 'closed' AND coupon_id IS NOT NULL",
      );
      await change("UPDATE user_coupons SET status = 'locked', order_id = ?, discount_amount = ? WHERE id = ?", [
        ...[closed['id'], closed['discount_amount'], closed['coupon_id']],
      ]);
      return { order_id: String(closed['id']), status: 'closed', coupon_id: String(closed['coupon_id']) };
    },
  },
  {
    what: 'a user is given a second coupon of a promotion, for which the unique key was taken away',
    check: 'coupon-claimed-twice',
    tables: ['user_coupons', 'promotions'],
    plant: async ({ one, rows, change }) => {
      const first = await one("SELECT user_id, promotion_id FROM user_coupons WHERE status = 'unused'");
      await rows('ALTER TABLE user_coupons DROP INDEX uk_user_promotion');
      await change(
        `INSERT INTO user_coupons (id, user_id, promotion_id, status, claim_time, expire_time)
        SELECT 'second', user_id, promotion_id, 'unused', claim_time, expire_time FROM user_coupons WHERE user_id = ?`,
        [first['user_id']],
      );
      await change('UPDATE promotions SET claimed_count = claimed_count + 1 WHERE id = ?', [first['promotion_id']]);
      return { user_id: String(first['user_id']), promotion_id: String(first['promotion_id']), coupons: 2 };
    },
    undo: async ({ rows }) => {
      await rows("DELETE FROM user_coupons WHERE id = 'second'");
      await rows('ALTER TABLE user_coupons ADD UNIQUE KEY uk_user_promotion (user_id, promotion_id)');
    },
  },
  {
    what: 'more coupons were claimed than there are',
    check: 'coupons-over-issued',
    tables: ['promotions'],
    plant: async ({ one, change }) => {
      const promotion = await one('SELECT id FROM promotions WHERE claimed_count > 1');
      await change('UPDATE promotions SET total_quota = 1 WHERE id = ?', [promotion['id']]);
      return { promotion_id: String(promotion['id']), total_quota: 1 };
    },
  },
  {
    what: 'a coupon was claimed before its promotion was there',
    check: 'coupon-claimed-too-early',
    tables: ['user_coupons'],
    plant: async ({ one, change }) => {
      const coupon = await one('SELECT id FROM user_coupons');
      await change('UPDATE user_coupons SET claim_time = claim_time - INTERVAL 1 YEAR WHERE id = ?', [coupon['id']]);
      return { coupon_id: String(coupon['id']) };
    },
  },
  {
    what: 'a coupon was used after its time',
    check: 'coupon-outside-validity',
    tables: ['user_coupons'],
    plant: async ({ one, change }) => {
      const order = await one(A_DISCOUNTED_ORDER);
      await change(
        'UPDATE user_coupons SET expire_time = claim_time + INTERVAL 1 SECOND, claim_time = claim_time - INTERVAL 1 DAY WHERE id = ?',
        [order['coupon_id']],
      );
      await change('UPDATE user_coupons SET expire_time = claim_time + INTERVAL 1 HOUR WHERE id = ?', [
        order['coupon_id'],
      ]);
      return { order_id: String(order['id']), coupon_id: String(order['coupon_id']) };
    },
  },
  {
    what: 'a coupon that had expired is given a longer life',
    check: 'coupon-outside-validity',
    tables: ['user_coupons'],
    plant: async ({ one, change }) => {
      const order = await one(A_DISCOUNTED_ORDER);
      await change('UPDATE user_coupons SET claim_time = claim_time - INTERVAL 60 DAY WHERE id = ?', [
        order['coupon_id'],
      ]);
      return { order_id: String(order['id']), coupon_id: String(order['coupon_id']) };
    },
  },
  {
    what: 'a claim is not counted',
    check: 'coupon-stock-wrong',
    tables: ['promotions'],
    plant: async ({ one, change }) => {
      const { id, claimed_count: count } = await one(
        'SELECT id, claimed_count FROM promotions WHERE claimed_count > 1',
      );
      await change('UPDATE promotions SET claimed_count = claimed_count - 1 WHERE id = ?', [id]);
      return { promotion_id: String(id), claimed_count: Number(count) - 1, coupons: Number(count) };
    },
  },
  {
    what: 'a claimed coupon is deleted',
    check: 'coupon-stock-wrong',
    tables: ['user_coupons'],
    plant: async ({ one, change }) => {
      const { id, promotion_id: promotionId } = await one(
        "SELECT id, promotion_id FROM user_coupons WHERE status = 'unused'",
      );
      await change('DELETE FROM user_coupons WHERE id = ?', [id]);
      return { promotion_id: String(promotionId) };
    },
  },
  {
    what: 'the used budget of a promotion is lowered',
    check: 'promotion-budget-wrong',
    tables: ['promotions'],
    plant: async ({ one, change }) => {
      const { id, budget_used: used } = await one('SELECT id, budget_used FROM promotions WHERE budget_used > 0');
      await change('UPDATE promotions SET budget_used = 0 WHERE id = ?', [id]);
      return { promotion_id: String(id), budget_used: 0, discounts: String(used) };
    },
  },
  {
    what: 'a paid order no longer names the coupon that it used',
    check: 'gmv-wrong',
    tables: ORDERS,
    plant: async ({ one, change }) => {
      const order = await one(
        "SELECT o.id, c.promotion_id FROM orders o JOIN user_coupons c ON c.order_id = o.id WHERE c.status = 'used' AND o.final_amount > 0",
      );
      await change('UPDATE orders SET coupon_id = NULL WHERE id = ?', [order['id']]);
      return { promotion_id: String(order['promotion_id']) };
    },
  },
  {
    what: 'who made a promotion that gives things away let it take effect himself',
    check: 'promotion-without-second-person',
    tables: ['audit_logs'],
    plant: async ({ one, change }) => {
      const promotion = await one('SELECT id, created_by FROM promotions WHERE may_be_free = 1');
      await change("UPDATE audit_logs SET actor = ? WHERE action = 'SetPromotionStatus' AND subject_id = ?", [
        ...[promotion['created_by'], promotion['id']],
      ]);
      return { promotion_id: String(promotion['id']), activated_by: String(promotion['created_by']) };
    },
  },
];
