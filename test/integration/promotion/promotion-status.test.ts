import { PromotionStatus } from '../../../src/gen/billing/v1/promotion_service.pb';
import { mustSucceed } from '../../support/clients';
import { newId, registerUser, startHarness, type Harness } from '../../support/harness';
import { getPromotionCall, makeDraft, promotionState, readTraces, setStatusCall } from '../../support/promotion-calls';
import { claim, claimCall } from '../../support/promotions';

const { DRAFT, ACTIVE, PAUSED, ENDED } = PromotionStatus;

/** The way to each status. */
const WAYS = [
  ['draft', DRAFT, []],
  ['active', ACTIVE, [ACTIVE]],
  ['paused', PAUSED, [ACTIVE, PAUSED]],
  ['ended', ENDED, [ACTIVE, ENDED]],
] as const;
const ALLOWED = ['draft active', 'active paused', 'active ended', 'paused active', 'paused ended'];

/** Design §5: draft → active ⇄ paused → ended, each move with its traces, and nothing else. */
describe('SetPromotionStatus', () => {
  let h: Harness;
  beforeAll(async () => {
    h = await startHarness();
  });
  afterAll(() => h.stop());

  /** A promotion that went this way. */
  const promotionAt = async (way: readonly PromotionStatus[]): Promise<string> => {
    const { promotionId } = await makeDraft(h);
    for (const status of way) await mustSucceed(setStatusCall(h, promotionId, status));
    return promotionId;
  };

  const moves = WAYS.flatMap(([from, , way]) => WAYS.map(([to, status]) => ({ from, way, to, status })));

  test.each(moves.filter(({ from, to }) => ALLOWED.includes(`${from} ${to}`)))(
    'moves $from to $to, with one audit row and one event',
    async ({ from, way, to, status }) => {
      const promotionId = await promotionAt(way);
      const before = await readTraces(h, promotionId);
      const requestId = newId('move');
      const { promotion, replayed } = await mustSucceed(setStatusCall(h, promotionId, status, { requestId }));
      expect([promotion?.status, replayed]).toEqual([status, false]);
      const { row, audit, events } = await readTraces(h, promotionId);
      expect(row).toEqual({ ...before.row, status: to });
      const editors = ['spiffe://billing/operations/operations'];
      expect(audit.slice(before.audit.length)).toMatchObject([
        {
          ...{ action: 'SetPromotionStatus', actor: 'spiffe://billing/operations/operations', cause: requestId },
          ...{ user_id: null, before_state: JSON.stringify({ status: from, editors }) },
          after_state: JSON.stringify({ status: to, editors, revision: 1 }),
        },
      ]);
      expect(events.slice(before.events.length)).toMatchObject([{ type: `promotion.${to}`, user_id: null }]);
    },
  );

  test.each(moves.filter(({ from, to }) => from !== to && !ALLOWED.includes(`${from} ${to}`)))(
    'refuses $from to $to with PROMOTION_NOT_ACTIVE and changes nothing',
    async ({ from, way, status }) => {
      const promotionId = await promotionAt(way);
      const before = await promotionState(h);
      expect(await setStatusCall(h, promotionId, status)).toMatchObject({
        ...{ code: 'FAILED_PRECONDITION', reason: 'PROMOTION_NOT_ACTIVE' },
        metadata: { promotion_id: promotionId, status: from },
      });
      expect(await promotionState(h)).toEqual(before);
    },
  );

  test.each(WAYS)(
    'to where it stands, %s, succeeds and leaves neither audit row nor event',
    async (_name, status, way) => {
      const promotionId = await promotionAt(way);
      const before = await readTraces(h, promotionId);
      const { promotion, replayed } = await mustSucceed(setStatusCall(h, promotionId, status));
      expect([promotion?.status, replayed]).toEqual([status, false]);
      expect(await readTraces(h, promotionId)).toEqual(before);
    },
  );

  test('that is repeated does not move it again, and shows where it stands now (lesson 8)', async () => {
    const promotionId = await promotionAt([ACTIVE]);
    const requestId = newId('pause');
    await mustSucceed(setStatusCall(h, promotionId, PAUSED, { requestId }));
    await mustSucceed(setStatusCall(h, promotionId, ACTIVE));
    const before = await promotionState(h);
    const again = await mustSucceed(setStatusCall(h, promotionId, PAUSED, { requestId }));
    expect([again.promotion?.status, again.replayed]).toEqual([ACTIVE, true]);
    expect(await setStatusCall(h, promotionId, ENDED, { requestId })).toMatchObject({ reason: 'REQUEST_ID_REUSED' });
    expect(await promotionState(h)).toEqual(before);
  });

  test('20 times at once moves it once', async () => {
    const promotionId = await promotionAt([]);
    const replies = await Promise.all(Array.from({ length: 20 }, () => setStatusCall(h, promotionId, ACTIVE)));
    expect(replies.every(({ ok }) => ok)).toBe(true);
    const { audit, events } = await readTraces(h, promotionId);
    expect([audit.length, events.length]).toEqual([2, 2]);
  });

  test('decides who can claim: nobody from a draft, a paused or an ended one (R13.4)', async () => {
    const userId = await registerUser(h);
    for (const [name, , way] of WAYS.filter(([, status]) => status !== ACTIVE)) {
      const promotionId = await promotionAt(way);
      const before = await promotionState(h);
      const refused = await claimCall(h, { userId, promotionId });
      expect(refused).toMatchObject({ reason: 'PROMOTION_NOT_ACTIVE', metadata: { status: name } });
      expect(await promotionState(h)).toEqual(before);
    }
    const promotionId = await promotionAt([ACTIVE, PAUSED, ACTIVE]);
    await claim(h, userId, promotionId);
    expect((await mustSucceed(getPromotionCall(h, promotionId))).promotion?.claimedCount).toBe(1);
  });

  test('of an unknown promotion, to no status or an unknown one, is refused and changes nothing', async () => {
    const promotionId = await promotionAt([]);
    const before = await promotionState(h);
    expect(await setStatusCall(h, 'no-such', ACTIVE)).toMatchObject({
      ...{ code: 'NOT_FOUND', reason: 'PROMOTION_NOT_FOUND', metadata: { promotion_id: 'no-such' } },
    });
    for (const status of [PromotionStatus.UNSPECIFIED, 99 as PromotionStatus, -1 as PromotionStatus]) {
      expect(await setStatusCall(h, promotionId, status)).toMatchObject({
        ...{ reason: 'INVALID_REQUEST', fields: ['status'] },
      });
    }
    expect(await setStatusCall(h, '', ACTIVE)).toMatchObject({ fields: ['promotion_id'] });
    expect(await promotionState(h)).toEqual(before);
  });
});
