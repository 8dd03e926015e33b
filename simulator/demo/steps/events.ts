import { isDeepStrictEqual } from 'node:util';
import type { Row } from '../database';
import { readEventsOf, type StreamEvent } from '../event-stream';
import type { Stage } from '../stage';
import { beijing } from '../wording';

/** The events of a user (事件), as others read them. */

const SHOWN_MAX = 120;

/** What an event tells, as far as a line has room for it. */
function summaryOf({ user_id: _, ...data }: StreamEvent['data']): string {
  const facts = Object.entries(data).map(([name, value]) => `${name}=${String(value)}`);
  const text = facts.join(' ');
  return text.length <= SHOWN_MAX ? text : `${text.slice(0, SHOWN_MAX)}…`;
}

/** Whether an event is what its row of the outbox says. Rows of quota.changed list users: here there is one. */
function isOf(row: Row | undefined, { id, type, time, data }: StreamEvent): boolean {
  const payload = JSON.parse(String(row?.['payload'])) as Readonly<Record<string, unknown>>;
  const isSame =
    type === 'quota.changed'
      ? isDeepStrictEqual(payload['changes'], [Object.values(data)])
      : isDeepStrictEqual(payload, data);
  return isSame && id.split('.')[0] === String(row?.['id']) && type === row?.['type'] && isAt(row['create_time'], time);
}

function isAt(instant: unknown, time: string): boolean {
  return instant instanceof Date && instant.getTime() === Date.parse(time);
}

/** Whether events tell rows 1, 2, 3 … of a log without a gap, to its end. */
function tellWholeLog(events: readonly StreamEvent[], account: Row | undefined): boolean {
  const changes = events.filter(({ type }) => type === 'quota.changed').map(({ data }) => data);
  const last = changes.at(-1);
  return (
    changes.every((change, i) => change['first_sequence'] === Number(changes[i - 1]?.['last_sequence'] ?? 0) + 1) &&
    last?.['last_sequence'] === account?.['log_sequence'] &&
    last?.['quota_remaining'] === account?.['quota_remaining']
  );
}

/** Step 29: everything that happened to a user is on the stream, in order. */
export async function verifyEvents({ report, database, redisUrl, userId }: Stage): Promise<void> {
  report.step('Everything that happened to him, as events on the Redis stream billing.events (事件流)');
  const rows = await database.read('SELECT id, type, payload, create_time FROM outbox WHERE user_id = ? ORDER BY id', [
    userId,
  ]);
  const events = await readEventsOf(redisUrl, userId, rows.length);
  report.rows(
    'events',
    ['id', 'type', 'time', 'data'],
    events.map((event) => [event.id, event.type, beijing(new Date(event.time)), summaryOf(event.data)]),
  );
  report.check(
    `all ${rows.length} events are there in the order in which they were committed, and say what was committed`,
    events.length === rows.length && rows.length > 0 && events.every((event, i) => isOf(rows[i], event)),
  );
  const [account] = await database.read('SELECT log_sequence, quota_remaining FROM users WHERE id = ?', [userId]);
  report.check(
    `quota.changed tells all ${Number(account?.['log_sequence'])} rows of his log without a gap, to the balance of ${Number(account?.['quota_remaining'])}`,
    tellWholeLog(events, account),
  );
  const types = events.map(({ type }) => type);
  const [replaced, started] = [types.indexOf('membership.replaced'), types.lastIndexOf('membership.started')];
  report.check(
    'two orders were paid; the month was replaced before the year started',
    types.filter((type) => type === 'order.paid').length === 2 && replaced >= 0 && replaced < started,
  );
}
