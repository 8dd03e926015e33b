import { CALENDAR_STORIES } from './calendar-stories';
import { CAMPAIGNS, PLANS } from './catalogue';
import { DAY, shanghai } from './civil';
import { partsOf, share } from './oracle';
import { OracleAccount } from './oracle-account';
import { Story } from './story';

/** The oracle judges the service, so it is judged first: by figures that were worked out by hand. */
describe('the oracle', () => {
  test.each(CALENDAR_STORIES)('knows the calendar: $name', ({ story, periods, grants }) => {
    const lines = story.lines().filter((line) => !line.startsWith('balance'));
    expect(lines).toEqual([...periods, ...grants].sort());
  });

  test('splits units with the larger parts first', () => {
    expect(partsOf(310, 3)).toEqual([104, 103, 103]);
    expect(partsOf(5, 12)).toEqual([1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]);
    expect(partsOf(0, 2)).toEqual([0, 0]);
  });

  test('shares are rounded down, and exact beyond 2^53', () => {
    expect(share(100, 1, 3)).toBe(33);
    expect(share(9_007_199_254_740_991, 3, 9)).toBe(3_002_399_751_580_330);
  });

  const member = (): Story => new Story('u').at('2027-01-31').register().buy('o1', PLANS.month);
  const grants = (story: Story): readonly string[] => story.lines().filter((line) => line.startsWith('grant'));
  const periods = (story: Story): readonly string[] => story.lines().filter((line) => line.startsWith('period'));

  test('what ends first is burnt first, and comes back last', () => {
    const story = member().gift(CAMPAIGNS[0] ?? { key: '', units: 0, validDays: 0 });
    // Gift until 10 Feb (15), month until 28 Feb (100), registration until 2 Mar (10).
    const left = (): number[] => story.oracle.account.lots.map((lot) => lot.left);
    story.consume('c1', 120);
    expect(left()).toEqual([5, 0, 0]);
    story.giveBack('g1', 'c1', 6);
    expect(left()).toEqual([10, 1, 0]);
    expect(story.consume('c2', 12).answer).toBe('QUOTA_INSUFFICIENT');
    expect(story.giveBack('g2', 'c1', 115).answer).toBe('REFUND_EXCEEDS_CONSUMED');
    expect(story.giveBack('g3', 'c1').answer).toBe('ok');
    expect(left()).toEqual([10, 100, 15]);
  });

  test('units that come back too late live for 7 days from the first time, and no longer', () => {
    const story = member().consume('c1', 60).at('2027-03-01').giveBack('g1', 'c1', 20);
    story.at('2027-03-05').giveBack('g2', 'c1', 10);
    expect(grants(story)).toEqual([
      'grant compensation/g1>membership/o1:1: 20 units until 2027-03-08 00:00:00.000, 20 usable, 0 held',
      'grant compensation/g2>membership/o1:1: 10 units until 2027-03-08 00:00:00.000, 10 usable, 0 held',
      'grant membership/o1:1: 100 units until 2027-02-28 00:00:00.000, 0 usable, 0 held',
    ]);
    expect(grants(story.at('2027-03-08').giveBack('g3', 'c1'))).toHaveLength(3);
  });

  test('an open refund freezes its part, and gives it back when it is closed, late where it is late', () => {
    const story = member().consume('c1', 40).refund('r1', 'o1', 1_495);
    expect(grants(story)).toEqual([
      'grant membership/o1:1: 100 units until 2027-02-28 00:00:00.000, 30 usable, 30 held',
    ]);
    expect(grants(story.at('2027-03-01').endRefund('r1', 'closed'))).toEqual([
      'grant compensation/r1>membership/o1:1: 30 units until 2027-03-08 00:00:00.000, 30 usable, 0 held',
      'grant membership/o1:1: 100 units until 2027-02-28 00:00:00.000, 0 usable, 0 held',
    ]);
  });

  test('a full refund ends everything, also what comes back afterwards', () => {
    const story = member().consume('c1', 40).at('2027-02-10').refund('r1', 'o1').endRefund('r1').giveBack('g1', 'c1');
    expect(story.lines()).toEqual([
      'balance: 10',
      'grant membership/o1:1: 100 units until 2027-02-28 00:00:00.000, 0 usable, 0 held',
      'period o1: 2027-01-31 00:00:00.000 to 2027-02-10 00:00:00.000, 1 given, revoked 2027-02-10 00:00:00.000',
    ]);
    expect(story.refund('r2', 'o1', 1).answer).toBe('ORDER_NOT_REFUNDABLE nothing_left');
  });

  test('a refund of a period bought ahead: a part ends its units as they are given, all of it leaves nothing', () => {
    const story = member().buy('o2', PLANS.month).refund('r1', 'o2', 299).endRefund('r1');
    story.at('2027-02-28').tick();
    // A tenth of 31 days is 3 days, 2 hours and 24 minutes.
    expect(periods(story)[1]).toBe('period o2: 2027-02-28 00:00:00.000 to 2027-03-27 21:36:00.000, 1 given');
    expect(grants(story)[1]).toBe('grant membership/o2:1: 100 units until 2027-03-27 21:36:00.000, 90 usable, 0 held');
    const other = member().buy('o2', PLANS.month).refund('r1', 'o2').endRefund('r1').at('2027-02-28').tick();
    expect(grants(other)).toHaveLength(1);
  });

  test('an interval that a refund made too late is never given, and one that waits for a refund is given afterwards', () => {
    const story = member().at('2027-02-28').buy('o2', PLANS.quarter).refund('r1', 'o2', 7_000);
    const given = (): string[] => story.oracle.account.lots.filter(({ order }) => order === 'o2').map(({ ref }) => ref);
    story.at('2027-03-28').tick();
    expect(given()).toEqual(['o2:1']);
    story.endRefund('r1', 'closed').tick();
    expect(given()).toEqual(['o2:1', 'o2:2']);
    // Of 61 days that are left 7000 of 7990 fen end more than 53.
    story.refund('r2', 'o2', 7_000).endRefund('r2').at('2027-05-01').tick();
    expect(given()).toEqual(['o2:1', 'o2:2']);
  });

  test('an upgrade credits the smaller of time and units, and all of what has not begun', () => {
    // 14 of 28 days are left, and 60 of 100 units: half of 2990 fen; and 5990 fen for what has not begun.
    const story = member()
      .buy('o2', PLANS.monthPlus)
      .consume('c1', 40)
      .at('2027-02-14')
      .order('o3', PLANS.year, 'upgrade');
    expect(story.answer).toBe(`ok ${26_800 - 1_495 - 5_990}`);
    expect(story.pay('o3').lines()).toEqual([
      'balance: 119',
      'grant membership/o1:1: 100 units until 2027-02-28 00:00:00.000, 0 usable, 0 held',
      'grant membership/o3:1: 109 units until 2027-03-14 00:00:00.000, 109 usable, 0 held',
      'period o1: 2027-01-31 00:00:00.000 to 2027-02-14 00:00:00.000, 1 given, replaced by o3',
      'period o2: 2027-02-28 00:00:00.000 to 2027-03-31 00:00:00.000, 0 given, revoked 2027-02-14 00:00:00.000, replaced by o3',
      'period o3: 2027-02-14 00:00:00.000 to 2028-02-14 00:00:00.000, 1 given',
    ]);
  });

  test('an upgrade credits units that are fewer than the time', () => {
    const story = member().consume('c1', 90).at('2027-02-14').order('o2', PLANS.monthPlus, 'upgrade');
    // 10 of 100 units.
    expect(story.answer).toBe(`ok ${5_990 - 299}`);
  });

  test('what is spent between an upgrade and its payment is missing in the new period', () => {
    const story = member().at('2027-02-14').order('o2', PLANS.monthPlus, 'upgrade').consume('c1', 30).pay('o2');
    expect(grants(story)[1]).toBe('grant membership/o2:1: 250 units until 2027-03-14 00:00:00.000, 220 usable, 0 held');
  });

  test('why there is no upgrade', () => {
    const asked = (story: Story, plan = PLANS.monthPlus): string | undefined =>
      story.order('x', plan, 'upgrade').answer;
    const why = (...reasons: readonly string[]): string => reasons.map((it) => `UPGRADE_NOT_POSSIBLE ${it}`).join('|');
    expect(asked(new Story('u').at('2027-01-31').register())).toBe(why('no_membership'));
    expect(asked(member(), PLANS.month as never)).toBe(why('same_plan', 'credit_exceeds_price'));
    expect(asked(member(), PLANS.week as never)).toBe(why('credit_exceeds_price'));
    expect(asked(member().order('o2', PLANS.week))).toBe(why('order_open'));
    expect(asked(member().refund('r1', 'o1', 1))).toBe(why('refund_open'));
  });

  test('while an upgrade waits nothing is sold, and nothing it credits goes back', () => {
    const story = member().order('o2', PLANS.monthPlus, 'upgrade');
    expect(story.order('o3', PLANS.week).answer).toBe('UPGRADE_NOT_POSSIBLE order_open');
    expect(story.refund('r1', 'o1').answer).toBe('ORDER_NOT_REFUNDABLE upgrade_open');
  });

  test('what an upgrade credits does not go back, until the upgrade itself went back in full', () => {
    const story = member().upgrade('o2', PLANS.monthPlus);
    expect(story.refund('r1', 'o1').answer).toBe('ORDER_NOT_REFUNDABLE nothing_left');
    story.refund('r2', 'o2').endRefund('r2');
    expect(story.refund('r3', 'o1').answer).toBe('ok 2990');
  });

  test('what an upgrade replaced before it began stays as it is, whatever of it goes back later', () => {
    const story = member().buy('o2', PLANS.month).at('2027-02-14').upgrade('o3', PLANS.year);
    const before = periods(story)[1];
    expect(before).toMatch(
      /^period o2: 2027-02-28 .* to 2027-03-31 .*, 0 given, revoked 2027-02-14 .*, replaced by o3$/,
    );
    story.refund('r1', 'o3').endRefund('r1').at('2027-03-10').refund('r2', 'o2', 1_000).endRefund('r2');
    expect(periods(story)[1]).toBe(before);
    story.refund('r3', 'o2').endRefund('r3');
    expect(periods(story)[1]).toBe(before);
  });

  test('a membership is looked at to its end without a gap', () => {
    const story = member().buy('o2', PLANS.month).look();
    expect(story.answer).toBe(`sim-month ${shanghai('2027-01-31')} ${shanghai('2027-03-31')} 110`);
    expect(story.at('2027-03-31').look().answer).toBe('none 0');
  });

  test('a lot gives to its last millisecond, and not at its end', () => {
    const account = new OracleAccount();
    account.give({ source: 'gift', ref: 'g', order: null, units: 5, expire: DAY });
    expect([account.usable(DAY - 1), account.usable(DAY)]).toEqual([5, 0]);
  });
});
