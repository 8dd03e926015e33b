import { brokenInvariants } from '../support/invariants';
import { severeProblems } from '../support/severe-problems';
import { jobsHere } from './jobs-here';
import { drawTheYear, openStockedWorld, playAndCompare } from './the-year';
import type { World } from './world';

/**
 * Must show 1 (R2.1 to R2.4, R10.3): a year of random lives, and an oracle that shares nothing with the service but what is written
 * down. Purchases, renewals before and after the end, several at once, upgrades, refunds in full and in part, expiries, days
 * without any worker, and units spent and given back all along.
 */
describe('a year of memberships', () => {
  let world: World;
  beforeAll(async () => {
    world = await openStockedWorld();
  });
  afterAll(() => world.close());

  test('every interval, every grant and every balance is what the oracle says, all invariants hold, and the review finds nothing', async () => {
    expect(await playAndCompare(drawTheYear(), world, jobsHere(world))).toEqual([]);
    expect(await brokenInvariants(world.db)).toEqual([]);
    expect(await severeProblems(world.db, world.clock)).toEqual([]);
  }, 1_800_000);
});
