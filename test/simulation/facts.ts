import type { Row } from '../support/database';
import { inShanghai } from './civil';
import type { OracleUser } from './oracle';
import type { World } from './world';

/**
 * What is left of a year as lines that can be compared: each interval of membership, each grant, each order, each balance. One way
 * of writing them for the oracle and for the service; ids of the service are written as the keys that the script gave.
 */

/** The lines of each user, sorted. */
export type Facts = ReadonlyMap<string, readonly string[]>;

interface PeriodFact {
  readonly order: string;
  readonly start: number;
  readonly end: number;
  readonly revoked: number | null;
  readonly replacedBy: string | null;
  readonly given: number;
}

function periodLine({ order, start, end, revoked, replacedBy, given }: PeriodFact): string {
  const fate = [
    ...(revoked === null ? [] : [`revoked ${inShanghai(revoked)}`]),
    ...(replacedBy === null ? [] : [`replaced by ${replacedBy}`]),
  ];
  return [`period ${order}: ${inShanghai(start)} to ${inShanghai(end)}`, `${given} given`, ...fate].join(', ');
}

interface LotFact {
  readonly source: string;
  readonly ref: string;
  readonly units: number;
  readonly expire: number;
  /** Units that can be used. */
  readonly usable: number;
  readonly held: number;
}

function lotLine({ source, ref, units, expire, usable, held }: LotFact): string {
  return `grant ${source}/${ref}: ${units} units until ${inShanghai(expire)}, ${usable} usable, ${held} held`;
}

function orderLine(key: string, state: string, refunded: number): string {
  return `order ${key}: ${state}, ${refunded} fen went back`;
}

const balanceLine = (usable: number): string => `balance: ${usable}`;

/** What the oracle says at an instant. */
export function oracleFacts(oracles: ReadonlyMap<string, OracleUser>, now: number): Facts {
  return new Map([...oracles].map(([user, oracle]) => [user, linesOf(oracle, now)]));
}

function linesOf({ account, orders, periods, refunds }: OracleUser, now: number): readonly string[] {
  const usableOf = (lot: (typeof account.lots)[number]): number => account.usable(now, [lot]);
  const wentBack = (order: string): number =>
    refunds
      .filter((refund) => refund.order === order && refund.state === 'succeeded')
      .reduce((sum, { amount }) => sum + amount, 0);
  return [
    ...periods.map((period) => periodLine({ ...period, given: period.parts.some((it) => it > 0) ? period.given : 0 })),
    ...account.lots.map((lot) => lotLine({ ...lot, usable: usableOf(lot) })),
    ...orders.map(({ key, state }) => orderLine(key, state, wentBack(key))),
    balanceLine(account.usable(now)),
  ].sort();
}

/** What the service's database says at an instant, of the users that it is asked about. */
export async function serviceFacts(world: World, users: readonly string[], now: number): Promise<Facts> {
  const lines = new Map<string, string[]>(users.map((user) => [user, []]));
  const add = (row: Row, line: string): void => void lines.get(String(row['user_id']))?.push(line);
  const keys = keysOf(world, users);
  const keyOf = (id: unknown): string => keys.get(String(id)) ?? String(id);
  for (const row of await world.db.query('SELECT * FROM membership_periods'))
    add(row, periodLine(readPeriod(row, keyOf)));
  const balances = new Map<string, number>(users.map((user) => [user, 0]));
  const lots = await world.db.query('SELECT * FROM quota_grants');
  const refOf = refReader(lots, await world.db.query(CAUSES), keyOf);
  for (const row of lots) {
    const user = String(row['user_id']);
    const expire = timeOf(row['expire_time']);
    const usable = expire > now ? Number(row['remaining']) : 0;
    balances.set(user, (balances.get(user) ?? 0) + usable);
    const source = String(row['source']);
    const [units, held] = [Number(row['amount']), Number(row['held'])];
    add(row, lotLine({ source, ref: refOf(row), units, expire, usable, held }));
  }
  for (const row of await world.db.query('SELECT user_id, id, status, refunded_amount FROM orders')) {
    const status = row['status'] === 'created' ? 'open' : String(row['status']);
    add(row, orderLine(keyOf(row['id']), status, Number(row['refunded_amount'])));
  }
  for (const user of users) lines.get(user)?.push(balanceLine(balances.get(user) ?? 0));
  return new Map([...lines].map(([user, all]) => [user, all.sort()]));
}

/** The keys of ids, of all users: no two ids are the same. */
function keysOf(world: World, users: readonly string[]): ReadonlyMap<string, string> {
  const keys = new Map<string, string>();
  for (const user of users) {
    const { orders, refunds } = world.idsOf(user);
    for (const [key, id] of [...orders, ...refunds]) keys.set(id, key);
  }
  return keys;
}

function timeOf(value: unknown): number {
  if (!(value instanceof Date)) throw new Error(`not a time: ${String(value)}`);
  return value.getTime();
}

function readPeriod(row: Row, keyOf: (id: unknown) => string): PeriodFact {
  const { revoke_time: revoked, replaced_by_order_id: replacedBy } = row;
  return {
    order: keyOf(row['order_id']),
    start: timeOf(row['start_time']),
    end: timeOf(row['end_time']),
    revoked: revoked === null ? null : timeOf(revoked),
    replacedBy: replacedBy === null ? null : keyOf(replacedBy),
    given: Number(row['granted_intervals']),
  };
}

/** Rows that gave units back, by what caused them. */
const CAUSES = "SELECT user_id, sequence, request_id FROM quota_logs WHERE type IN ('REFUND', 'RELEASE')";

/** Reads what a lot was given for: of a compensation, who gave which lot's units back too late. */
function refReader(lots: readonly Row[], causes: readonly Row[], keyOf: (id: unknown) => string): (lot: Row) => string {
  const place = (user: unknown, sequence: unknown): string => `${String(user)} ${String(sequence)}`;
  const lotAt = new Map(lots.map((lot) => [place(lot['user_id'], lot['grant_id']), lot]));
  const causeAt = new Map(causes.map((row) => [place(row['user_id'], row['sequence']), String(row['request_id'])]));
  const refOf = (lot: Row): string => {
    const ref = String(lot['source_ref']);
    const [first = '', second = ''] = ref.split(':');
    if (lot['source'] === 'membership') return `${keyOf(first)}:${second}`;
    if (lot['source'] !== 'compensation') return ref;
    const cause = causeAt.get(place(lot['user_id'], first)) ?? first;
    const late = lotAt.get(place(lot['user_id'], second));
    // A thaw names its refund.
    const who = cause.startsWith('thaw:') ? keyOf(cause.slice('thaw:'.length)) : cause;
    return late === undefined ? ref : `${who}>${String(late['source'])}/${refOf(late)}`;
  };
  return refOf;
}

/** Where two accounts of a year differ: which lines one has and the other has not. */
export function differences(expected: Facts, found: Facts): readonly string[] {
  const told: string[] = [];
  for (const [user, lines] of expected) {
    const others = found.get(user) ?? [];
    for (const line of lines) if (!others.includes(line)) told.push(`${user} should have ${line}`);
    for (const line of others) if (!lines.includes(line)) told.push(`${user} should not have ${line}`);
    if (told.length === 0 && lines.length !== others.length) told.push(`${user} has something twice`);
  }
  return told;
}
