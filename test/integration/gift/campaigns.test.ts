import { type GiftCampaign, GiftCampaignStatus } from '../../../src/gen/billing/v1/gift_service.pb';
import { mustSucceed } from '../../support/clients';
import {
  aCampaign,
  approveCall,
  createCampaignCall,
  getCampaignCall,
  giftState,
  listCampaignsCall,
  makeCampaign,
  readCampaign,
  updateCampaignCall,
} from '../../support/gift-calls';
import { newId, startHarness, type Harness } from '../../support/harness';

const START = new Date('2089-10-01T00:00:00.000+08:00');
const END = new Date('2089-10-08T00:00:00.000+08:00');

let h: Harness;
beforeAll(async () => {
  h = await startHarness();
});
afterAll(() => h.stop());

async function expectUnchanged(call: () => Promise<unknown>, refusal: object): Promise<void> {
  const before = await giftState(h);
  expect(await call()).toMatchObject({ ok: false, ...refusal });
  expect(await giftState(h)).toEqual(before);
}

describe('CreateGiftCampaign', () => {
  test('writes a draft as it was given; what is read only is ignored', async () => {
    const wanted = aCampaign({
      ...{ campaignId: newId('c'), startTime: START, endTime: END, validDays: 3_650 },
      ...{ status: GiftCampaignStatus.ACTIVE, grantedUnits: 7, createdBy: 'me', approvedBy: 'you', revision: 9 },
    });
    const { campaign, replayed } = await mustSucceed(createCampaignCall(h, wanted));
    expect(replayed).toBe(false);
    const createTime = h.clock.now();
    expect(campaign).toMatchObject({
      ...{ ...wanted, status: GiftCampaignStatus.DRAFT, grantedUnits: 0, approvedBy: '', revision: 1 },
      ...{ createdBy: 'spiffe://billing/operations/operations', approveTime: undefined },
      createTime: expect.any(Date) as Date,
    });
    expect(Math.abs((campaign?.createTime?.getTime() ?? 0) - createTime.getTime())).toBeLessThan(60_000);
    expect(await readCampaign(h, wanted.campaignId)).toEqual(campaign);
  });

  test('makes an id where none is given, and answers a repeat with the same campaign', async () => {
    const by = { requestId: newId('create') };
    const first = await mustSucceed(createCampaignCall(h, aCampaign(), by));
    const before = await giftState(h);
    const again = await mustSucceed(createCampaignCall(h, aCampaign(), by));
    expect(again).toEqual({ campaign: first.campaign, replayed: true });
    expect(first.campaign?.campaignId).toMatch(/^[0-9A-Z]{26}$/);
    const other = await createCampaignCall(h, aCampaign({ units: 21 }), by);
    expect(other).toMatchObject({ ok: false, code: 'ALREADY_EXISTS', reason: 'REQUEST_ID_REUSED' });
    expect(await giftState(h)).toEqual(before);
  });

  test('refuses an id that is taken, of two at once exactly one', async () => {
    const campaignId = newId('c');
    const both = [createCampaignCall(h, aCampaign({ campaignId })), createCampaignCall(h, aCampaign({ campaignId }))];
    const replies = await Promise.all(both);
    expect(replies.filter(({ ok }) => ok)).toHaveLength(1);
    expect(replies.find(({ ok }) => !ok)).toMatchObject({ fields: ['campaign.campaign_id'] });
    await expectUnchanged(() => createCampaignCall(h, aCampaign({ campaignId })), { fields: ['campaign.campaign_id'] });
  });

  test.each([
    ['a campaign of nothing', undefined, ['campaign']],
    ['fields that are wrong alone', aCampaign({ name: '', units: 0 }), ['campaign.name', 'campaign.units']],
    ['a budget below one gift', aCampaign({ budgetUnits: 19 }), ['campaign.budget_units']],
    ['an end before its start', aCampaign({ startTime: END, endTime: START }), ['campaign.end_time']],
    ['an end in the past', aCampaign({ endTime: new Date('2020-01-01T00:00:00Z') }), ['campaign.end_time']],
    ['no end', aCampaign({ endTime: undefined }), ['campaign.end_time']],
  ])('refuses %s', async (_what, campaign, fields) => {
    await expectUnchanged(() => createCampaignCall(h, campaign), {
      code: 'INVALID_ARGUMENT',
      reason: 'INVALID_REQUEST',
    });
    const reply = await createCampaignCall(h, campaign);
    expect(reply).toMatchObject({ ok: false });
    expect(new Set(reply.ok ? [] : reply.fields)).toEqual(new Set(fields));
  });
});

describe('UpdateGiftCampaign', () => {
  test('changes what is set, or what the mask names, and counts the revision', async () => {
    const { campaignId } = await makeCampaign(h, { startTime: START });
    const set = await mustSucceed(updateCampaignCall(h, { campaignId, units: 30, endTime: END }));
    expect(set.campaign).toMatchObject({ units: 30, endTime: END, startTime: START, revision: 2, name: '国庆赠送' });
    const masked = await mustSucceed(updateCampaignCall(h, { campaignId, units: 99 }, ['start_time']));
    expect(masked.campaign).toMatchObject({ units: 30, startTime: undefined, revision: 3 });
    const same = await mustSucceed(updateCampaignCall(h, { campaignId, units: 30, endTime: END }));
    expect(same).toMatchObject({ replayed: false, campaign: { revision: 3 } });
  });

  test('answers a repeat as before, whatever was edited since', async () => {
    const { campaignId } = await makeCampaign(h);
    const by = { requestId: newId('update') };
    await mustSucceed(updateCampaignCall(h, { campaignId, units: 30 }, undefined, by));
    await mustSucceed(updateCampaignCall(h, { campaignId, units: 40 }));
    const before = await giftState(h);
    const again = await mustSucceed(updateCampaignCall(h, { campaignId, units: 30 }, undefined, by));
    expect(again).toMatchObject({ replayed: true, campaign: { units: 40, revision: 3 } });
    const other = await updateCampaignCall(h, { campaignId, units: 31 }, undefined, by);
    expect(other).toMatchObject({ reason: 'REQUEST_ID_REUSED' });
    expect(await giftState(h)).toEqual(before);
  });

  test('refuses what does not go together, is past, is no field, is stale or is not there', async () => {
    const { campaignId } = await makeCampaign(h, { startTime: START });
    const refused = (fields: Partial<GiftCampaign>, field: string, mask?: string[]) =>
      expectUnchanged(() => updateCampaignCall(h, { campaignId, ...fields }, mask), { fields: [field] });
    await refused({ units: 101 }, 'campaign.units');
    await refused({ budgetUnits: 19 }, 'campaign.budget_units');
    await refused({ endTime: START }, 'campaign.end_time');
    await refused({ startTime: new Date('2020-01-01Z'), endTime: new Date('2020-01-02Z') }, 'campaign.end_time');
    await refused({}, 'campaign.name', ['name']);
    for (const path of ['granted_units', 'status', 'approved_by', 'campaign_id', 'no_such']) {
      await refused({}, 'update_mask', [path]);
    }
    const stale = () => updateCampaignCall(h, { campaignId, units: 30 }, undefined, { revision: 2 });
    await expectUnchanged(stale, { fields: ['revision'] });
    const unknown = () => updateCampaignCall(h, { campaignId: 'no-such', units: 30 });
    await expectUnchanged(unknown, { code: 'NOT_FOUND', reason: 'GIFT_CAMPAIGN_NOT_FOUND' });
  });
});

describe('the reads', () => {
  test('list campaigns by id, by status, and page after page', async () => {
    const prefix = newId('list');
    const ids = ['a', 'b', 'c'].map((letter) => `${letter}-${prefix}`);
    for (const campaignId of ids) await makeCampaign(h, { campaignId });
    await mustSucceed(approveCall(h, ids[1] ?? ''));
    const seen: GiftCampaign[] = [];
    let pageToken = '';
    do {
      const page = await mustSucceed(listCampaignsCall(h, { pageSize: 2, pageToken }));
      expect(page.campaigns.length).toBeLessThanOrEqual(2);
      seen.push(...page.campaigns);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    const listed = seen.map(({ campaignId }) => campaignId);
    expect(listed).toEqual([...listed].sort());
    expect(listed.filter((id) => id.endsWith(prefix))).toEqual(ids);
    const active = await mustSucceed(listCampaignsCall(h, { status: GiftCampaignStatus.ACTIVE }));
    expect(active.campaigns.map(({ campaignId }) => campaignId)).toEqual([ids[1]]);
    // A token belongs to its list.
    const first = await mustSucceed(listCampaignsCall(h, { pageSize: 1 }));
    const foreign = listCampaignsCall(h, { status: GiftCampaignStatus.DRAFT, pageToken: first.nextPageToken });
    expect(await foreign).toMatchObject({ ok: false, fields: ['page_token'] });
  });

  test('say of an unknown campaign that it is not there', async () => {
    expect(await getCampaignCall(h, 'no-such')).toMatchObject({
      ...{ code: 'NOT_FOUND', reason: 'GIFT_CAMPAIGN_NOT_FOUND', metadata: { campaign_id: 'no-such' } },
    });
  });
});
