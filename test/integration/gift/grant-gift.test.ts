import { GiftCampaignStatus } from '../../../src/gen/billing/v1/gift_service.pb';
import { mustSucceed } from '../../support/clients';
import {
  campaignStatusCall,
  giftState,
  grantGiftCall,
  makeCampaign,
  openCampaign,
  readCampaign,
} from '../../support/gift-calls';
import {
  consume,
  newId,
  refund,
  registerMember,
  registerUser,
  startHarness,
  type Harness,
} from '../../support/harness';
import { getQuota } from '../../support/quota-calls';
import { expectBalanced, readLogWords, readUserRows } from '../../support/user-rows';

const DAY_MS = 86_400_000;

/** R2.2: campaign gifts (活动赠送), out of a budget, once per user. */
describe('GrantGift', () => {
  let h: Harness;
  beforeAll(async () => {
    h = await startHarness();
  });
  afterAll(() => h.stop());

  const giftLots = (userId: string) =>
    h.db.query("SELECT * FROM quota_grants WHERE user_id = ? AND source = 'gift'", [userId]);

  test('gives the units for the days, counts them, and leaves a row, an audit row and events', async () => {
    const campaignId = await openCampaign(h, { name: '国庆' });
    const userId = await registerUser(h);
    const requestId = newId('gift');
    const given = await mustSucceed(grantGiftCall(h, userId, campaignId, { requestId, as: 'operations-2' }));
    expect(given).toMatchObject({ grantId: 2, units: 20, quotaRemaining: 30, replayed: false });
    const [lot] = await giftLots(userId);
    expect(lot).toMatchObject({ source_ref: campaignId, amount: 20, remaining: 20, order_id: null, grant_id: 2 });
    expect(given.expireTime).toEqual(lot?.['expire_time']);
    expect(given.expireTime?.getTime()).toBe((lot?.['create_time'] as Date).getTime() + 30 * DAY_MS);
    const { quota_logs: logs = [], audit_logs: audit = [], outbox = [] } = await readUserRows(h.db, userId);
    const actor = 'spiffe://billing/operations/operations-2';
    expect(logs.at(-1)).toMatchObject({ type: 'GRANT', origin: 'system', actor, description: '活动赠送：国庆' });
    const told = { campaign_id: campaignId, grant_id: 2, units: 20, expire_time: given.expireTime?.toISOString() };
    expect(audit.at(-1)).toMatchObject({ action: 'GrantGift', actor, subject_type: 'user', cause: requestId });
    expect(JSON.parse(String(audit.at(-1)?.['after_state']))).toEqual(told);
    const event = outbox.find(({ type }) => type === 'gift.granted');
    expect(JSON.parse(String(event?.['payload']))).toEqual({ user_id: userId, ...told });
    expect(await expectBalanced(h.db, userId)).toBe(30);
    expect((await readCampaign(h, campaignId)).grantedUnits).toBe(20);
    const { grants } = await getQuota(h, userId);
    expect(grants.map(({ source, remaining }) => [source, remaining])).toContainEqual(['gift', 20]);
  });

  test('answers a repeat with the first gift, also after the campaign has ended, and refuses the id for another one', async () => {
    const campaignId = await openCampaign(h);
    const userId = await registerUser(h);
    const by = { requestId: newId('gift') };
    const first = await mustSucceed(grantGiftCall(h, userId, campaignId, by));
    await mustSucceed(campaignStatusCall(h, campaignId, GiftCampaignStatus.ENDED));
    const before = await giftState(h);
    expect(await mustSucceed(grantGiftCall(h, userId, campaignId, by))).toEqual({ ...first, replayed: true });
    expect(await grantGiftCall(h, userId, 'another', by)).toMatchObject({ reason: 'REQUEST_ID_REUSED' });
    expect(await giftState(h)).toEqual(before);
  });

  test('is once per user ever, under whatever request id and by whomever, also when it was used up and expired', async () => {
    const campaignId = await openCampaign(h, { validDays: 1 });
    const userId = await registerUser(h);
    await mustSucceed(grantGiftCall(h, userId, campaignId));
    await mustSucceed(consume(h, { userId, requestId: 'c', amount: 15 }));
    const again = async (): Promise<void> => {
      const before = await giftState(h);
      for (const as of ['operations', 'operations-2'] as const) {
        expect(await grantGiftCall(h, userId, campaignId, { as })).toMatchObject({
          ...{ code: 'ALREADY_EXISTS', reason: 'GIFT_ALREADY_GRANTED', metadata: { campaign_id: campaignId } },
        });
      }
      expect(await giftState(h)).toEqual(before);
    };
    await again();
    h.clock.advanceMs(2 * DAY_MS);
    await again();
    // Another campaign's gift is another gift.
    await mustSucceed(grantGiftCall(h, userId, await openCampaign(h)));
    expect(await giftLots(userId)).toHaveLength(2);
  });

  test('at once from many sides gives one gift to one user', async () => {
    const campaignId = await openCampaign(h, { budgetUnits: 10_000 });
    const userId = await registerUser(h);
    const replies = await Promise.all(Array.from({ length: 12 }, () => grantGiftCall(h, userId, campaignId)));
    expect(replies.filter(({ ok }) => ok)).toHaveLength(1);
    for (const reply of replies) if (!reply.ok) expect(reply.reason).toBe('GIFT_ALREADY_GRANTED');
    expect((await readCampaign(h, campaignId)).grantedUnits).toBe(20);
    expect(await expectBalanced(h.db, userId)).toBe(30);
  });

  test('ends with the budget: no part of a gift is given, and a repeat tries afresh', async () => {
    const campaignId = await openCampaign(h, { budgetUnits: 59 });
    for (let n = 0; n < 2; n += 1) await mustSucceed(grantGiftCall(h, await registerUser(h), campaignId));
    const late = await registerUser(h);
    const before = await giftState(h);
    expect(await grantGiftCall(h, late, campaignId)).toMatchObject({
      ...{ code: 'FAILED_PRECONDITION', reason: 'GIFT_BUDGET_EXHAUSTED' },
      metadata: { campaign_id: campaignId, units: '20', units_left: '19' },
    });
    expect(await giftState(h)).toEqual(before);
    expect((await readCampaign(h, campaignId)).grantedUnits).toBe(40);
  });

  test('is only within the window, exact at both ends, and not while paused', async () => {
    const now = h.clock.now().getTime();
    const window = { startTime: new Date(now + 60_000), endTime: new Date(now + 120_000) };
    const campaignId = await openCampaign(h, window);
    const [first, second] = [await registerUser(h), await registerUser(h)];
    const refused = async (userId: string, why: string): Promise<void> => {
      const before = await giftState(h);
      const reply = await grantGiftCall(h, userId, campaignId);
      expect(reply).toMatchObject({ reason: 'GIFT_CAMPAIGN_NOT_ACTIVE', metadata: { why } });
      expect(await giftState(h)).toEqual(before);
    };
    await refused(first, 'not_started');
    h.clock.advanceMs(window.startTime.getTime() - h.clock.now().getTime());
    await mustSucceed(campaignStatusCall(h, campaignId, GiftCampaignStatus.PAUSED));
    await refused(first, 'paused');
    await mustSucceed(campaignStatusCall(h, campaignId, GiftCampaignStatus.ACTIVE));
    await mustSucceed(grantGiftCall(h, first, campaignId));
    h.clock.advanceMs(window.endTime.getTime() - h.clock.now().getTime());
    await refused(second, 'over');
  });

  test('is refused in the documented order', async () => {
    const { campaignId } = await makeCampaign(h);
    const known = await registerUser(h);
    const before = await giftState(h);
    expect(await grantGiftCall(h, 'nobody', 'no-such')).toMatchObject({ reason: 'USER_NOT_FOUND' });
    expect(await grantGiftCall(h, known, 'no-such')).toMatchObject({ reason: 'GIFT_CAMPAIGN_NOT_FOUND' });
    expect(await grantGiftCall(h, known, campaignId)).toMatchObject({ reason: 'GIFT_CAMPAIGN_NOT_ACTIVE' });
    expect(await giftState(h)).toEqual(before);
  });

  test('is burnt before paid units of the same expiry, expires on the dot, and comes back as a compensation', async () => {
    const { userId } = await registerMember(h);
    const [paid] = await h.db.query(
      "SELECT expire_time FROM quota_grants WHERE user_id = ? AND source = 'membership'",
      [userId],
    );
    const lasts = (paid?.['expire_time'] as Date).getTime() - h.clock.now().getTime();
    const campaignId = await openCampaign(h, { validDays: Math.floor(lasts / DAY_MS) });
    const given = await mustSucceed(grantGiftCall(h, userId, campaignId));
    const left = async (source: string): Promise<number> => {
      const { grants } = await getQuota(h, userId);
      return grants.find((grant) => grant.source === source)?.remaining ?? 0;
    };
    await mustSucceed(consume(h, { userId, requestId: 'c', amount: 25 }));
    const used = 25 - (10 - (await left('registration')));
    expect([await left('gift'), await left('membership')]).toEqual([
      20 - Math.min(used, 20),
      500 - Math.max(used - 20, 0),
    ]);
    h.clock.advanceMs((given.expireTime?.getTime() ?? 0) - h.clock.now().getTime());
    expect(await left('gift')).toBe(0);
    await mustSucceed(refund(h, { userId, requestId: 'r', consumeRequestId: 'c', amount: 0, reason: 'failed' }));
    expect(await left('compensation')).toBeGreaterThan(0);
    expect(await readLogWords(h.db, userId)).toContain('system GRANT 20');
    await expectBalanced(h.db, userId);
  });
});
