import { readMembership } from '../../../src/membership';
import { checkEntitlement } from '../../../src/membership/check-entitlement';
import { openMembershipShop, runDue, type MembershipShop } from '../../support/membership-shop';
import { expectBalanced } from '../../support/user-rows';

let shop: MembershipShop;
let monthly: string;
beforeAll(async () => {
  shop = await openMembershipShop({ graceDays: 7 });
  monthly = await shop.plan({ periodUnit: 'month', quotaUnits: 500, features: ['image.upscale'] });
});
afterAll(() => shop.close());

const at = (userId: string, instant: string) => readMembership(shop.pool, userId, new Date(instant));
const maysUpscale = async (userId: string, instant: string) =>
  (await checkEntitlement(shop.pool, userId, 'image.upscale', 0, new Date(instant))).allowed;

async function member(): Promise<{ userId: string; orderId: string }> {
  shop.at('2027-01-31T04:00:00.000Z');
  const userId = await shop.register();
  return { userId, orderId: await shop.buy(userId, monthly) };
}

/** R2.3: expiry is exact; a grace keeps the features, and nothing else. */
describe('the grace of a membership', () => {
  const END = '2027-02-28T04:00:00.000Z';
  const GRACE_END = '2027-03-07T04:00:00.000Z';

  test('keeps its features for so many days from the very end, and neither membership nor units', async () => {
    const { userId } = await member();
    expect(await at(userId, '2027-02-28T03:59:59.999Z')).toMatchObject({
      active: true,
      inGrace: false,
      graceEndTime: undefined,
    });
    const graced = await at(userId, END);
    expect(graced).toMatchObject({ active: false, planId: '', startTime: undefined, expireTime: undefined });
    expect(graced).toMatchObject({ inGrace: true, graceEndTime: new Date(GRACE_END) });
    expect(graced.features).toContain('image.upscale');
    expect(await at(userId, '2027-03-07T03:59:59.999Z')).toMatchObject({ inGrace: true });
    const over = await at(userId, GRACE_END);
    expect(over).toMatchObject({ active: false, inGrace: false, graceEndTime: undefined });
    expect(over.features).not.toContain('image.upscale');
    expect(await maysUpscale(userId, '2027-03-07T03:59:59.999Z')).toBe(true);
    expect(await maysUpscale(userId, GRACE_END)).toBe(false);
    shop.at('2027-03-01T00:00:00.000Z');
    await runDue(shop.remind);
    expect(await expectBalanced(shop.db, userId)).toBe(10);
  });

  test('is no membership to go on from: what is bought in it starts at once, on an anchor of its own', async () => {
    const { userId } = await member();
    shop.at('2027-03-03T00:00:00.000Z');
    await shop.buy(userId, monthly);
    const [, second] = await shop.periods(userId);
    const now = new Date('2027-03-03T00:00:00.000Z');
    expect(second).toMatchObject({ start_time: now, anchor_time: now, anchor_offset: 0 });
    expect(await at(userId, '2027-03-03T00:00:00.000Z')).toMatchObject({ active: true, inGrace: false });
  });

  test('is not of a membership whose money went back', async () => {
    const { userId, orderId } = await member();
    shop.at('2027-02-10T00:00:00.000Z');
    await shop.endRefund(await shop.refund(userId, orderId, 0), 'SUCCESS');
    expect(await at(userId, '2027-02-10T00:00:00.000Z')).toMatchObject({ active: false, inGrace: false });
    expect(await maysUpscale(userId, '2027-02-10T00:00:00.000Z')).toBe(false);
  });

  test('is not in a gap before a month that is bought already, and follows a shortened end', async () => {
    const { userId, orderId } = await member();
    const ahead = await shop.buy(userId, monthly);
    shop.at('2027-02-14T04:00:00.000Z');
    await shop.endRefund(await shop.refund(userId, orderId, 6_000), 'SUCCESS');
    expect(await at(userId, '2027-02-22T00:00:00.000Z')).toMatchObject({ active: false, inGrace: false });
    // Without the month ahead, the grace is from the shortened end.
    await shop.endRefund(await shop.refund(userId, ahead, 0), 'SUCCESS');
    expect(await at(userId, '2027-02-22T00:00:00.000Z')).toMatchObject({
      inGrace: true,
      graceEndTime: new Date('2027-02-28T04:00:00.000Z'),
    });
  });

  test('is what the order was made with: the setting of later is of later orders', async () => {
    const other = await openMembershipShop({ graceDays: 0 });
    try {
      other.at('2027-01-31T04:00:00.000Z');
      const userId = await other.register();
      await other.buy(userId, monthly);
      expect(await at(userId, END)).toMatchObject({ active: false, inGrace: false });
    } finally {
      await other.close();
    }
    const { userId } = await member();
    expect(await at(userId, END)).toMatchObject({ inGrace: true });
  });
});
