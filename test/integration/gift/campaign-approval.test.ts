import { GiftCampaignStatus, type GiftCampaign } from '../../../src/gen/billing/v1/gift_service.pb';
import { approveCampaign } from '../../../src/gift/approve-campaign';
import { ROLES } from '../../../src/platform/calls';
import { mustSucceed } from '../../support/clients';
import {
  approveCall,
  campaignStatusCall,
  giftState,
  grantGiftCall,
  makeCampaign,
  readCampaign,
  readCampaignTraces,
  updateCampaignCall,
} from '../../support/gift-calls';
import { newId, registerUser, startHarness, type Harness } from '../../support/harness';
import { openServiceDatabase } from '../../support/service-database';
import { readUserRows } from '../../support/user-rows';

const { ACTIVE, PAUSED, ENDED, DRAFT } = GiftCampaignStatus;

/** Must show 5 of step 5: what nobody else has agreed to gives nothing, and its creator is nobody else. */
describe('a gift campaign', () => {
  let h: Harness;
  beforeAll(async () => {
    h = await startHarness();
  });
  afterAll(() => h.stop());

  /** Checks that a call is refused for want of a second person, and changes nothing. */
  async function expectSecond(campaignId: string, call: () => Promise<unknown>): Promise<void> {
    const before = await giftState(h);
    expect(await call()).toMatchObject({
      ...{ ok: false, code: 'PERMISSION_DENIED', reason: 'SECOND_PERSON_REQUIRED' },
      metadata: { campaign_id: campaignId, editors: expect.stringContaining('spiffe://billing/operations/') as string },
    });
    expect(await giftState(h)).toEqual(before);
  }

  test('gives nothing before somebody else has approved it, whoever asks', async () => {
    const userId = await registerUser(h);
    const { campaignId } = await makeCampaign(h);
    const before = await readUserRows(h.db, userId);
    for (const as of ['operations', 'operations-2'] as const) {
      expect(await grantGiftCall(h, userId, campaignId, { as })).toMatchObject({
        ...{ ok: false, code: 'FAILED_PRECONDITION', reason: 'GIFT_CAMPAIGN_NOT_ACTIVE' },
        metadata: { campaign_id: campaignId, why: 'draft' },
      });
    }
    expect(await readUserRows(h.db, userId)).toEqual(before);
    expect((await readCampaign(h, campaignId)).grantedUnits).toBe(0);
  });

  test('is not approved by its creator, and not made active by another way', async () => {
    const { campaignId } = await makeCampaign(h);
    await expectSecond(campaignId, () => approveCall(h, campaignId, { as: 'operations' }));
    const before = await giftState(h);
    for (const as of ['operations', 'operations-2'] as const) {
      for (const status of [ACTIVE, PAUSED, ENDED]) {
        expect(await campaignStatusCall(h, campaignId, status, { as })).toMatchObject({
          ...{ reason: 'GIFT_CAMPAIGN_NOT_ACTIVE', metadata: { why: 'draft' } },
        });
      }
    }
    expect(await giftState(h)).toEqual(before);
    const { campaign } = await mustSucceed(approveCall(h, campaignId));
    expect(campaign).toMatchObject({
      ...{ status: ACTIVE, revision: 1, createdBy: 'spiffe://billing/operations/operations' },
      approvedBy: 'spiffe://billing/operations/operations-2',
    });
  });

  test('is not approved by whoever has edited it, in whatever order; where both of two have, a third is needed', async () => {
    const { campaignId } = await makeCampaign(h);
    await mustSucceed(updateCampaignCall(h, { campaignId, units: 25 }, undefined, { as: 'operations-2' }));
    await mustSucceed(updateCampaignCall(h, { campaignId, name: '再改' }, undefined, { as: 'operations' }));
    for (const as of ['operations', 'operations-2'] as const) {
      await expectSecond(campaignId, () => approveCall(h, campaignId, { as, revision: 3 }));
    }
    // Who only named what is there already has edited nothing.
    const looked = await makeCampaign(h);
    const same = { campaignId: looked.campaignId, name: looked.name, units: looked.units };
    await mustSucceed(updateCampaignCall(h, same, undefined, { as: 'operations-2' }));
    await mustSucceed(approveCall(h, looked.campaignId));
  });

  test('is not approved by the same person under another role, nor by another certificate of the same name', async () => {
    const { campaignId } = await makeCampaign(h);
    const db = openServiceDatabase(h.infra, h.db);
    try {
      for (const role of ROLES) {
        const caller = { role, name: 'operations', identity: `spiffe://billing/${role}/operations` };
        const command = { requestId: newId('approve'), campaignId, revision: 1, caller, now: h.clock.now() };
        const before = await giftState(h);
        await expect(approveCampaign(db, { ...command, signal: new AbortController().signal })).rejects.toMatchObject({
          reason: 'SECOND_PERSON_REQUIRED',
        });
        expect(await giftState(h)).toEqual(before);
      }
    } finally {
      await db.knex.destroy();
    }
  });

  test('is approved at the revision that the second person has looked at, and at no other', async () => {
    const { campaignId } = await makeCampaign(h);
    // The first slips in more while the second looks.
    await mustSucceed(updateCampaignCall(h, { campaignId, budgetUnits: 10 ** 9 }));
    const before = await giftState(h);
    for (const revision of [1, 3]) {
      const stale = await approveCall(h, campaignId, { revision });
      expect(stale).toMatchObject({ ok: false, reason: 'INVALID_REQUEST', fields: ['revision'] });
    }
    // None is no revision that anybody has looked at.
    expect(await approveCall(h, campaignId, { revision: 0 })).toMatchObject({ fields: ['revision'] });
    expect(await giftState(h)).toEqual(before);
    await mustSucceed(approveCall(h, campaignId, { revision: 2 }));
  });

  test('is approved once: a repeat is answered as before, a second approval is refused, and nothing of it can be edited', async () => {
    const { campaignId } = await makeCampaign(h);
    const by = { requestId: newId('approve') };
    await mustSucceed(approveCall(h, campaignId, by));
    const before = await giftState(h);
    expect(await mustSucceed(approveCall(h, campaignId, by))).toMatchObject({
      ...{ replayed: true, campaign: { status: ACTIVE } },
    });
    expect(await approveCall(h, campaignId)).toMatchObject({
      ...{ reason: 'GIFT_CAMPAIGN_NOT_ACTIVE', metadata: { why: 'active' } },
    });
    const changes: Partial<GiftCampaign>[] = [
      { units: 1 },
      { budgetUnits: 10 ** 9 },
      { name: '改' },
      { validDays: 99 },
    ];
    for (const change of changes) {
      for (const as of ['operations', 'operations-2'] as const) {
        expect(await updateCampaignCall(h, { campaignId, ...change }, undefined, { as })).toMatchObject({
          ...{ reason: 'GIFT_CAMPAIGN_NOT_ACTIVE', metadata: { why: 'active' } },
        });
      }
    }
    expect(await giftState(h)).toEqual(before);
  });

  test('that is over before it is approved stays a draft', async () => {
    const { campaignId } = await makeCampaign(h, { endTime: new Date(h.clock.now().getTime() + 1_000) });
    h.clock.advanceMs(1_000);
    const before = await giftState(h);
    expect(await approveCall(h, campaignId)).toMatchObject({
      ...{ reason: 'GIFT_CAMPAIGN_NOT_ACTIVE', metadata: { why: 'over' } },
    });
    expect(await giftState(h)).toEqual(before);
    expect((await readCampaign(h, campaignId)).status).toBe(DRAFT);
  });

  test('tells whom it belongs to and what was agreed to, in the audit log and as events', async () => {
    const { campaignId } = await makeCampaign(h);
    await mustSucceed(updateCampaignCall(h, { campaignId, units: 30 }));
    await mustSucceed(approveCall(h, campaignId, { revision: 2 }));
    await mustSucceed(campaignStatusCall(h, campaignId, PAUSED));
    await mustSucceed(campaignStatusCall(h, campaignId, PAUSED));
    await mustSucceed(campaignStatusCall(h, campaignId, ACTIVE));
    await mustSucceed(campaignStatusCall(h, campaignId, ENDED));
    const { audit, events } = await readCampaignTraces(h, campaignId);
    const person = (name: string): string => `spiffe://billing/operations/${name}`;
    expect(audit.map(({ action, actor, user_id: userId }) => [action, actor, userId])).toEqual([
      ['CreateGiftCampaign', person('operations'), null],
      ['UpdateGiftCampaign', person('operations'), null],
      ['ApproveGiftCampaign', person('operations-2'), null],
      ...Array.from({ length: 3 }, () => ['SetGiftCampaignStatus', person('operations'), null]),
    ]);
    const after = (nth: number): unknown => JSON.parse(String(audit[nth]?.['after_state']));
    expect(JSON.parse(String(audit[1]?.['before_state']))).toEqual({ units: 20 });
    expect(after(1)).toEqual({ units: 30 });
    expect(after(2)).toEqual({
      ...{ status: 'active', approved_by: person('operations-2'), revision: 2, name: '国庆赠送', units: 30 },
      ...{ valid_days: 30, budget_units: 100, start_time: '', end_time: '2090-01-01T00:00:00.000Z' },
    });
    const types = ['created', 'updated', 'active', 'paused', 'active', 'ended'].map((what) => `gift_campaign.${what}`);
    expect(events.map(({ type, user_id: userId }) => [type, userId])).toEqual(types.map((type) => [type, null]));
    expect(JSON.parse(String(events[1]?.['payload']))).toEqual({ campaign_id: campaignId, changed: ['units'] });
  });

  test('moves as its table says: what ended stays ended', async () => {
    const { campaignId } = await makeCampaign(h);
    await mustSucceed(approveCall(h, campaignId));
    const by = { requestId: newId('end') };
    await mustSucceed(campaignStatusCall(h, campaignId, ENDED, by));
    const before = await giftState(h);
    expect((await mustSucceed(campaignStatusCall(h, campaignId, ENDED, by))).replayed).toBe(true);
    expect(
      (await mustSucceed(campaignStatusCall(h, campaignId, ENDED, { requestId: newId('again') }))).campaign,
    ).toMatchObject({ status: ENDED });
    for (const status of [ACTIVE, PAUSED, DRAFT]) {
      expect(await campaignStatusCall(h, campaignId, status)).toMatchObject({
        ...{ reason: 'GIFT_CAMPAIGN_NOT_ACTIVE', metadata: { why: 'ended' } },
      });
    }
    expect(await approveCall(h, campaignId)).toMatchObject({ reason: 'GIFT_CAMPAIGN_NOT_ACTIVE' });
    const after = await giftState(h);
    // The call that found it ended already has left its key, and nothing else.
    expect({ ...after, request_keys: '' }).toEqual({ ...before, request_keys: '' });
  });
});
