import { CHECKS } from '../../../../src/audit/review/all-checks';
import { problemsIn, reviewStage } from '../../../support/review-faults';
import { closeReviewStage, openReviewStage, putBack, tamper, type ReviewStage } from '../../../support/review-stage';
import { ANCHOR_FAULTS } from './anchor-faults';
import { AUDIT_LOG_FAULTS } from './audit-log-faults';
import { COUPON_FAULTS } from './coupon-faults';
import { FACT_FAULTS, GUARD_FAULTS } from './guard-faults';
import { PAYMENT_FAULTS } from './payment-faults';
import { QUOTA_FAULTS } from './quota-faults';
import { TRACE_FAULTS } from './trace-faults';

const FAULTS = {
  'amounts, coupons and promotions': COUPON_FAULTS,
  'payments, refunds and their traces': PAYMENT_FAULTS,
  'quota, grants and memberships': QUOTA_FAULTS,
  'traces, cases and notices': TRACE_FAULTS,
  'what only the audit log still tells': AUDIT_LOG_FAULTS,
  'the audit log and its anchors': ANCHOR_FAULTS,
  'what guards the ledger, and what is in limbo': GUARD_FAULTS,
};

/**
 * Must show 1 of the audit's issue: each fault is planted in a database in which the service did something of everything, the whole
 * review runs, names it with its evidence and does not pass; then all is put back. Before the first and after the last of them the
 * review of the same database finds nothing.
 */
describe('the financial review', () => {
  let stage: ReviewStage;
  beforeAll(async () => {
    stage = await openReviewStage();
  }, 180_000);
  afterAll(() => closeReviewStage(stage));

  test('finds nothing in a database that nobody tampered with', async () => {
    const review = await reviewStage(stage);
    expect(problemsIn(review)).toEqual([]);
    expect(review.verdict).toBe('passed');
  });

  test('finds nothing either where it does not know where anchors are kept', async () => {
    expect(problemsIn(await reviewStage(stage, { anchors: undefined }))).toEqual([]);
  });

  test('without data keys leaves the originals of callbacks closed, says so, and does not fail for it', async () => {
    const review = await reviewStage(stage, { originals: undefined });
    expect([review.verdict, problemsIn(review)]).toEqual(['passed', []]);
    const leftOut = review.checks.filter(({ outcome }) => outcome === 'left_out').map(({ id }) => id);
    expect(leftOut).toEqual(['callback-differs-from-original']);
  });

  test('has no check that finds none of these faults', () => {
    const planted = new Set([...Object.values(FAULTS).flat(), ...FACT_FAULTS].map(({ check }) => check));
    expect(CHECKS.map(({ id }) => id).filter((id) => !planted.has(id))).toEqual([]);
  });

  test.each(FACT_FAULTS)(
    'finds what is wrong around the database: $what: $check',
    async ({ check, facts, evidence }) => {
      const { checks } = await reviewStage(stage, facts);
      const named = checks.find(({ id }) => id === check);
      expect(named).toMatchObject({ outcome: 'found', error: '' });
      expect(named?.evidence).toContainEqual(expect.objectContaining(evidence));
    },
  );

  describe.each(Object.entries(FAULTS))('finds faults in %s:', (_where, faults) => {
    test.each(faults)('$what: $check', async ({ check, tables, count, plant, undo }) => {
      try {
        const evidence = await tamper(stage, tables, plant);
        const review = await reviewStage(stage);
        const named = review.checks.find(({ id }) => id === check);
        expect(named).toMatchObject({ outcome: 'found', error: '' });
        expect(named?.evidence).toContainEqual(expect.objectContaining(evidence));
        if (count !== undefined) expect(named?.findings).toBe(count);
        expect(review.problems[named?.severity ?? 'severe']).toBeGreaterThan(0);
        if (named?.severity === 'severe') expect(review.verdict).toBe('failed');
        // A check that breaks on what an insider wrote would hide what he did.
        expect(review.checks.filter(({ outcome }) => outcome === 'broken')).toEqual([]);
      } finally {
        if (undo !== undefined) await tamper(stage, tables, undo);
        await putBack(stage, tables);
      }
    });
  });

  test('finds nothing again when all is put back', async () => {
    expect(problemsIn(await reviewStage(stage))).toEqual([]);
  });
});
