import { PLANS } from './catalogue';
import { shanghai } from './civil';
import { oracleFacts } from './facts';
import { OracleUser } from './oracle';
import { termsAt, type Act, type Campaign, type Moment, type SimulatedPlan, type Step } from './script';

/**
 * A life told by hand, for what has to be looked at closely: days in Shanghai, and what happens on them. The oracle is asked for
 * its answers as the story goes on, like for a drawn life.
 */
export class Story {
  readonly oracle = new OracleUser();
  readonly moments: Moment[] = [];
  private now = 0;

  constructor(readonly user: string) {}

  /** From now on it is this time in Shanghai. */
  at(time: string): this {
    this.now = shanghai(time);
    return this;
  }

  register(): this {
    this.oracle.register(this.now);
    return this.tell({ do: 'register' }, ['registered']);
  }

  /** The jobs run. */
  tick(): this {
    this.oracle.catchUp(this.now);
    this.moments.push({ time: this.now, isTick: true, acts: [] });
    return this;
  }

  order(key: string, plan: SimulatedPlan = PLANS.month, kind: 'purchase' | 'upgrade' = 'purchase'): this {
    const terms = termsAt(plan, this.now);
    return this.tell({ do: 'order', key, kind, terms }, this.oracle.order(key, kind, terms, this.now));
  }

  pay(order: string): this {
    return this.tell({ do: 'pay', order }, this.oracle.pay(order, this.now));
  }

  /** Orders a plan and pays for it at once. */
  buy(key: string, plan: SimulatedPlan): this {
    return this.order(key, plan).pay(key);
  }

  /** Orders an upgrade and pays for it at once. */
  upgrade(key: string, plan: SimulatedPlan): this {
    return this.order(key, plan, 'upgrade').pay(key);
  }

  refund(key: string, order: string, amount = 0): this {
    return this.tell({ do: 'refund', key, order, amount }, this.oracle.refund(key, order, amount, this.now));
  }

  endRefund(refund: string, end: 'succeeded' | 'closed' = 'succeeded'): this {
    return this.tell({ do: 'endRefund', refund, end }, this.oracle.endRefund(refund, end, this.now));
  }

  consume(key: string, units: number): this {
    return this.tell({ do: 'consume', key, units }, this.oracle.consume(key, units, this.now));
  }

  giveBack(key: string, of: string, units = 0): this {
    return this.tell({ do: 'giveBack', key, of, units }, this.oracle.giveBack(key, of, units, this.now));
  }

  gift(campaign: Campaign): this {
    return this.tell({ do: 'gift', campaign }, this.oracle.gift(campaign, this.now));
  }

  look(): this {
    return this.tell({ do: 'look' }, this.oracle.look(this.now));
  }

  /** The time that the story has come to. */
  get end(): number {
    return this.now;
  }

  /** The oracle's answer to what was told last. */
  get answer(): string | undefined {
    return this.moments.at(-1)?.acts.at(-1)?.answers.join('|');
  }

  /** What the oracle says came of it, but for the registration grant. */
  lines(): readonly string[] {
    const lines = oracleFacts(new Map([[this.user, this.oracle]]), this.now).get(this.user) ?? [];
    return lines.filter((line) => !line.startsWith('grant registration/') && !line.startsWith('order '));
  }

  private tell(step: Step, answers: readonly string[]): this {
    const act: Act = { user: this.user, step, answers };
    this.moments.push({ time: this.now, isTick: false, acts: [act] });
    return this;
  }
}
