import { DiscountType } from '../../../src/gen/billing/v1/promotion_service.pb';
import { mustSucceed } from '../../support/clients';
import { billingAs } from '../../support/command';
import { registerUser, startHarness, until, type Harness } from '../../support/harness';
import { createOrderCall } from '../../support/order-calls';
import { makeActive, makeDraft, statsCall } from '../../support/promotion-calls';
import { claim } from '../../support/promotions';

let h: Harness;
const userIds: string[] = [];

beforeAll(async () => {
  h = await startHarness();
  await makeDraft(h, {
    promotionId: 'promo-b',
    discountType: DiscountType.PERCENTAGE,
    discountValue: 15,
    maxDiscount: 3_000,
  });
  await makeActive(h, { promotionId: 'promo-a', name: '立减十元', budget: 50_000 });
  for (let n = 0; n < 3; n += 1) {
    const userId = await registerUser(h);
    userIds.push(userId);
    const { couponId } = await claim(h, userId, 'promo-a');
    if (n > 0) continue;
    const { order } = await mustSucceed(createOrderCall(h, { userId, couponId }));
    await h.control('/_control/pay', { order_id: order?.orderId });
  }
  for (const userId of userIds.slice(1)) {
    await h.db.query("INSERT INTO user_identities VALUES (REPEAT('x', 32), ?, '2026-01-01')", [userId]);
  }
  await until('the payment', async () => (await mustSucceed(statsCall(h, 'promo-a'))).used === 1);
});
afterAll(() => h.stop());

const run = (...words: string[]) => billingAs(h, 'auditor', words);

async function json(...words: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await run('--json', 'promotion', ...words);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

describe('billing promotion', () => {
  test('list shows promotions by id, or those of a status, and tells where to go on', async () => {
    const active = {
      promotion: 'promo-a',
      name: '立减十元',
      status: 'ACTIVE',
      discount: '1000',
      claimed: 3,
      stock: 10,
    };
    const draft = { promotion: 'promo-b', status: 'DRAFT', discount: '15%, at most 3000', claimed: 0 };
    expect(await json('list')).toMatchObject([{ ...active, budget_used_fen: 1_000, budget_fen: 50_000 }, draft]);
    expect(await json('list', '--status', 'draft')).toMatchObject([draft]);
    const first = await run('promotion', 'list', '--page-size', '1');
    expect(first.stdout).toContain('promo-a');
    expect(first.stdout).not.toContain('promo-b');
    const [, token = ''] = /--page-token (\S+)/.exec(first.stderr) ?? [];
    expect(await json('list', '--page-size', '1', '--page-token', token)).toMatchObject([draft]);
    expect(await run('promotion', 'list', '--status', 'odd')).toMatchObject({ code: 1 });
  });

  test('show shows every field of one; of an unknown one it fails with the reason', async () => {
    expect(await json('show', 'promo-a')).toMatchObject({
      ...{ promotion_id: 'promo-a', status: 'ACTIVE', discount_type: 'FIXED_AMOUNT', discount_value: 1_000 },
      ...{ total_quota: 10, claimed_count: 3, budget: 50_000, budget_used: 1_000, coupon_valid_days: 30 },
      ...{ may_be_free: false, created_by: 'spiffe://billing/operations/operations' },
    });
    const { code, stderr } = await run('--json', 'promotion', 'show', 'no-such');
    expect([code, JSON.parse(stderr)]).toMatchObject([1, { code: 'NOT_FOUND', reason: 'PROMOTION_NOT_FOUND' }]);
  });

  test('stats shows what became of the coupons, with the part that was used', async () => {
    expect(await json('stats', 'promo-a')).toEqual({
      ...{ promotion_id: 'promo-a', claimed: 3, unused: 2, locked: 0, used: 1, expired: 0, conversion: '33.33%' },
      ...{ orders: 1, gmv_fen: 8_900, discount_given_fen: 1_000 },
    });
    expect(await json('stats', 'promo-b')).toMatchObject({ claimed: 0, conversion: '0.00%' });
  });

  test('suspects shows who shares an identity', async () => {
    const entry = { reasons: 'SHARED_IDENTITY', claims: 1, paid_orders: 0, users_sharing: 1 };
    expect(await json('suspects')).toEqual(
      userIds
        .slice(1)
        .sort()
        .map((user) => ({ user, ...entry })),
    );
  });

  test('shows people aligned tables', async () => {
    for (const words of [['list'], ['show', 'promo-a'], ['stats', 'promo-a'], ['suspects']]) {
      const { code, stdout } = await run('promotion', ...words);
      expect(code).toBe(0);
      const boxes = stdout.split('\n').filter((line) => line.startsWith('│'));
      expect(boxes.length).toBeGreaterThan(1);
    }
  });
});
