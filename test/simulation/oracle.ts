import { after, DAY, type Base } from './civil';
import { OracleAccount } from './oracle-account';

/**
 * What one user's membership must be, by the rules as they are written down: periods, grants, refunds, upgrades. Written from the
 * words of the READMEs alone; nothing here comes from src. Times are milliseconds, amounts are fen.
 */

/** A price version, as an order copies it. */
export interface Terms {
  readonly plan: string;
  readonly price: number;
  readonly unit: 'day' | 'month' | 'quarter' | 'year';
  readonly count: number;
  /** Of the whole period. */
  readonly units: number;
  /** How often units are given; null: all at the start. */
  readonly grant: { readonly unit: Terms['unit']; readonly count: number } | null;
}

const IN_BASE = { day: 1, month: 1, quarter: 3, year: 12 } as const;

/** A length in days, or in months. */
function inBase({ unit, count }: { readonly unit: Terms['unit']; readonly count: number }): number {
  return IN_BASE[unit] * count;
}

/** Units in so many parts, the first ones larger by one. */
export function partsOf(units: number, count: number): readonly number[] {
  const each = Math.floor(units / count);
  return Array.from({ length: count }, (_, index) => (index < units % count ? each + 1 : each));
}

/** What of an older order an upgrade takes as paid. */
export interface OracleCredit {
  readonly order: string;
  readonly amount: number;
  /** Units that it counted as unspent: those that could be used then, and those still to come. */
  readonly units: number;
}

export interface OracleOrder {
  readonly key: string;
  readonly kind: 'purchase' | 'upgrade';
  readonly terms: Terms;
  readonly paid: number;
  readonly credits: readonly OracleCredit[];
  readonly createTime: number;
  state: 'open' | 'closed' | 'paid' | 'refunded';
  payTime: number;
}

export interface OraclePeriod {
  readonly order: string;
  readonly plan: string;
  readonly base: Base;
  readonly anchor: number;
  /** Base units from the anchor to the start. */
  readonly offset: number;
  /** Base units from one grant to the next. */
  readonly interval: number;
  readonly parts: readonly number[];
  readonly start: number;
  end: number;
  given: number;
  /** Units that end as they are given. */
  revokeUnits: number;
  revoked: number | null;
  replacedBy: string | null;
}

export interface OracleRefund {
  readonly key: string;
  readonly order: string;
  readonly amount: number;
  state: 'open' | 'succeeded' | 'closed';
}

/** What an order takes as paid, and what stands against it. */
interface Offer {
  readonly credits: readonly OracleCredit[];
  readonly why: readonly string[];
}

/** A whole times a part, divided, rounded down; exact. */
export function share(whole: number, part: number, of: number): number {
  return Number((BigInt(whole) * BigInt(part)) / BigInt(of));
}

const REGISTRATION_UNITS = 10;
const REGISTRATION_DAYS = 30;
const REFUNDABLE_DAYS = 365;

export class OracleUser {
  readonly account = new OracleAccount();
  readonly orders: OracleOrder[] = [];
  readonly periods: OraclePeriod[] = [];
  readonly refunds: OracleRefund[] = [];

  register(now: number): void {
    const expire = now + REGISTRATION_DAYS * DAY;
    this.account.give({
      source: 'registration',
      ref: 'registration',
      order: null,
      units: REGISTRATION_UNITS,
      expire,
    });
  }

  /** A gift is had once of each campaign. */
  gift(campaign: { readonly key: string; readonly units: number; readonly validDays: number }, now: number): string[] {
    const { key: ref, units, validDays } = campaign;
    if (this.account.lots.some((lot) => lot.source === 'gift' && lot.ref === ref)) return ['GIFT_ALREADY_GRANTED'];
    this.account.give({ source: 'gift', ref, order: null, units, expire: now + validDays * DAY });
    return ['ok'];
  }

  consume(key: string, units: number, now: number): string[] {
    return [this.account.consume(key, units, now) ? 'ok' : 'QUOTA_INSUFFICIENT'];
  }

  /** Asked for 0, all that can come back does. */
  giveBack(key: string, of: string, asked: number, now: number): string[] {
    const most = this.account.returnable(of);
    const units = asked === 0 ? most : asked;
    if (units === 0 || units > most) return ['REFUND_EXCEEDS_CONSUMED'];
    this.account.giveBack(key, of, units, now);
    return ['ok'];
  }

  orderOf(key: string): OracleOrder {
    const order = this.orders.find((it) => it.key === key);
    if (order === undefined) throw new Error(`no order ${key}`);
    return order;
  }

  /** The period of a paid order. */
  periodOf(order: string): OraclePeriod {
    const period = this.periods.find((it) => it.order === order);
    if (period === undefined) throw new Error(`no period of ${order}`);
    return period;
  }

  order(key: string, kind: OracleOrder['kind'], terms: Terms, now: number): string[] {
    const offer = kind === 'upgrade' ? this.upgradeOffer(terms, now) : this.purchaseOffer();
    if (offer.why.length > 0) return offer.why.map((reason) => `UPGRADE_NOT_POSSIBLE ${reason}`);
    const paid = terms.price - offer.credits.reduce((sum, { amount }) => sum + amount, 0);
    this.orders.push({ key, kind, terms, paid, credits: offer.credits, createTime: now, state: 'open', payTime: 0 });
    return [`ok ${paid}`];
  }

  cancel(key: string): string[] {
    this.orderOf(key).state = 'closed';
    return ['closed'];
  }

  /** Whatever is due is given, to whom nothing stands in the way. */
  catchUp(now: number): void {
    for (const period of this.periods) {
      while (this.isDue(period, now)) this.giveNext(period);
    }
  }

  pay(key: string, now: number): string[] {
    const order = this.orderOf(key);
    this.catchUp(now);
    const missing = order.credits.reduce((sum, credit) => sum + this.missingOf(credit, order, now), 0);
    // More was spent since than the new period could make up for: the money goes back.
    if (missing > order.terms.units) {
      order.state = 'closed';
      return ['returned'];
    }
    order.state = 'paid';
    order.payTime = now;
    if (order.kind === 'upgrade') this.replaceAll(order, now);
    this.startPeriod(order, missing, now);
    return ['paid'];
  }

  refundable(order: OracleOrder): number {
    const back = this.refunds.filter((it) => it.order === order.key && it.state !== 'closed');
    return order.paid - back.reduce((sum, { amount }) => sum + amount, 0) - this.creditedOf(order.key);
  }

  /** Asked for 0, all that can go back does. */
  refund(key: string, orderKey: string, asked: number, now: number): string[] {
    const order = this.orderOf(orderKey);
    const why = this.notRefundable(order, asked, now);
    if (why.length > 0) return why.map((reason) => `ORDER_NOT_REFUNDABLE ${reason}`);
    const left = this.refundable(order);
    const amount = asked === 0 ? left : asked;
    this.catchUp(now);
    const lots = this.account.lotsOf(orderKey);
    const usable = this.account.usable(now, lots);
    const units = amount === left && this.creditedOf(orderKey) === 0 ? usable : share(usable, amount, order.paid);
    this.account.freeze(key, lots, units, now);
    this.refunds.push({ key, order: orderKey, amount, state: 'open' });
    return [`ok ${amount}`];
  }

  endRefund(key: string, end: 'succeeded' | 'closed', now: number): string[] {
    const refund = this.refunds.find((it) => it.key === key);
    if (refund === undefined) throw new Error(`no refund ${key}`);
    if (end === 'succeeded') this.catchUp(now);
    refund.state = end;
    if (end === 'closed') this.account.thaw(key, now);
    else this.moneyWentBack(refund, now);
    return ['ok'];
  }

  /** What GetMembership and GetQuota say. */
  look(now: number): string[] {
    const running = this.running(now);
    const quota = this.account.usable(now);
    if (running === undefined) return [`none ${quota}`];
    let { end } = running;
    for (const next of this.standing(now)) if (next.start === end) ({ end } = next);
    return [`${running.plan} ${running.start} ${end} ${quota}`];
  }

  /** Periods that count and have not ended. */
  standing(now: number): readonly OraclePeriod[] {
    return this.periods.filter((it) => it.revoked === null && it.replacedBy === null && it.end > now);
  }

  running(now: number): OraclePeriod | undefined {
    return this.standing(now).find(({ start }) => start <= now);
  }

  private boundary({ anchor, base, offset, interval }: OraclePeriod, index: number): number {
    return after(anchor, base, offset + index * interval);
  }

  private isPaused(period: OraclePeriod): boolean {
    return this.refunds.some((it) => it.order === period.order && it.state === 'open');
  }

  private isDue(period: OraclePeriod, now: number): boolean {
    const { given, parts, end, revoked, replacedBy } = period;
    if (revoked !== null || replacedBy !== null || given === parts.length || this.isPaused(period)) return false;
    const start = this.boundary(period, given);
    return start <= now && start < end;
  }

  private giveNext(period: OraclePeriod): void {
    const units = period.parts[period.given] ?? 0;
    period.given += 1;
    if (units === 0) return;
    const expire = Math.min(this.boundary(period, period.given), period.end);
    const { order } = period;
    const lot = this.account.give({ source: 'membership', ref: `${order}:${period.given}`, order, units, expire });
    const ended = Math.min(units, period.revokeUnits);
    lot.left -= ended;
    period.revokeUnits -= ended;
  }

  private startPeriod({ key: order, terms }: OracleOrder, revokeUnits: number, now: number): void {
    const base: Base = terms.unit === 'day' ? 'day' : 'month';
    const length = inBase(terms);
    const interval = terms.grant === null ? length : inBase(terms.grant);
    const parts = partsOf(terms.units, length / interval);
    const last = this.standing(now).at(-1);
    const start = last?.end ?? now;
    const kept = last !== undefined && last.base === base ? offsetOfEnd(last) : undefined;
    const chain = kept === undefined ? { anchor: start, offset: 0 } : { anchor: last?.anchor ?? start, offset: kept };
    const end = after(chain.anchor, base, chain.offset + length);
    const fate = { given: 0, revokeUnits, revoked: null, replacedBy: null };
    this.periods.push({ order, plan: terms.plan, base, ...chain, interval, parts, start, end, ...fate });
    this.catchUp(now);
  }

  /** What paid upgrades, not refunded in full, took of an order. */
  private creditedOf(order: string): number {
    const upgrades = this.orders.filter(({ state }) => state === 'paid');
    const credits = upgrades.flatMap((upgrade) => upgrade.credits.filter((credit) => credit.order === order));
    return credits.reduce((sum, { amount }) => sum + amount, 0);
  }

  private notRefundable(order: OracleOrder, asked: number, now: number): string[] {
    if (order.state === 'open' || order.state === 'closed') return ['not_paid'];
    const why: string[] = [];
    if (this.orders.some((it) => it.state === 'open' && it.credits.some((credit) => credit.order === order.key))) {
      why.push('upgrade_open');
    }
    const left = this.refundable(order);
    if (left <= 0) why.push('nothing_left');
    else if (asked > left) why.push('exceeds_paid');
    if (now >= order.payTime + REFUNDABLE_DAYS * DAY) why.push('too_late');
    return why;
  }

  private moneyWentBack(refund: OracleRefund, now: number): void {
    const order = this.orderOf(refund.order);
    const period = this.periodOf(refund.order);
    const succeeded = this.refunds.filter((it) => it.order === refund.order && it.state === 'succeeded');
    this.account.letGo(refund.key);
    if (succeeded.reduce((sum, { amount }) => sum + amount, 0) === order.paid) {
      order.state = 'refunded';
      this.account.revoke(this.account.lotsOf(order.key));
      // One that an upgrade replaced before it began counts for nothing already.
      if (period.revoked !== null) return;
      if (period.start < now && now < period.end) period.end = now;
      period.revoked = now;
      return;
    }
    // Of one that an upgrade replaced, nothing is left to end.
    if (period.replacedBy !== null) return;
    const { parts, given, revokeUnits } = period;
    if (parts.length === 1 && given === 0) {
      period.revokeUnits += share((parts[0] ?? 0) - revokeUnits, refund.amount, order.paid);
    }
    const rest = period.end - Math.max(now, period.start);
    if (rest > 0) period.end -= share(rest, refund.amount, order.paid);
  }

  /** While an upgrade waits for its payment nothing else is sold. */
  private purchaseOffer(): Offer {
    const isWaiting = this.orders.some(({ state, kind }) => state === 'open' && kind === 'upgrade');
    return { credits: [], why: isWaiting ? ['order_open'] : [] };
  }

  /** Why there is no upgrade, or what it takes as paid. */
  private upgradeOffer(terms: Terms, now: number): Offer {
    const running = this.running(now);
    if (running === undefined) return { credits: [], why: ['no_membership'] };
    const credits = this.standing(now).map((period) => this.creditFor(period, now));
    const why: string[] = [];
    if (running.plan === terms.plan) why.push('same_plan');
    if (this.orders.some(({ state }) => state === 'open')) why.push('order_open');
    const credited = new Set(credits.map(({ order }) => order));
    if (this.refunds.some((it) => it.state === 'open' && credited.has(it.order))) why.push('refund_open');
    if (credits.reduce((sum, { amount }) => sum + amount, 0) >= terms.price) why.push('credit_exceeds_price');
    return { credits, why };
  }

  private creditFor(period: OraclePeriod, now: number): OracleCredit {
    const { order, start, end, parts } = period;
    // An upgrade is worth what it credited, too.
    const { credits } = this.orderOf(order);
    const paid = credits.reduce((sum, { amount }) => sum + amount, this.refundable(this.orderOf(order)));
    const units = this.account.usable(now, this.account.lotsOf(order)) + this.coming(period, now);
    if (start > now) return { order, amount: paid, units };
    const whole = parts.reduce((sum, part) => sum + part, 0);
    const byTime = share(paid, end - now, end - start);
    const amount = whole === 0 ? byTime : Math.min(byTime, share(paid, Math.min(units, whole), whole));
    return { order, amount, units };
  }

  /** Units of intervals that are still to be given, and not over by then. */
  private coming(period: OraclePeriod, now: number): number {
    let units = 0;
    let { revokeUnits } = period;
    for (let index = period.given; index < period.parts.length; index += 1) {
      const part = period.parts[index] ?? 0;
      const ended = Math.min(part, revokeUnits);
      revokeUnits -= ended;
      const isOver = Math.min(this.boundary(period, index + 1), period.end) <= now;
      if (this.boundary(period, index) < period.end && !isOver) units += part - ended;
    }
    return units;
  }

  /** Ends what the upgrade took as paid. */
  private replaceAll({ key, credits }: OracleOrder, now: number): void {
    for (const { order, units } of credits) {
      const period = this.periodOf(order);
      const given = Math.max(0, units - this.coming(period, now));
      this.account.end(this.account.lotsOf(order), given, now);
      if (period.end <= now) continue;
      // One that begins at this very instant has lasted for nothing.
      if (period.start < now) period.end = now;
      else period.revoked = now;
      period.replacedBy = key;
    }
  }

  /** Units that a credit counted and that were spent before its order was paid. */
  private missingOf({ order, units }: OracleCredit, { createTime }: OracleOrder, now: number): number {
    const lots = this.account.lotsOf(order);
    const given = Math.max(0, units - this.coming(this.periodOf(order), now));
    const expired = lots.filter(({ expire }) => createTime < expire && expire <= now);
    const there = Math.min(given, this.account.usable(now, lots));
    return Math.max(0, given - there - expired.reduce((sum, { left }) => sum + left, 0));
  }
}

/** How many base units after its anchor a period ends; undefined where its end was moved off. */
function offsetOfEnd({ anchor, base, offset, end }: OraclePeriod): number | undefined {
  for (let index = offset + 1; ; index += 1) {
    const boundary = after(anchor, base, index);
    if (boundary >= end) return boundary === end ? index : undefined;
  }
}
