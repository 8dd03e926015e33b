import { mustSucceed } from '../support/clients';
import { startCommitCutter, type CommitCutter, type CutPlace } from '../support/commit-cutter';
import { registerUser, startHarness, type Harness } from '../support/harness';
import { readInfra } from '../support/infra';
import { checkPromotionsOf } from '../support/promotion-check';
import { claimCall, openPromotion, stockOf } from '../support/promotions';
import { proxied } from '../support/proxied';

/** Lessons 2, 48: a claim whose COMMIT was not answered is found again, counted once, and told truly who made it. */
describe('the connection is cut at the COMMIT of claims', () => {
  const CLAIMS = 120;
  const STOCK = 80;
  const CUTS = 30;
  let h: Harness;
  let cutter: CommitCutter;
  beforeAll(async () => {
    cutter = await startCommitCutter(readInfra().port);
    // Only claims commit anything while connections are cut.
    h = await startHarness({ ...proxied.database(cutter), WORKER_POLL_INTERVAL_MS: '600000' });
  });
  afterEach(() => cutter.letPass());
  afterAll(async () => {
    await h.stop();
    await cutter.close();
  });

  test.each<[string, readonly CutPlace[], number]>([
    ['between COMMIT and its answer', ['after'], 2],
    ['before COMMIT arrives', ['before'], 2],
    ['either way', ['before', 'after'], 2],
  ])(
    '%s: nobody is refused, no coupon is lost or issued twice, none is called a repeat',
    async (_where, places, every) => {
      const promotionId = await openPromotion(h, { totalQuota: STOCK });
      const users = await Promise.all(Array.from({ length: CLAIMS }, () => registerUser(h)));
      const cutsBefore = cutter.cuts;
      cutter.cut(places, every, CUTS);
      const told = new Map<string, string>();
      const claimFrom = async (first: number): Promise<void> => {
        for (let i = first; i < CLAIMS; i += 8) {
          const userId = users[i] ?? '';
          const reply = await claimCall(h, { userId, promotionId, requestId: 'in-doubt' });
          if (reply.ok) expect(reply.response.replayed).toBe(false);
          told.set(userId, reply.ok ? (reply.response.coupon?.couponId ?? '') : `${reply.code} ${reply.reason}`);
        }
      };
      await Promise.all(Array.from({ length: 8 }, (_, first) => claimFrom(first)));
      cutter.letPass();
      expect(cutter.cuts).toBeGreaterThan(cutsBefore);

      const refused = [...told.values()].filter((word) => word.includes(' '));
      expect(new Set(refused)).toEqual(new Set(['FAILED_PRECONDITION PROMOTION_SOLD_OUT']));
      expect(refused).toHaveLength(CLAIMS - STOCK);
      expect(await stockOf(h.db, promotionId)).toEqual({ claimed: STOCK, budgetUsed: 0, unused: STOCK });
      const rows = await h.db.query('SELECT user_id, id FROM user_coupons WHERE promotion_id = ?', [promotionId]);
      for (const row of rows) expect(told.get(String(row['user_id']))).toBe(row['id']);
      // Asked again it is a repeat, and the same coupon.
      const [known] = rows;
      const again = { userId: String(known?.['user_id']), promotionId, requestId: 'in-doubt' };
      const repeat = await mustSucceed(claimCall(h, again));
      expect([repeat.replayed, repeat.coupon?.couponId]).toEqual([true, known?.['id']]);
      expect((await checkPromotionsOf(h.db)).faults).toEqual([]);
    },
    120_000,
  );
});
