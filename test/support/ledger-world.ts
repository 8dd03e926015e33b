import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { SYSTEM_ACTOR } from '../../src/platform/calls';
import type { Database } from '../../src/platform/db/database';
import { withTx } from '../../src/platform/db/tx';
import { DomainError } from '../../src/platform/errors';
import { grantQuota, insertAccount, lockUser, openBook, verifyLedger, type UserRow } from '../../src/quota';
import type { Book } from '../../src/quota/book';
import type { QuotaCommand, QuotaPolicy } from '../../src/quota/commands';
import { endFreeze, freezeUnits, revokeLots } from '../../src/quota/freeze';
import { writeBook } from '../../src/quota/posting';
import type { TestDatabase } from './database';
import { openServiceDatabase } from './service-database';
import type { Infra } from './infra';
import { effectOf, entitlementsOf, usagesOf } from './memory-ledger';
import { insertPaidOrder } from './paid-order';
import { EPOCH, POLICY } from './quota-account';
import { Caller, pick, type OtherIntent } from './quota-intents';
import { openQuotaLane, type QuotaLane } from './quota-lane';
import { QuotaOracle } from './quota-oracle';
import type { OracleTariffs, Verdict } from './quota-oracle-units';
import { expectSame } from './same';

/** The world of the model test on the real stores: users with an oracle each, the lane, a clock that stands still. */

/** A command that is not answered by then never is. */
const ANSWER_MAX_MS = 20_000;

/** A user, and what is known of him. */
export class ModelUser {
  readonly id = `u-${randomUUID()}`;
  readonly oracle = new QuotaOracle(EPOCH.getTime(), POLICY);
  readonly caller = new Caller(this.id, this.oracle);
  /** Where the rows of consumes and holds are, by their id. */
  readonly sequences = new Map<string, number>();
  readonly freezes = new Map<string, number>();
  made = 0;
}

/** One command on its way, and what it must come to. */
export interface Sent {
  readonly user: ModelUser;
  readonly command: QuotaCommand;
  readonly expected: Verdict;
}

/** See above. */
export class LedgerWorld {
  readonly users: ModelUser[] = [];
  readonly lane: QuotaLane;
  /** As other domains use it: one statement at a time. */
  private readonly plain: Database;
  private readonly policy: { -readonly [Name in keyof QuotaPolicy]: QuotaPolicy[Name] } = { ...POLICY };
  private nowMs = EPOCH.getTime();
  private tariffs: OracleTariffs = {};

  constructor(
    infra: Infra,
    private readonly database: TestDatabase,
  ) {
    const clock = { now: () => new Date(this.nowMs), machineNow: () => new Date(this.nowMs) };
    this.lane = openQuotaLane(infra, database, clock, this.policy, {
      tariffs: { tariffOf: (taskType) => this.tariffs[taskType], ready: () => Promise.resolve() },
      entitlements: {
        reads: (userIds) => userIds.map((userId) => ({ sql: `SELECT '${userId}'` })),
        entitlementsOf: (results, userId) => {
          expectSame(results.flat(2).includes(userId), true);
          const user = this.users.find(({ id }) => id === userId);
          if (user === undefined) throw new Error(`${userId} is nobody`);
          return entitlementsOf(user.oracle.held);
        },
      },
    });
    this.plain = openServiceDatabase(infra, database);
  }

  async close(): Promise<void> {
    await this.lane.close();
    await this.plain.knex.destroy();
  }

  /** New users, with something to lose; those before are left alone from now on. */
  async begin(count: number): Promise<void> {
    this.users.length = 0;
    this.nowMs = EPOCH.getTime();
    Object.assign(this.policy, POLICY);
    this.tariffs = {};
    for (let i = 0; i < count; i += 1) {
      const user = new ModelUser();
      this.users.push(user);
      await withTx(this.plain, { name: 'Insert' }, (tx) => insertAccount(tx, user.id, new Date(this.nowMs)));
      await this.grant(user, 'registration', 9, 30 * 86_400_000);
      await this.grant(user, 'membership', 9, 86_400_000);
    }
  }

  userAt(nth: number): ModelUser {
    const user = pick(this.users, nth);
    if (user === undefined) throw new Error('no users');
    return user;
  }

  /** What happens beside callers, outside a round. */
  async happen(user: ModelUser, intent: OtherIntent): Promise<void> {
    const { oracle } = user;
    switch (intent.kind) {
      case 'grant':
        return this.grant(user, 'membership', intent.units, intent.lifeMs);
      case 'clock':
        this.nowMs += intent.ms;
        for (const each of this.users) each.oracle.clockMs = this.nowMs;
        return;
      case 'policy': {
        const { compensationGraceDays, settleAfterMs } = intent;
        Object.assign(this.policy, { compensationGraceDays, settleAfterMs });
        for (const each of this.users) each.oracle.policy = { ...this.policy };
        return;
      }
      case 'terms':
        this.tariffs = intent.tariffs;
        for (const each of this.users) each.oracle.tariffs = intent.tariffs;
        oracle.held = intent.held;
        return;
      case 'endFreeze': {
        const ref = pick(oracle.frozenRefs, intent.nth);
        if (ref === undefined) return;
        oracle.endFreeze(ref, intent.end);
        const sequence = user.freezes.get(ref) ?? 0;
        return this.post(user, { freezes: [sequence] }, (book) => endFreeze(book, ref, sequence, intent.end));
      }
      case 'freeze':
      case 'revokeLots':
        return this.freezeOrRevoke(user, intent);
      default:
        throw new Error(`${intent.kind} belongs into a round`);
    }
  }

  private async freezeOrRevoke(user: ModelUser, intent: Extract<OtherIntent, { kind: 'freeze' | 'revokeLots' }>) {
    const { oracle } = user;
    const lots = await this.database.query('SELECT grant_id FROM quota_grants WHERE user_id = ? ORDER BY 1', [user.id]);
    const places = [...new Set(intent.lots.map((lot) => lot % lots.length))];
    const grantIds = places.map((place) => Number(lots[place]?.['grant_id']));
    const ref = `ref-${(user.made += 1)}`;
    if (intent.kind === 'revokeLots') {
      oracle.revokeLots(places);
      return this.post(user, { grantIds }, (book) => revokeLots(book, ref, grantIds));
    }
    const expected = oracle.freeze(ref, places, intent.units);
    await this.post(user, { grantIds }, (book) => {
      const { units, sequence } = freezeUnits(book, { ref, grantIds, units: intent.units }, this.policy);
      expectSame(units, expected);
      if (sequence !== undefined) user.freezes.set(ref, sequence);
    });
  }

  private async grant(user: ModelUser, source: 'registration' | 'membership', units: number, lifeMs: number | null) {
    const orderId = `o${randomUUID().replaceAll('-', '').slice(1)}`;
    const expireTime = lifeMs === null ? null : new Date(this.nowMs + lifeMs);
    const isPaid = source === 'membership';
    if (isPaid) await insertPaidOrder(this.database, user.id, orderId, units);
    const sourceRef = isPaid ? `${orderId}:1` : 'registration';
    const about = { source, sourceRef, orderId: isPaid ? orderId : null, actor: SYSTEM_ACTOR, description: '' };
    await this.withUser(user, (tx, row) => grantQuota(tx, row, { ...about, units, expireTime }, new Date(this.nowMs)));
    user.oracle.grant(source, units, expireTime?.getTime() ?? Number.POSITIVE_INFINITY);
  }

  private withUser<Result>(
    user: ModelUser,
    work: (tx: Parameters<typeof lockUser>[0], row: UserRow) => Promise<Result>,
  ) {
    return withTx(this.plain, { name: 'Model' }, async (tx) => work(tx, await lockUser(tx, user.id)));
  }

  private async post(user: ModelUser, also: Parameters<typeof openBook>[3], work: (book: Book) => void): Promise<void> {
    await this.withUser(user, async (tx, row) => {
      const book = await openBook(tx, row, new Date(this.nowMs), also);
      work(book);
      await writeBook(tx, book);
    });
  }

  /** The sweeper's command about one charge, if the user has one whose row is known. */
  settling(user: ModelUser, nth: number, outcome: 'SUCCEEDED' | 'FAILED'): Sent | undefined {
    const id = pick(user.oracle.chargeIds('any', nth % 4 !== 0), nth);
    const sequence = id === undefined ? undefined : user.sequences.get(id);
    return id === undefined || sequence === undefined ? undefined : this.settlingOf(user, id, sequence, outcome);
  }

  /** The sweeper's commands about all that is due by the table, which must be what is due by the oracle. */
  async sweeping(user: ModelUser, outcome: 'SUCCEEDED' | 'FAILED'): Promise<readonly Sent[]> {
    const due = await this.database.query(
      'SELECT sequence, task_id FROM quota_charges WHERE user_id = ? AND due_time <= ? ORDER BY sequence',
      [user.id, new Date(this.nowMs)],
    );
    const ids = user.oracle.dueIds();
    expectSame(
      due.map(({ sequence }) => sequence),
      ids.map((id) => user.sequences.get(id)),
    );
    return ids.map((id, i) => {
      const isTask = due[i]?.['task_id'] !== '';
      return this.settlingOf(user, id, Number(due[i]?.['sequence']), isTask ? outcome : 'FAILED');
    });
  }

  private settlingOf(user: ModelUser, id: string, sequence: number, outcome: 'SUCCEEDED' | 'FAILED'): Sent {
    const taskId = user.oracle.taskOf(id);
    const who = { userId: user.id, actor: SYSTEM_ACTOR, reason: 'the sweeper says so' };
    const command = { kind: 'SettleCharge', sequence, taskId, outcome, ...who } as const;
    return { user, command, expected: user.oracle.settle(id, outcome) };
  }

  /** Submits all at once, in order, and compares what each came to. One that is never answered is a failure too. */
  async run(sent: readonly Sent[]): Promise<void> {
    const { commits } = this.lane;
    const timeout = new AbortController();
    const late = pause(ANSWER_MAX_MS, undefined, { signal: timeout.signal }).then(
      () => Promise.reject(new Error(`no answer; ${commits.waiting} commands wait in the lane`)),
      () => [],
    );
    const asked = Promise.all(sent.map((one) => this.answerTo(one)));
    const answers = await Promise.race([asked, late]);
    timeout.abort();
    for (const [i, { command, expected }] of sent.entries()) {
      expectSame({ i, command, answer: answers[i] }, { i, command, answer: expected });
    }
  }

  private async answerTo({ user, command }: Sent): Promise<Verdict> {
    try {
      const outcome = await this.lane.commits.submit(command);
      const [row] = outcome.logs;
      if ('requestId' in command && row !== undefined) user.sequences.set(command.requestId, row.sequence);
      return effectOf(outcome);
    } catch (error) {
      if (error instanceof DomainError) return { refused: error.reason };
      throw error;
    }
  }

  /** Compares what is stored with the oracles. */
  async compare(): Promise<void> {
    const ids = [this.users.map(({ id }) => id)];
    const lots = await this.database.query('SELECT * FROM quota_grants WHERE user_id IN (?) ORDER BY grant_id', ids);
    const charges = await this.database.query(
      'SELECT * FROM quota_charges WHERE user_id IN (?) ORDER BY sequence',
      ids,
    );
    const usages = await this.database.query('SELECT * FROM feature_usages WHERE user_id IN (?)', ids);
    const lows = await this.database.query(
      "SELECT user_id, payload FROM outbox WHERE type = 'quota.low' AND user_id IN (?) ORDER BY id",
      ids,
    );
    const msOf = (time: unknown): number => (time === null ? Number.POSITIVE_INFINITY : (time as Date).getTime());
    for (const { id, oracle } of this.users) {
      const ofUser = (row: { readonly user_id?: unknown }): boolean => row.user_id === id;
      const ofUsages = usages.filter(ofUser).map(({ feature, period_no, used }) => {
        return { feature: feature as string, periodNo: Number(period_no), used: Number(used) };
      });
      expectSame(usagesOf(ofUsages), oracle.usages());
      const told = lows
        .filter(ofUser)
        .map(({ payload }) => JSON.parse(payload as string) as { quota_remaining: number });
      expectSame(
        told.map((low) => low.quota_remaining),
        oracle.lows,
      );
      const ofLots = lots.filter(ofUser);
      const storedLots = ofLots.map(({ source, amount, remaining, held, expire_time, revoke_time }) => {
        return { source, expireMs: msOf(expire_time), isRevoked: revoke_time !== null, amount, remaining, held };
      });
      expectSame(storedLots, oracle.lots());
      const places = new Map(ofLots.map(({ grant_id }, place) => [grant_id, place]));
      const storedCharges = charges
        .filter(ofUser)
        .map(({ kind, task_id, units, returned, state, due_time, ...row }) => {
          const late = JSON.parse((row['late_returns'] as string | null) ?? '[]') as [number, number][];
          const lateByPlace = late.map(([grantId, deadlineMs]) => [places.get(grantId), deadlineMs]);
          return { kind, taskId: task_id, units, returned, state, dueMs: msOf(due_time), late: lateByPlace };
        });
      expectSame(storedCharges, oracle.charges());
    }
  }

  /** Recomputes the ledger of these users, or of everybody, from the log alone. */
  async verify(who: 'these' | 'all'): Promise<void> {
    const only = who === 'all' ? [undefined] : this.users.map(({ id }) => id);
    for (const userId of only) {
      const { fault } = await verifyLedger(this.plain.knex, userId, () => undefined);
      expectSame(fault, undefined);
    }
  }
}
