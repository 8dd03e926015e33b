import type { GrantSource } from '../../src/quota/account';
import type { CallerQuotaCommand, ConsumeCommand, HoldCommand, QuotaPolicy } from '../../src/quota/commands';
import type { FreezeEnd } from '../../src/quota/freeze';

import {
  byExpiry,
  paid,
  type Effect,
  type OracleCharge,
  type OracleHeld,
  type OracleLimit,
  type OracleLot,
  type OracleTariffs,
  type Seen,
  type Unit,
  type Verdict,
} from './quota-oracle-units';

const DAY_MS = 86_400_000;

/**
 * The rules of quota written as naively as they can be: every unit is an object and every question is a search. Slow,
 * without lots that count, plans, books or rows: what the ledger decides is compared with it.
 */
export class QuotaOracle {
  private readonly units: Unit[] = [];
  private readonly allLots: OracleLot[] = [];
  private readonly allCharges: OracleCharge[] = [];
  private readonly seen = new Map<string, Seen>();
  private readonly freezes = new Map<string, OracleCharge>();
  tariffs: OracleTariffs = {};
  held: OracleHeld = { features: [], limits: {}, periodNo: null };
  /** The balances below what is low that consumes and holds came down to from above. */
  readonly lows: number[] = [];
  private lastRowMs: number;

  constructor(
    public clockMs: number,
    public policy: QuotaPolicy,
  ) {
    this.lastRowMs = clockMs;
  }

  /** A log never goes back in time, whatever the clock does. */
  private get nowMs(): number {
    return Math.max(this.clockMs, this.lastRowMs);
  }

  get granted(): number {
    return this.units.length;
  }

  /** Units in a state; those that expired but are not booked yet count as usable. */
  count(state: Unit['state']): number {
    return this.units.filter((unit) => unit.state === state).length;
  }

  /** Units usable now. */
  usable(): number {
    return this.units.filter((unit) => unit.state === 'usable' && unit.lot.expireMs > this.nowMs).length;
  }

  /** Ids that took effect, in order. */
  get usedIds(): readonly string[] {
    return [...this.seen.keys()];
  }

  /** Ids of consumes and holds, in order; `isOpen` leaves only those nobody has settled. */
  chargeIds(kind: 'consume' | 'hold' | 'any', isOpen = false): readonly string[] {
    const charges = this.allCharges.filter((charge) => charge.kind !== 'freeze');
    const wanted = charges.filter((charge) => kind === 'any' || charge.kind === kind);
    return wanted.filter((charge) => !isOpen || charge.state === 'open').map(({ id }) => id);
  }

  taskOf(chargeId: string): string {
    return this.allCharges.find(({ id }) => id === chargeId)?.taskId ?? '';
  }

  /** What the sweeper would look at now, in order. */
  dueIds(): readonly string[] {
    const due = this.allCharges.filter((charge) => charge.state === 'open' && charge.dueMs <= this.clockMs);
    return due.map(({ id }) => id);
  }

  /** What limits have seen, as tables should show it; what came back whole is as what was never taken. */
  usages(): readonly string[] {
    const seen = new Map<string, number>();
    for (const { limit, out } of this.allCharges) {
      if (limit === undefined) continue;
      const name = `${limit.feature} in ${limit.periodNo}`;
      seen.set(name, (seen.get(name) ?? 0) + out.length);
    }
    return [...seen].flatMap(([name, used]) => (used === 0 ? [] : [`${name}: ${used}`])).sort();
  }

  /** Frozen and not ended. */
  get frozenRefs(): readonly string[] {
    return [...this.freezes].filter(([, { state }]) => state === 'open').map(([ref]) => ref);
  }

  /** The lots as tables should show them, oldest first. */
  lots() {
    return this.allLots.map((lot) => {
      const mine = this.units.filter((unit) => unit.lot === lot);
      const inState = (state: Unit['state']): number => mine.filter((unit) => unit.state === state).length;
      const counts = { amount: mine.length, remaining: inState('usable'), held: inState('held') };
      return { source: lot.source, expireMs: lot.expireMs, isRevoked: lot.isRevoked, ...counts };
    });
  }

  /** The charges as tables should show them, oldest first. */
  charges() {
    return this.allCharges.map(({ kind, taskId, units, out, state, dueMs, deadlines }) => {
      const due = state === 'open' ? dueMs : Number.POSITIVE_INFINITY;
      const counts = { units, returned: units - out.length };
      const late = [...deadlines].map(([lot, deadlineMs]) => [this.allLots.indexOf(lot), deadlineMs]);
      return { kind: kind === 'freeze' ? 'hold' : kind, taskId, ...counts, state, dueMs: due, late };
    });
  }

  grant(source: GrantSource, amount: number, expireMs: number): void {
    this.bookExpiry();
    this.addUnits(source, amount, expireMs);
  }

  /** Decides a caller's command. */
  decide(command: CallerQuotaCommand): Verdict {
    const { requestId, userId: _userId, actor: _actor, ...content } = command;
    const before = this.seen.get(requestId);
    if (before !== undefined) {
      if (before.content !== JSON.stringify(content)) return { refused: 'REQUEST_ID_REUSED' };
      const { effect, charge } = before;
      const isAboutHold = effect.hold !== undefined && charge !== undefined;
      return { ...effect, replayed: true, ...(isAboutHold ? { hold: charge.state } : {}) };
    }
    const charges = this.allCharges.length;
    const verdict = this.act(command);
    if ('refused' in verdict) return verdict;
    const made = this.allCharges.length > charges ? this.allCharges.at(-1) : this.chargeNamedBy(command);
    this.seen.set(requestId, { content: JSON.stringify(content), effect: verdict, charge: made });
    return verdict;
  }

  private chargeNamedBy(command: CallerQuotaCommand): OracleCharge | undefined {
    if (command.kind === 'RefundQuota') return this.seen.get(command.consumeRequestId)?.charge;
    return 'holdId' in command ? this.seen.get(command.holdId)?.charge : undefined;
  }

  private act(command: CallerQuotaCommand): Verdict {
    switch (command.kind) {
      case 'ConsumeQuota': {
        const { settleAfterMs } = this.policy;
        return this.takeIfAllowed('consume', command, command.taskId === '' ? undefined : settleAfterMs);
      }
      case 'HoldQuota':
        return this.takeIfAllowed('hold', command, command.ttlMs === 0 ? this.policy.settleAfterMs : command.ttlMs);
      case 'CaptureQuota':
        return this.endHold(command.holdId, command.amount);
      case 'ReleaseQuota':
        return this.endHold(command.holdId, 0);
      case 'RefundQuota':
        return this.refund(command.consumeRequestId, command.amount);
      case 'ReportTaskOutcome':
        return this.report(command.taskId, command.outcome);
    }
  }

  /** A listed task type is asked for its amount, its feature, and what its limit leaves. */
  private takeIfAllowed(
    kind: 'consume' | 'hold',
    command: ConsumeCommand | HoldCommand,
    dueAfterMs: number | undefined,
  ): Verdict {
    const tariff = this.tariffs[command.taskType];
    if (tariff === undefined) return this.take(kind, command, dueAfterMs, undefined);
    const { feature } = tariff;
    const { features, limits, periodNo } = this.held;
    if (command.amount !== tariff.units) return { refused: 'INVALID_REQUEST' };
    if (!features.includes(feature)) return { refused: 'FEATURE_NOT_ENTITLED' };
    const most = limits[feature];
    if (most === undefined || periodNo === null) return this.take(kind, command, dueAfterMs, undefined);
    const counted = this.allCharges.filter(({ limit }) => limit?.feature === feature && limit.periodNo === periodNo);
    const out = counted.flatMap((charge) => charge.out).length;
    if (out + command.amount > most) return { refused: 'FEATURE_NOT_ENTITLED' };
    return this.take(kind, command, dueAfterMs, { feature, periodNo });
  }

  private take(
    kind: 'consume' | 'hold',
    { requestId: id, amount, taskId }: { readonly requestId: string; readonly amount: number; readonly taskId: string },
    dueAfterMs: number | undefined,
    limit: OracleLimit | undefined,
  ): Verdict {
    const before = this.usable();
    if (before < amount) return { refused: 'QUOTA_INSUFFICIENT' };
    if (before >= this.policy.lowUnits && before - amount < this.policy.lowUnits) this.lows.push(before - amount);
    this.bookExpiry();
    const taken = this.units
      .filter((unit) => unit.state === 'usable')
      .sort((a, b) => byExpiry(a, b) || paid(a) - paid(b) || this.ageOf(a) - this.ageOf(b))
      .slice(0, amount);
    const dueMs = dueAfterMs === undefined ? Number.POSITIVE_INFINITY : this.nowMs + dueAfterMs;
    this.charge({ id, kind, taskId, dueMs, limit, state: dueAfterMs === undefined ? 'settled' : 'open' }, taken);
    const rows = [`${kind.toUpperCase()} ${amount}`];
    return { ...this.effect(rows), ...(kind === 'hold' ? { hold: 'open' as const } : {}) };
  }

  private charge(
    about: Pick<OracleCharge, 'id' | 'kind' | 'taskId' | 'dueMs' | 'state' | 'limit'>,
    taken: readonly Unit[],
  ): OracleCharge {
    for (const unit of taken) unit.state = about.kind === 'consume' ? 'consumed' : 'held';
    const graceMs = this.policy.compensationGraceDays * DAY_MS;
    const charge = { ...about, units: taken.length, out: taken, graceMs, deadlines: new Map<OracleLot, number>() };
    this.allCharges.push(charge);
    this.wroteRow();
    return charge;
  }

  private endHold(holdId: string, captured: number): Verdict {
    const hold = this.allCharges.find((charge) => charge.kind === 'hold' && charge.id === holdId);
    if (hold === undefined) return { refused: 'HOLD_NOT_FOUND' };
    if (hold.state !== 'open') return { refused: 'HOLD_NOT_OPEN' };
    if (captured > hold.units) return { refused: 'INVALID_REQUEST' };
    const row = captured > 0 ? this.capture(hold, captured) : this.giveAllBack(hold);
    return { ...this.effect([row]), hold: hold.state };
  }

  private refund(consumeId: string, amount: number): Verdict {
    const charge = this.seen.get(consumeId)?.charge;
    const isReturn = this.seen.get(consumeId)?.effect.rows.some((row) => /^(REFUND|RELEASE)/.test(row)) === true;
    const isConsumed = charge?.kind === 'consume' || charge?.state === 'settled';
    if (charge === undefined || isReturn || !isConsumed) return { refused: 'CONSUME_NOT_FOUND' };
    const wanted = amount === 0 ? charge.out.length : amount;
    if (wanted === 0 || wanted > charge.out.length) return { refused: 'REFUND_EXCEEDS_CONSUMED' };
    this.bookExpiry();
    this.giveBack(charge, wanted);
    charge.state = 'settled';
    return this.effect([`REFUND ${wanted}`]);
  }

  private report(taskId: string, outcome: 'SUCCEEDED' | 'FAILED'): Verdict {
    const charges = this.allCharges.filter((charge) => charge.kind !== 'freeze' && charge.taskId === taskId);
    if (charges.length === 0) return { refused: 'CONSUME_NOT_FOUND' };
    const open = charges.filter(({ state }) => state === 'open');
    const rows = open.flatMap((charge) => this.settleOne(charge, outcome));
    return { ...this.effect(rows), chargesSettled: open.length };
  }

  /** The sweeper settles one charge, as its task ended. */
  settle(chargeId: string, outcome: 'SUCCEEDED' | 'FAILED'): Effect {
    const charge = this.allCharges.find(({ id, kind }) => id === chargeId && kind !== 'freeze');
    const isOpen = charge?.state === 'open';
    const rows = isOpen ? this.settleOne(charge, outcome) : [];
    return { ...this.effect(rows), chargesSettled: isOpen ? 1 : 0 };
  }

  private settleOne(charge: OracleCharge, outcome: 'SUCCEEDED' | 'FAILED'): readonly string[] {
    if (outcome === 'FAILED') return [this.giveAllBack(charge)];
    if (charge.kind === 'hold') return [this.capture(charge, charge.units)];
    charge.state = 'settled';
    return [];
  }

  /** The first `captured` of the held units are consumed; the last taken come back. */
  private capture(hold: OracleCharge, captured: number): string {
    this.bookExpiry();
    for (const unit of hold.out.slice(0, captured)) unit.state = 'consumed';
    this.giveBack(hold, hold.units - captured);
    hold.state = 'settled';
    return `CAPTURE ${captured}`;
  }

  private giveAllBack(charge: OracleCharge): string {
    this.bookExpiry();
    const units = charge.out.length;
    this.giveBack(charge, units);
    charge.state = charge.kind === 'consume' ? 'settled' : 'released';
    return `${charge.kind === 'consume' ? 'REFUND' : 'RELEASE'} ${units}`;
  }

  /** The last taken come back first. */
  private giveBack(charge: OracleCharge, count: number): void {
    this.wroteRow();
    const back = charge.out.slice(charge.out.length - count).reverse();
    charge.out = charge.out.slice(0, charge.out.length - count);
    for (const unit of back) unit.state = 'usable';
    this.endTooLate(charge, back);
  }

  private endTooLate(charge: OracleCharge, back: readonly Unit[], isReplaced = true): void {
    for (const lot of new Set(back.map((unit) => unit.lot))) {
      const units = back.filter((unit) => unit.lot === lot);
      if (lot.isRevoked) for (const unit of units) unit.state = 'revoked';
      if (lot.isRevoked || lot.expireMs > this.nowMs) continue;
      for (const unit of units) unit.state = 'expired';
      if (lot.source === 'compensation' || !isReplaced) continue;
      const deadlineMs = charge.deadlines.get(lot) ?? this.nowMs + charge.graceMs;
      charge.deadlines.set(lot, deadlineMs);
      if (deadlineMs > this.nowMs) this.addUnits('compensation', units.length, deadlineMs);
    }
  }

  /** Freezes units of lots, by their place among all lots, for a refund of their order. Returns how many. */
  freeze(ref: string, lotPlaces: readonly number[], wanted: number): number {
    this.bookExpiry();
    const lots = lotPlaces.map((place) => this.allLots[place]);
    const usable = lots.flatMap((lot) => this.units.filter((unit) => unit.lot === lot && unit.state === 'usable'));
    const taken = usable.slice(0, wanted);
    if (taken.length === 0) return 0;
    const dueMs = Number.POSITIVE_INFINITY;
    const about = { id: ref, kind: 'freeze', taskId: '', dueMs, state: 'open', limit: undefined } as const;
    this.freezes.set(ref, this.charge(about, taken));
    return taken.length;
  }

  endFreeze(ref: string, end: FreezeEnd): void {
    const freeze = this.freezes.get(ref);
    if (freeze?.state !== 'open') throw new Error(`${ref} is not frozen`);
    this.bookExpiry();
    const units = freeze.out;
    Object.assign(freeze, { out: [], state: 'released' });
    this.wroteRow();
    for (const unit of units) unit.state = end === 'revoke' ? 'revoked' : 'usable';
    if (end !== 'revoke') this.endTooLate(freeze, units, end === 'thaw');
  }

  revokeLots(lotPlaces: readonly number[]): void {
    this.bookExpiry();
    for (const lot of lotPlaces.flatMap((place) => this.allLots[place] ?? [])) {
      const left = this.units.filter((unit) => unit.lot === lot && unit.state === 'usable');
      for (const unit of left) unit.state = 'revoked';
      if (left.length > 0) this.wroteRow();
      lot.isRevoked = true;
    }
  }

  private addUnits(source: GrantSource, amount: number, expireMs: number): void {
    this.wroteRow();
    const lot = { source, expireMs, isRevoked: false };
    this.allLots.push(lot);
    for (let i = 0; i < amount; i += 1) this.units.push({ lot, state: 'usable' });
  }

  private bookExpiry(): void {
    const ended = this.units.filter((unit) => unit.state === 'usable' && unit.lot.expireMs <= this.nowMs);
    for (const unit of ended) unit.state = 'expired';
    if (ended.length > 0) this.wroteRow();
  }

  private wroteRow(): void {
    this.lastRowMs = this.nowMs;
  }

  private effect(rows: readonly string[]): Effect {
    return { rows, quotaRemaining: this.usable(), replayed: false };
  }

  private ageOf(unit: Unit): number {
    return this.allLots.indexOf(unit.lot);
  }
}
