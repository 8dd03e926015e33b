import { timeOfDay } from './civil';
import { drawYear } from './draw-year';
import type { OracleUser } from './oracle';
import type { Act } from './script';

/** What is drawn must be worth playing: the same from the same seed, and full of what may go wrong. */
describe('a drawn year', () => {
  const USERS = 200;
  const year = drawYear(1, USERS);
  const users = [...year.oracles.values()];
  const acts = year.moments.flatMap((moment) => moment.acts);
  const sum = (of: (user: OracleUser) => number): number => users.reduce((total, user) => total + of(user), 0);
  const answered = (done: Act['step']['do'], answer: string): number =>
    acts.filter(({ step, answers }) => step.do === done && answers.some((it) => it.startsWith(answer))).length;

  test('the same seed draws the same, another seed something else', () => {
    expect(drawYear(1, 5).moments).toEqual(drawYear(1, 5).moments);
    expect(drawYear(2, 5).moments).not.toEqual(drawYear(1, 5).moments);
  });

  test('fewer users live the lives of the first ones', () => {
    const few = new Set(drawYear(1, 5).oracles.keys());
    const theirs = acts.filter(({ user }) => few.has(user));
    expect(drawYear(1, 5).moments.flatMap((moment) => moment.acts)).toEqual(theirs);
  });

  test('it goes over the leap day, midnights and the millisecond before, and days without jobs', () => {
    const times = year.moments.map(({ time }) => time);
    const [first = 0, last = 0] = [times[0], times.at(-1)];
    expect([first, last].map((time) => new Date(time).toISOString())).toEqual([
      '2027-06-30T16:00:00.000Z',
      '2028-06-30T15:59:59.999Z',
    ]);
    expect(times.filter((time) => timeOfDay(time) === 0)).toHaveLength(366);
    const ticks = year.moments.filter(({ isTick }) => isTick);
    expect(ticks.length).toBeGreaterThan(300);
    expect(ticks.length).toBeLessThan(350);
  });

  test('every kind of purchase, renewal, upgrade, refund and expiry is in it, often', () => {
    const isAhead = ({ start }: OracleUser['periods'][number], pay: number): boolean => start > pay;
    const counts = {
      purchases: sum(({ periods }) => periods.length),
      boughtAhead: sum((user) => user.periods.filter((it) => isAhead(it, user.orderOf(it.order).payTime)).length),
      upgrades: sum(({ orders }) => orders.filter(({ kind, payTime }) => kind === 'upgrade' && payTime > 0).length),
      replaced: sum(({ periods }) => periods.filter(({ replacedBy }) => replacedBy !== null).length),
      revoked: sum(({ periods }) => periods.filter((it) => it.revoked !== null && it.replacedBy === null).length),
      refunds: sum(({ refunds }) => refunds.filter(({ state }) => state === 'succeeded').length),
      closedRefunds: sum(({ refunds }) => refunds.filter(({ state }) => state === 'closed').length),
      grants: sum(({ account }) => account.lots.filter(({ source }) => source === 'membership').length),
      gifts: sum(({ account }) => account.lots.filter(({ source }) => source === 'gift').length),
      lateUnits: sum(({ account }) => account.lots.filter(({ source }) => source === 'compensation').length),
      cancelled: answered('cancel', 'closed'),
      consumed: answered('consume', 'ok'),
      notEnough: answered('consume', 'QUOTA_INSUFFICIENT'),
      givenBack: answered('giveBack', 'ok'),
      noUpgrade: answered('order', 'UPGRADE_NOT_POSSIBLE'),
      noRefund: answered('refund', 'ORDER_NOT_REFUNDABLE'),
    };
    process.stderr.write(`${USERS} users: ${JSON.stringify(counts)}\n`);
    const rare = Object.entries(counts).filter(([, count]) => count < USERS / 5);
    expect(rare).toEqual([]);
  });
});
