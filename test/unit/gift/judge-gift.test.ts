import { judgeGift, type CampaignTerms } from '../../../src/gift/judge-gift';

const START = new Date('2026-10-01T00:00:00.000+08:00');
const END = new Date('2026-10-08T00:00:00.000+08:00');
const OPEN: CampaignTerms = {
  ...{ id: 'c-1', status: 'active', units: 20, budgetUnits: 100, grantedUnits: 0, startTime: START, endTime: END },
};
const before = (instant: Date): Date => new Date(instant.getTime() - 1);

/** Whether a campaign gives one more: exact to the millisecond and to the unit. */
describe('a campaign', () => {
  test.each([
    ['at its first instant', OPEN, START],
    ['at its last', OPEN, before(END)],
    ['that starts with its approval, whenever that was', { ...OPEN, startTime: null }, new Date(0)],
    ['whose budget is enough for just one more', { ...OPEN, grantedUnits: 80 }, START],
  ])('gives %s', (_what, campaign, now) => {
    expect(() => judgeGift(campaign, now)).not.toThrow();
  });

  test.each([
    ['a draft', { ...OPEN, status: 'draft' as const }, START, 'draft'],
    ['a paused one', { ...OPEN, status: 'paused' as const }, START, 'paused'],
    ['one that was ended', { ...OPEN, status: 'ended' as const }, START, 'ended'],
    ['one that has not started', OPEN, before(START), 'not_started'],
    ['one that is over', OPEN, END, 'over'],
    [
      'a draft that is spent and over (which refusal wins)',
      { ...OPEN, status: 'draft' as const, grantedUnits: 100 },
      END,
      'draft',
    ],
  ])('gives nothing as %s', (_what, campaign, now, why) => {
    const refusal = expect.objectContaining({
      reason: 'GIFT_CAMPAIGN_NOT_ACTIVE',
      metadata: { campaign_id: 'c-1', why },
    });
    expect(() => judgeGift(campaign, now)).toThrow(refusal);
  });

  test.each([81, 99, 100])('gives no part of a gift: %i of 100 units are out', (grantedUnits) => {
    const metadata = { campaign_id: 'c-1', units: '20', units_left: String(100 - grantedUnits) };
    const refusal = expect.objectContaining({ reason: 'GIFT_BUDGET_EXHAUSTED', metadata });
    expect(() => judgeGift({ ...OPEN, grantedUnits }, START)).toThrow(refusal);
  });
});
