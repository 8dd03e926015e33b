import { PLANS } from './catalogue';
import { Story } from './story';

/** Lives whose dates are worth a name, each with what came of it, worked out with a calendar on paper. */
export interface CalendarStory {
  readonly name: string;
  readonly story: Story;
  readonly periods: readonly string[];
  readonly grants: readonly string[];
}

const born = (user: string, time: string): Story => new Story(user).at(time).register();

/** Runs the jobs at each of these times. */
function tickAt(story: Story, ...times: readonly string[]): Story {
  for (const time of times) story.at(time).tick();
  return story;
}

/** A period, as facts write it, where only times of day are left out that are midnight. */
function period(order: string, start: string, end: string, given: number, fate = ''): string {
  return `period ${order}: ${fully(start)} to ${fully(end)}, ${given} given${fate}`;
}

function grant(ref: string, units: number, until: string, usable: number): string {
  return `grant membership/${ref}: ${units} units until ${fully(until)}, ${usable} usable, 0 held`;
}

function fully(time: string): string {
  return time.includes(':') ? time : `${time} 00:00:00.000`;
}

const JANUARY = '2027-01-31';

export const CALENDAR_STORIES: readonly CalendarStory[] = [
  {
    name: 'a month bought on 31 Jan 2027 at Shanghai midnight, renewed twice: 28 Feb, 31 Mar, 30 Apr',
    story: tickAt(
      born('cal-31-jan', JANUARY).buy('o1', PLANS.month).buy('o2', PLANS.month).buy('o3', PLANS.month),
      '2027-02-27 23:59:59.999',
      '2027-02-28',
      '2027-03-31',
    ),
    periods: [
      period('o1', JANUARY, '2027-02-28', 1),
      period('o2', '2027-02-28', '2027-03-31', 1),
      period('o3', '2027-03-31', '2027-04-30', 1),
    ],
    grants: [
      grant('o1:1', 100, '2027-02-28', 0),
      grant('o2:1', 100, '2027-03-31', 0),
      grant('o3:1', 100, '2027-04-30', 100),
    ],
  },
  {
    name: 'the millisecond before Shanghai midnight belongs to 30 Jan 2027: its month ends a day later in the day',
    story: born('cal-30-jan', '2027-01-30 23:59:59.999').buy('o1', PLANS.month).buy('o2', PLANS.month),
    periods: [
      period('o1', '2027-01-30 23:59:59.999', '2027-02-28 23:59:59.999', 1),
      period('o2', '2027-02-28 23:59:59.999', '2027-03-30 23:59:59.999', 0),
    ],
    grants: [grant('o1:1', 100, '2027-02-28 23:59:59.999', 100)],
  },
  {
    name: 'a year from 31 Jan 2027 gives on the last day of every month, and 108 or 109 units',
    story: tickAt(
      born('cal-year', JANUARY).buy('o1', PLANS.year),
      ...['2027-02-28', '2027-03-31', '2027-04-30', '2027-05-31', '2027-06-30', '2027-07-31'],
      ...['2027-08-31', '2027-09-30', '2027-10-31', '2027-11-30', '2027-12-31', '2028-01-31'],
    ),
    periods: [period('o1', JANUARY, '2028-01-31', 12)],
    grants: [
      ...['2027-02-28', '2027-03-31', '2027-04-30', '2027-05-31'].map((until, index) =>
        grant(`o1:${index + 1}`, 109, until, 0),
      ),
      ...['2027-06-30', '2027-07-31', '2027-08-31', '2027-09-30'].map((until, index) =>
        grant(`o1:${index + 5}`, 108, until, 0),
      ),
      ...['2027-10-31', '2027-11-30', '2027-12-31', '2028-01-31'].map((until, index) =>
        grant(`o1:${index + 9}`, 108, until, 0),
      ),
    ],
  },
  {
    name: 'a month from the leap day, 29 Feb 2028: 29 Mar, 29 Apr',
    story: tickAt(born('cal-leap', '2028-02-29').buy('o1', PLANS.month).buy('o2', PLANS.month), '2028-03-29'),
    periods: [period('o1', '2028-02-29', '2028-03-29', 1), period('o2', '2028-03-29', '2028-04-29', 1)],
    grants: [grant('o1:1', 90, '2028-03-29', 0), grant('o2:1', 90, '2028-04-29', 90)],
  },
  {
    name: 'a year from the leap day ends on 28 Feb 2029, and gives by quarters as it was sold then',
    story: tickAt(
      born('cal-leap-year', '2028-02-29').buy('o1', PLANS.year),
      ...['2028-05-29', '2028-08-29', '2028-11-29'],
    ),
    periods: [period('o1', '2028-02-29', '2029-02-28', 4)],
    grants: [
      grant('o1:1', 303, '2028-05-29', 0),
      grant('o1:2', 303, '2028-08-29', 0),
      grant('o1:3', 302, '2028-11-29', 0),
      grant('o1:4', 302, '2029-02-28', 302),
    ],
  },
  {
    name: 'a month from 31 Jan 2028 ends on the leap day, and the next on 31 Mar',
    story: born('cal-31-jan-leap', '2028-01-31').buy('o1', PLANS.month).buy('o2', PLANS.month),
    periods: [period('o1', '2028-01-31', '2028-02-29', 1), period('o2', '2028-02-29', '2028-03-31', 0)],
    grants: [grant('o1:1', 90, '2028-02-29', 90)],
  },
  {
    name: 'a quarter from 30 Nov 2027 gives on 30 Dec and 30 Jan, and ends on the leap day',
    story: tickAt(born('cal-quarter', '2027-11-30').buy('o1', PLANS.quarter), '2027-12-30', '2028-01-30'),
    periods: [period('o1', '2027-11-30', '2028-02-29', 3)],
    grants: [
      grant('o1:1', 104, '2027-12-30', 0),
      grant('o1:2', 103, '2028-01-30', 0),
      grant('o1:3', 103, '2028-02-29', 103),
    ],
  },
  {
    name: 'a quarter that follows a month from 31 Jan keeps the 31st: 28 Feb to 31 May, given on 31 Mar and 30 Apr',
    story: tickAt(
      born('cal-chain', JANUARY).buy('o1', PLANS.month).buy('o2', PLANS.quarter),
      ...['2027-02-28', '2027-03-31', '2027-04-30'],
    ),
    periods: [period('o1', JANUARY, '2027-02-28', 1), period('o2', '2027-02-28', '2027-05-31', 3)],
    grants: [
      grant('o1:1', 100, '2027-02-28', 0),
      grant('o2:1', 104, '2027-03-31', 0),
      grant('o2:2', 103, '2027-04-30', 0),
      grant('o2:3', 103, '2027-05-31', 103),
    ],
  },
  {
    name: 'days that follow a month have an anchor of their own, and so has a month that follows days',
    story: born('cal-days', JANUARY).buy('o1', PLANS.month).buy('o2', PLANS.week).buy('o3', PLANS.month),
    periods: [
      period('o1', JANUARY, '2027-02-28', 1),
      period('o2', '2027-02-28', '2027-03-07', 0),
      period('o3', '2027-03-07', '2027-04-07', 0),
    ],
    grants: [grant('o1:1', 100, '2027-02-28', 100)],
  },
  {
    name: 'seven days from 23 Feb 2028 at noon go over the leap day: 1 Mar at noon',
    story: born('cal-week', '2028-02-23 12:00').buy('o1', PLANS.week),
    periods: [period('o1', '2028-02-23 12:00:00.000', '2028-03-01 12:00:00.000', 1)],
    grants: [grant('o1:1', 20, '2028-03-01 12:00:00.000', 20)],
  },
  {
    name: 'who renews at the very instant of the end begins anew: 28 Feb leads to 28 Mar, not to 31 Mar',
    story: born('cal-anew', JANUARY).buy('o1', PLANS.month).at('2027-02-28').buy('o2', PLANS.month),
    periods: [period('o1', JANUARY, '2027-02-28', 1), period('o2', '2027-02-28', '2027-03-28', 1)],
    grants: [grant('o1:1', 100, '2027-02-28', 0), grant('o2:1', 100, '2027-03-28', 100)],
  },
  {
    name: 'grants missed from 28 Feb to 15 May are given late, each until its own end',
    story: tickAt(born('cal-missed', JANUARY).buy('o1', PLANS.year), '2027-05-15'),
    periods: [period('o1', JANUARY, '2028-01-31', 4)],
    grants: [
      grant('o1:1', 109, '2027-02-28', 0),
      grant('o1:2', 109, '2027-03-31', 0),
      grant('o1:3', 109, '2027-04-30', 0),
      grant('o1:4', 109, '2027-05-31', 109),
    ],
  },
  {
    name: 'a refund of half on 14 Feb at midnight ends a month from 31 Jan on 21 Feb; the next begins there, and leaves the 31st',
    story: born('cal-refund', JANUARY)
      .buy('o1', PLANS.month)
      .at('2027-02-14')
      .refund('r1', 'o1', 1_495)
      .endRefund('r1')
      .buy('o2', PLANS.month),
    periods: [period('o1', JANUARY, '2027-02-21', 1), period('o2', '2027-02-21', '2027-03-21', 0)],
    grants: [grant('o1:1', 100, '2027-02-28', 50)],
  },
  {
    name: 'an upgrade on 14 Feb begins a chain of its own: 14 Mar',
    story: born('cal-upgrade', JANUARY).buy('o1', PLANS.month).at('2027-02-14').upgrade('o2', PLANS.monthPlus),
    periods: [period('o1', JANUARY, '2027-02-14', 1, ', replaced by o2'), period('o2', '2027-02-14', '2027-03-14', 1)],
    grants: [grant('o1:1', 100, '2027-02-28', 0), grant('o2:1', 250, '2027-03-14', 250)],
  },
];
