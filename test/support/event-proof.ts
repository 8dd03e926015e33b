import type { CloudEvent } from '../../src/event/envelope';
import { envelopesOf } from '../../src/event/envelope';
import type { TestDatabase } from './database';
import type { EventReader } from './event-reader';

/** What a consumer must have seen, proved from the tables of the changes themselves: not from the outbox alone. */

/** The events of a user in the order they came, without repeats. */
export function firstSeenOf(seen: readonly CloudEvent[], userId: string): readonly CloudEvent[] {
  const known = new Set<string>();
  return seen.filter(({ id, subject }) => {
    if (subject !== userId || known.has(id)) return false;
    known.add(id);
    return true;
  });
}

/** Rows of the log that quota events tell of, first to last; they must follow each other without gap or overlap. */
function logRowsTold(events: readonly CloudEvent[]): readonly (readonly [number, number])[] {
  return events
    .filter(({ type }) => type === 'quota.changed')
    .map(({ data }) => [Number(data['first_sequence']), Number(data['last_sequence'])] as const);
}

/** Fails unless the quota events of a user tell the whole log, in order. */
export async function expectWholeLogTold(db: TestDatabase, seen: readonly CloudEvent[], userId: string): Promise<void> {
  const [user] = await db.query('SELECT log_sequence, quota_remaining FROM users WHERE id = ?', [userId]);
  const told = firstSeenOf(seen, userId).filter(({ type }) => type === 'quota.changed');
  let next = 1;
  for (const [first, last] of logRowsTold(told)) {
    expect({ userId, first }).toEqual({ userId, first: next });
    expect(last).toBeGreaterThanOrEqual(first);
    next = last + 1;
  }
  expect({ userId, told: next - 1 }).toEqual({ userId, told: Number(user?.['log_sequence']) });
  expect(told.at(-1)?.data['quota_remaining']).toBe(user?.['quota_remaining']);
}

/** Fails when one life of the stream has an event twice, or events of a user in another order than the outbox. */
export function expectOrderedLives(reader: EventReader): void {
  for (const life of reader.lives) {
    const last = new Map<string, number>();
    const ids = new Set<string>();
    for (const { event } of life) {
      expect(ids.has(event.id)).toBe(false);
      ids.add(event.id);
      const { subject } = event;
      if (subject === undefined || !event.type.startsWith('quota.')) continue;
      const row = rowOf(event);
      expect(row).toBeGreaterThanOrEqual(last.get(subject) ?? 0);
      last.set(subject, row);
    }
  }
}

/** The outbox row that an event is of. */
function rowOf({ id }: CloudEvent): number {
  return Number(id.split('.')[0]);
}

/** Fails when an event of row `from` or later was seen that no committed row tells of, or that says something else. */
export async function expectAllCommitted(db: TestDatabase, seen: readonly CloudEvent[], from = 0): Promise<void> {
  const sql = 'SELECT id, type, user_id, payload, create_time FROM outbox WHERE id >= ?';
  const rows = await db.query(sql, [from]);
  const told = new Map<string, CloudEvent>();
  for (const { id, type, user_id: userId, payload, create_time: createTime } of rows) {
    const row = { id: Number(id), type: String(type), payload: String(payload), createTime: createTime as Date };
    for (const event of envelopesOf({ ...row, userId: userId as string | null })) told.set(event.id, event);
  }
  const ours = seen.filter((event) => rowOf(event) >= from);
  const wrong = ours.filter((event) => JSON.stringify(told.get(event.id)) !== JSON.stringify(event));
  expect(wrong).toEqual([]);
}
