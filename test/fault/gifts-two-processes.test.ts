import { GiftCampaignStatus } from '../../src/gen/billing/v1/gift_service.pb';
import { mustSucceed } from '../support/clients';
import { campaignStatusCall, grantGiftCall, openCampaign, readCampaign } from '../support/gift-calls';
import { setStage, type Stage } from '../support/service-process';
import { expectBalanced } from '../support/user-rows';

/** Must show 5 of step 5, lessons 15, 21, 32: one budget, two processes on one database, everybody at once. */
describe('two processes that give from one campaign', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await setStage({}, 2);
    await Promise.all(stage.places.map((place) => place.start()));
  });
  afterAll(() => stage.close());

  const placeOf = (index: number) => stage.places[index % stage.places.length] ?? stage;

  async function registerUsers(count: number): Promise<string[]> {
    const users: string[] = [];
    const register = async (): Promise<void> => {
      while (users.length < count) users.push(await stage.register());
    };
    await Promise.all(Array.from({ length: 8 }, register));
    return users.slice(0, count);
  }

  async function givenUnits(campaignId: string): Promise<number> {
    const sql = "SELECT COALESCE(SUM(amount), 0) AS units FROM quota_grants WHERE source = 'gift' AND source_ref = ?";
    return Number((await stage.db.query(sql, [campaignId]))[0]?.['units']);
  }

  test('100 grants at once on a budget for 37: exactly 37 are given, 63 are told that it is exhausted, nobody is made to wait in vain', async () => {
    const users = await registerUsers(100);
    // Not a multiple of a gift: the rest is never given.
    const campaignId = await openCampaign(stage, { units: 20, budgetUnits: 37 * 20 + 19 });
    const replies = await Promise.all(users.map((userId, i) => grantGiftCall(placeOf(i), userId, campaignId)));
    const refusals = replies.flatMap((reply) => (reply.ok ? [] : [reply.reason]));
    expect(refusals).toEqual(Array.from({ length: 63 }, () => 'GIFT_BUDGET_EXHAUSTED'));
    expect(await givenUnits(campaignId)).toBe(37 * 20);
    expect((await readCampaign(stage, campaignId)).grantedUnits).toBe(37 * 20);
    for (const [i, userId] of users.entries()) {
      expect(await expectBalanced(stage.db, userId)).toBe(replies[i]?.ok === true ? 30 : 10);
    }
  });

  test('100 grants at once to 25 users give each of them one gift', async () => {
    const users = await registerUsers(25);
    const campaignId = await openCampaign(stage, { units: 20, budgetUnits: 10_000 });
    const calls = Array.from({ length: 100 }, (_, i) => grantGiftCall(placeOf(i), users[i % 25] ?? '', campaignId));
    const replies = await Promise.all(calls);
    expect(replies.filter(({ ok }) => ok)).toHaveLength(25);
    for (const reply of replies) if (!reply.ok) expect(reply.reason).toBe('GIFT_ALREADY_GRANTED');
    expect(await givenUnits(campaignId)).toBe(500);
    for (const userId of users) expect(await expectBalanced(stage.db, userId)).toBe(30);
  });

  test('nothing is given after the answer that the campaign is paused, by either process', async () => {
    const users = await registerUsers(60);
    const campaignId = await openCampaign(stage, { units: 20, budgetUnits: 10_000 });
    const early = users.slice(0, 40).map((userId, i) => grantGiftCall(placeOf(i), userId, campaignId));
    await mustSucceed(campaignStatusCall(placeOf(1), campaignId, GiftCampaignStatus.PAUSED));
    const atPause = await givenUnits(campaignId);
    const late = users.slice(40).map((userId, i) => grantGiftCall(placeOf(i), userId, campaignId));
    for (const reply of await Promise.all(late)) expect(reply).toMatchObject({ reason: 'GIFT_CAMPAIGN_NOT_ACTIVE' });
    const given = (await Promise.all(early)).filter(({ ok }) => ok).length;
    expect(await givenUnits(campaignId)).toBe(given * 20);
    expect(atPause).toBe(given * 20);
    expect((await readCampaign(stage, campaignId)).grantedUnits).toBe(given * 20);
  });
});
