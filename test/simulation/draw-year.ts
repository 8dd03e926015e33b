import { CAMPAIGNS, PLANS } from './catalogue';
import { DAY, HOUR, MINUTE, shanghai, timeOfDay } from './civil';
import { OracleUser, type OracleOrder } from './oracle';
import { seeded, type Random } from './random';
import { termsAt, type Act, type Moment, type SimulatedPlan, type Step } from './script';

/**
 * Draws what many users do in a year, with what must come of it: the oracle is asked at each step, so that what is drawn makes
 * sense, and answers what the service is compared with.
 */

/** A year with a leap day, and what the oracle knows at its end. */
export interface DrawnYear {
  readonly moments: readonly Moment[];
  readonly oracles: ReadonlyMap<string, OracleUser>;
}

const FIRST_DAY = shanghai('2027-07-01');
const DAYS = 366;
/** The jobs run at this time of the day: nothing is due, and nobody does anything, in the hour from then on. */
const TICK = 4 * HOUR;
const QUIET_END = TICK + HOUR;
/** So many days of a thousand all workers are away, and once for as long as this. */
const OUTAGE_PER_MILLE = 120;
const LONG_OUTAGE_DAYS = 9;

/** The moments of the year: every midnight and the millisecond before it, others at random, and the jobs' times. */
function drawMoments(random: Random): { readonly time: number; readonly isTick: boolean }[] {
  const longOutage = random.between(100, DAYS - 100);
  return Array.from({ length: DAYS }, (_, index) => {
    const midnight = FIRST_DAY + index * DAY;
    const isLongOut = index >= longOutage && index < longOutage + LONG_OUTAGE_DAYS;
    const isOut = isLongOut || (random.chance(OUTAGE_PER_MILLE) && index < DAYS - 1);
    const times = [midnight, midnight + DAY - 1, midnight + random.between(1, TICK - MINUTE)];
    while (times.length < 5) times.push(midnight + random.between(QUIET_END, DAY - 2));
    const tick = isOut ? [] : [{ time: midnight + TICK, isTick: true }];
    return [...[...new Set(times)].map((time) => ({ time, isTick: false })), ...tick].sort((a, b) => a.time - b.time);
  }).flat();
}

/** Draws the year of so many users. */
export function drawYear(seed: number, users: number): DrawnYear {
  const times = drawMoments(seeded(seed));
  const acts: Act[][] = times.map(() => []);
  const oracles = new Map<string, OracleUser>();
  for (let index = 0; index < users; index += 1) {
    const life = drawLife(seed, index, times);
    oracles.set(life.user, life.oracle);
    for (const [moment, act] of life.acts) acts[moment]?.push(act);
  }
  const moments = times.map((at, index) => ({ ...at, acts: acts[index] ?? [] }));
  return { moments, oracles };
}

/** Draws lives until one leaves the jobs' hour alone: a shortened period may begin the next at any time of day. */
function drawLife(seed: number, index: number, times: readonly Pick<Moment, 'time' | 'isTick'>[]): Life {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const life = new Life(`sim-${seed}-${index}`, seeded(seed * 1_000_003 + index * 101 + attempt), times);
    const starts = life.oracle.periods.map(({ start }) => timeOfDay(start));
    if (starts.every((time) => time < TICK || time >= QUIET_END)) return life;
  }
  throw new Error(`no life of user ${index} leaves the jobs' hour alone`);
}

const PLAN_LIST = Object.values(PLANS) as [SimulatedPlan, ...SimulatedPlan[]];
/** What is left of others mostly pays for a part of these. */
const DEAR_PLANS = [PLANS.year, PLANS.halfYear, PLANS.yearFew, PLANS.quarter, PLANS.monthPlus] as const;
/** Nobody buys further ahead. */
const AHEAD_MAX = 500 * DAY;

/** One user's year. */
class Life {
  readonly oracle = new OracleUser();
  readonly acts: (readonly [moment: number, act: Act])[] = [];
  private readonly agenda = new Map<number, Step[]>();
  private readonly consumed: string[] = [];
  private keys = 0;
  private moment = 0;
  private now = 0;

  constructor(
    readonly user: string,
    private readonly random: Random,
    private readonly times: readonly Pick<Moment, 'time' | 'isTick'>[],
  ) {
    // Most come early, so that there is a year to see.
    const bornAt = random.between(0, random.chance(700) ? 60 : 250) * 6;
    let isActive = false;
    for (const [index, { time, isTick }] of times.entries()) {
      if (index < bornAt) continue;
      this.moment = index;
      this.now = time;
      if (isTick) {
        this.oracle.catchUp(time);
        isActive = random.chance(46);
        continue;
      }
      if (this.acts.length === 0) this.act({ do: 'register' });
      for (const step of this.agenda.get(index) ?? []) this.act(step);
      const isTempted = this.oracle.orders.some(({ state, kind }) => state === 'open' && kind === 'upgrade');
      if (isTempted ? random.chance(300) : isActive && random.chance(260)) this.act(this.choose());
    }
  }

  private key(kind: string): string {
    this.keys += 1;
    return `${kind}${this.keys}`;
  }

  /** Something for a later moment; what would come after the year never does. */
  private later(least: number, most: number, step: Step): void {
    let at = this.moment + this.random.between(least, most);
    while (this.times[at]?.isTick === true) at += 1;
    if (at === this.moment) this.act(step);
    else this.agenda.set(at, [...(this.agenda.get(at) ?? []), step]);
  }

  private act(step: Step): void {
    const answers = this.ask(step);
    this.acts.push([this.moment, { user: this.user, step, answers }]);
    const isDone = answers[0]?.startsWith('ok') === true;
    if (!isDone) return;
    if (step.do === 'consume') this.consumed.push(step.key);
    if (step.do === 'order') this.settleOrder(step.key);
    if (step.do === 'refund') {
      const end = this.random.chance(780) ? 'succeeded' : 'closed';
      const most = this.random.chance(800) ? 12 : 300;
      this.later(0, most, { do: 'endRefund', refund: step.key, end });
    }
  }

  /** Paid at once or within a day, or given up. */
  private settleOrder(order: string): void {
    const most = this.random.chance(500) ? 0 : 5;
    if (this.random.chance(900)) this.later(0, most, { do: 'pay', order });
    else this.later(1, 5, { do: 'cancel', order });
  }

  private ask(step: Step): string[] {
    const { oracle, now } = this;
    switch (step.do) {
      case 'register':
        oracle.register(now);
        return ['registered'];
      case 'order':
        return oracle.order(step.key, step.kind, step.terms, now);
      case 'pay':
        return oracle.pay(step.order, now);
      case 'cancel':
        return oracle.cancel(step.order);
      case 'refund':
        return oracle.refund(step.key, step.order, step.amount, now);
      case 'endRefund':
        return oracle.endRefund(step.refund, step.end, now);
      case 'consume':
        return oracle.consume(step.key, step.units, now);
      case 'giveBack':
        return oracle.giveBack(step.key, step.of, step.units, now);
      case 'gift':
        return oracle.gift(step.campaign, now);
      case 'look':
        return oracle.look(now);
    }
  }

  private choose(): Step {
    const { oracle, now } = this;
    const last = oracle.standing(now).at(-1);
    const isMember = oracle.running(now) !== undefined;
    const mayBuy = last === undefined || last.end < now + AHEAD_MAX;
    const isPaid = ({ state }: OracleOrder): boolean => state === 'paid' || state === 'refunded';
    const choices: (readonly [number, () => Step])[] = [
      [60, () => this.chooseConsume()],
      [this.consumed.length > 0 ? 14 : 0, () => this.chooseGiveBack()],
      [7, () => ({ do: 'look' })],
      [mayBuy ? (isMember ? 15 : 90) : 0, () => this.chooseOrder('purchase')],
      [isMember ? 18 : 1, () => this.chooseOrder('upgrade')],
      [oracle.orders.some(isPaid) ? 18 : 0, () => this.chooseRefund(oracle.orders.filter(isPaid))],
      [4, () => ({ do: 'gift', campaign: this.random.pick(CAMPAIGNS as [(typeof CAMPAIGNS)[0]]) })],
    ];
    return this.random.weighted(choices)();
  }

  private chooseConsume(): Step {
    const usable = this.oracle.account.usable(this.now);
    const share = this.random.pick([2, 3, 8, 20]);
    const units = this.random.chance(60) ? usable + 1 : this.random.between(1, Math.max(1, Math.ceil(usable / share)));
    return { do: 'consume', key: this.key('c'), units };
  }

  private chooseGiveBack(): Step {
    const recent = this.consumed.slice(-12) as [string];
    const of = this.random.pick(recent);
    const most = this.oracle.account.returnable(of);
    const units = this.random.chance(400) ? 0 : this.random.between(1, most + (this.random.chance(100) ? 1 : 0) || 1);
    return { do: 'giveBack', key: this.key('g'), of, units };
  }

  private chooseOrder(kind: 'purchase' | 'upgrade'): Step {
    const plan = this.random.pick<SimulatedPlan>(
      kind === 'upgrade' && this.random.chance(700) ? DEAR_PLANS : PLAN_LIST,
    );
    return { do: 'order', key: this.key('o'), kind, terms: termsAt(plan, this.now) };
  }

  private chooseRefund(orders: readonly OracleOrder[]): Step {
    const order = this.random.pick(orders.slice(-4) as [OracleOrder]);
    const left = this.oracle.refundable(order);
    const amount = this.random.weighted([
      [30, 0],
      [60, this.random.between(1, Math.max(1, left))],
      [5, left],
      [5, left + 1],
    ]);
    return { do: 'refund', key: this.key('r'), order: order.key, amount };
  }
}
