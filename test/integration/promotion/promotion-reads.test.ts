import { PromotionStatus, SuspicionReason, type Promotion } from '../../../src/gen/billing/v1/promotion_service.pb';
import { mustSucceed } from '../../support/clients';
import { newId, registerMember, registerUser, startHarness, until, type Harness } from '../../support/harness';
import { createOrderCall } from '../../support/order-calls';
import {
  getPromotionCall,
  listPromotionsCall,
  makeActive,
  makeDraft,
  promotionState,
  setStatusCall,
  statsCall,
  suspectsCall,
} from '../../support/promotion-calls';
import { claim } from '../../support/promotions';

const DAY_MS = 86_400_000;
const { ACTIVE, DRAFT, PAUSED } = PromotionStatus;

let h: Harness;
beforeAll(async () => {
  h = await startHarness({ CLAIMS_PER_MINUTE_PER_USER: '1000' });
});
afterAll(() => h.stop());

describe('GetPromotion', () => {
  test('of an unknown one is PROMOTION_NOT_FOUND, of no id INVALID_REQUEST', async () => {
    const metadata = { promotion_id: 'no-such' };
    const unknown = { code: 'NOT_FOUND', reason: 'PROMOTION_NOT_FOUND', metadata };
    expect(await getPromotionCall(h, 'no-such')).toMatchObject(unknown);
    expect(await statsCall(h, 'no-such')).toMatchObject(unknown);
    expect(await getPromotionCall(h, '')).toMatchObject({ reason: 'INVALID_REQUEST', fields: ['promotion_id'] });
    expect(await statsCall(h, '')).toMatchObject({ reason: 'INVALID_REQUEST', fields: ['promotion_id'] });
  });
});

describe('ListPromotions', () => {
  /** All promotions of a status over pages of two. */
  async function listAll(status: PromotionStatus): Promise<Promotion[]> {
    const listed: Promotion[] = [];
    let pageToken = '';
    do {
      const page = await mustSucceed(listPromotionsCall(h, { status, pageSize: 2, pageToken }));
      expect(page.promotions.length).toBeLessThanOrEqual(2);
      listed.push(...page.promotions);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    return listed;
  }

  test('lists each once over the pages, by id, filtered by status, as GetPromotion shows it (lesson 52)', async () => {
    const ids = [];
    for (const name of ['b', 'a', 'd', 'c', 'e'])
      ids.push((await makeDraft(h, { promotionId: `list-${name}` })).promotionId);
    for (const id of ['list-a', 'list-c', 'list-e']) await mustSucceed(setStatusCall(h, id, ACTIVE));
    await mustSucceed(setStatusCall(h, 'list-e', PAUSED));
    const idsOf = (promotions: readonly Promotion[]) =>
      promotions.map(({ promotionId }) => promotionId).filter((id) => id.startsWith('list-'));
    const all = await listAll(PromotionStatus.UNSPECIFIED);
    expect(idsOf(all)).toEqual([...ids].sort());
    expect(idsOf(await listAll(DRAFT))).toEqual(['list-b', 'list-d']);
    expect(idsOf(await listAll(ACTIVE))).toEqual(['list-a', 'list-c']);
    expect(idsOf(await listAll(PAUSED))).toEqual(['list-e']);
    const shown = await mustSucceed(getPromotionCall(h, 'list-e'));
    expect(all.find(({ promotionId }) => promotionId === 'list-e')).toEqual(shown.promotion);
  });

  test('refuses a token of another filter, a forged one, a negative size and an unknown status', async () => {
    const first = await mustSucceed(listPromotionsCall(h, { pageSize: 1 }));
    expect(first.nextPageToken).not.toBe('');
    const foreign = { pageSize: 1, status: DRAFT, pageToken: first.nextPageToken };
    for (const [fields, field] of [
      [foreign, 'page_token'],
      [{ pageToken: 'forged' }, 'page_token'],
      [{ pageSize: -1 }, 'page_size'],
      [{ status: 99 as PromotionStatus }, 'status'],
    ] as const) {
      expect(await listPromotionsCall(h, fields)).toMatchObject({ reason: 'INVALID_REQUEST', fields: [field] });
    }
  });
});

/** R13.8: GMV is the final amounts of paid orders that used its coupons. */
describe('GetPromotionStats', () => {
  const NOTHING = { claimed: 0, unused: 0, locked: 0, used: 0, expired: 0, discountGiven: 0, gmv: 0, orders: 0 };

  test('of a promotion without claims is nothing, without a division by it', async () => {
    const { promotionId } = await makeDraft(h);
    expect(await mustSucceed(statsCall(h, promotionId))).toEqual({ ...NOTHING, conversionBasisPoints: 0 });
  });

  test('follows coupons from claim over order to payment and expiry; claimed is always the sum', async () => {
    const promotionId = await makeActive(h, { discountValue: 1_500, couponValidDays: 2, totalQuota: 7 });
    const others = await makeActive(h);
    const stats = async () => {
      const { conversionBasisPoints, ...seen } = await mustSucceed(statsCall(h, promotionId));
      expect(seen.claimed).toBe(seen.unused + seen.locked + seen.used + seen.expired);
      return { ...seen, conversionBasisPoints };
    };
    const users = await Promise.all(Array.from({ length: 7 }, () => registerUser(h)));
    const coupons = [];
    for (const userId of users) coupons.push((await claim(h, userId, promotionId)).couponId);
    await claim(h, users[0] ?? '', others);
    expect(await stats()).toEqual({ ...NOTHING, claimed: 7, unused: 7, conversionBasisPoints: 0 });

    const orders: string[] = [];
    for (const i of [0, 1, 2]) {
      const fields = { userId: users[i] ?? '', couponId: coupons[i] ?? '' };
      const { order } = await mustSucceed(createOrderCall(h, fields));
      orders.push(order?.orderId ?? '');
    }
    // An order of the same user that carries no coupon of it does not count.
    const { order: plain } = await mustSucceed(createOrderCall(h, { userId: users[0] ?? '' }));
    expect(await stats()).toMatchObject({ unused: 4, locked: 3, used: 0, gmv: 0, orders: 0, discountGiven: 0 });

    for (const orderId of [orders[0], orders[1], plain?.orderId])
      await h.control('/_control/pay', { order_id: orderId });
    await until('the payments', async () => (await stats()).used === 2);
    const paid = { discountGiven: 2 * 1_500, gmv: 2 * (9_900 - 1_500), orders: 2 };
    // 2 of 7, rounded down.
    expect(await stats()).toEqual({
      ...paid,
      claimed: 7,
      unused: 4,
      locked: 1,
      used: 2,
      expired: 0,
      conversionBasisPoints: 2_857,
    });

    h.clock.advanceMs(2 * DAY_MS);
    await until('the order to be closed or kept', async () => (await stats()).expired >= 4);
    const later = await stats();
    expect(later).toMatchObject({ ...paid, claimed: 7, unused: 0, used: 2 });
    expect(later.locked + later.expired).toBe(5);
  });

  test('counts an unused coupon as expired from the very instant, booked or not', async () => {
    const promotionId = await makeActive(h, { couponValidDays: 1 });
    await claim(h, await registerUser(h), promotionId);
    h.clock.advanceMs(DAY_MS - 60_000);
    expect(await mustSucceed(statsCall(h, promotionId))).toMatchObject({ unused: 1, expired: 0 });
    h.clock.advanceMs(60_000);
    expect(await mustSucceed(statsCall(h, promotionId))).toMatchObject({ unused: 0, expired: 1 });
  });
});

/** R1.3: 恶意刷单 is seen, and nothing is decided by it. */
describe('ListSuspiciousClaimers', () => {
  const shareIdentity = async (name: string, userIds: readonly string[]): Promise<void> => {
    for (const userId of userIds) {
      await h.db.query("INSERT INTO user_identities VALUES (UNHEX(SHA2(?, 256)), ?, '2026-01-01')", [name, userId]);
    }
  };
  /** All who are listed, over pages. */
  const listAll = async (pageSize: number) => {
    const listed = [];
    let pageToken = '';
    do {
      const page = await mustSucceed(suspectsCall(h, pageSize, pageToken));
      expect(page.claimers.length).toBeLessThanOrEqual(pageSize);
      listed.push(...page.claimers);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    return listed;
  };

  let promotions: string[];
  beforeAll(async () => {
    promotions = [];
    for (let n = 0; n < 6; n += 1) promotions.push(await makeActive(h, { totalQuota: 1_000 }));
  });
  const claimSome = async (userId: string, count: number): Promise<void> => {
    for (const promotionId of promotions.slice(0, count)) await claim(h, userId, promotionId);
  };
  const entryOf = async (userId: string) => (await listAll(200)).find((claimer) => claimer.userId === userId);

  test('names users of one identity who both have coupons, and how many they are', async () => {
    const [first, second, third, idle, alone] = await Promise.all(Array.from({ length: 5 }, () => registerUser(h)));
    const users = [first ?? '', second ?? '', third ?? ''];
    for (const userId of [...users, alone ?? '']) await claimSome(userId, 1);
    await shareIdentity(newId('phone'), [first ?? '', second ?? '', idle ?? '']);
    // By two identities, and one more by the second of them: every other user counts once.
    await shareIdentity(newId('device'), users);
    await shareIdentity(newId('own'), [alone ?? '']);
    const entry = { reasons: [SuspicionReason.SHARED_IDENTITY], claims: 1, paidOrders: 0, usersSharing: 2 };
    for (const userId of users) expect(await entryOf(userId)).toEqual({ userId, ...entry });
    // Who shares with nobody, or has no coupon, is not named.
    expect([await entryOf(idle ?? ''), await entryOf(alone ?? '')]).toEqual([undefined, undefined]);
  });

  test('does not name users whose identity is shared only with people without coupons', async () => {
    const [claimer, other] = [await registerUser(h), await registerUser(h)];
    await claimSome(claimer, 1);
    await shareIdentity(newId('phone'), [claimer, other]);
    expect(await entryOf(claimer)).toBeUndefined();
  });

  test('names who claimed five coupons and never had an order or a membership, not who claimed four', async () => {
    const [four, five] = [await registerUser(h), await registerUser(h)];
    await claimSome(four, 4);
    await claimSome(five, 5);
    const reasons = [SuspicionReason.CLAIMS_WITHOUT_ORDERS];
    expect(await entryOf(five)).toEqual({ userId: five, reasons, claims: 5, paidOrders: 0, usersSharing: 0 });
    expect(await entryOf(four)).toBeUndefined();
    const { userId: member } = await registerMember(h);
    await until('the membership', async () => {
      const [row] = await h.db.query('SELECT membership_plan_id FROM users WHERE id = ?', [member]);
      return row?.['membership_plan_id'] !== null;
    });
    await claimSome(member, 6);
    expect(await entryOf(member)).toBeUndefined();
  });

  test('names who does both once with both reasons, and how many orders he paid', async () => {
    const { userId: member } = await registerMember(h);
    const idle = await registerUser(h);
    await claimSome(member, 1);
    await claimSome(idle, 5);
    await shareIdentity(newId('openid'), [member, idle]);
    const both = [SuspicionReason.SHARED_IDENTITY, SuspicionReason.CLAIMS_WITHOUT_ORDERS];
    expect(await entryOf(idle)).toMatchObject({ reasons: both, claims: 5, usersSharing: 1 });
    expect(await entryOf(member)).toMatchObject({ reasons: [SuspicionReason.SHARED_IDENTITY], paidOrders: 1 });
  });

  test('lists each once by user id, whatever the size of the pages, and changes nothing', async () => {
    const before = await promotionState(h);
    const all = (await listAll(200)).map(({ userId }) => userId);
    expect(all.length).toBeGreaterThan(4);
    expect(all).toEqual([...new Set(all)].sort());
    expect((await listAll(1)).map(({ userId }) => userId)).toEqual(all);
    expect((await listAll(3)).map(({ userId }) => userId)).toEqual(all);
    expect(await promotionState(h)).toEqual(before);
    expect(await suspectsCall(h, -1)).toMatchObject({ fields: ['page_size'] });
    expect(await suspectsCall(h, 1, 'forged')).toMatchObject({ fields: ['page_token'] });
  });
});
