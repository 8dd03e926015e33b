import { mayMove } from '../../../src/promotion/promotion-state';

const STATUSES = ['draft', 'active', 'paused', 'ended'] as const;

/** Design §5: draft → active ⇄ paused, then ended for good; every other move is refused. */
describe('the moves of a promotion', () => {
  const allowed = ['draft active', 'active paused', 'active ended', 'paused active', 'paused ended'];
  const moves = STATUSES.flatMap((from) => STATUSES.map((to) => [from, to] as const));

  test.each(moves)('from %s to %s are as the table says', (from, to) => {
    expect(mayMove(from, to)).toBe(allowed.includes(`${from} ${to}`));
  });
});
