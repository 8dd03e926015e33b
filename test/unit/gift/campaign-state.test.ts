import { mayMove } from '../../../src/gift/campaign-state';

const STATUSES = ['draft', 'active', 'paused', 'ended'] as const;

/** The life of a gift campaign: nothing but its approval leads out of draft, and nothing leads back. */
test('a campaign may be paused, resumed and ended once it was approved, and nothing else', () => {
  const moves = STATUSES.flatMap((from) => STATUSES.filter((to) => mayMove(from, to)).map((to) => `${from} > ${to}`));
  expect(moves).toEqual(['active > paused', 'active > ended', 'paused > active', 'paused > ended']);
});
