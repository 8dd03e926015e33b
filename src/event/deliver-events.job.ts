import { randomInt } from 'node:crypto';
import type { Clock } from '../platform/clock';
import type { Database } from '../platform/db/database';
import { readOnly, withTx } from '../platform/db/tx';
import type { QueuedJob } from '../platform/jobs/queued-job';
import { addMs, MS_PER_DAY } from '../platform/time';
import { findDueLines } from './due-lines';
import { envelopesOf, type CloudEvent } from './envelope';
import { EventDeliveryRow } from './event-delivery.model';
import type { EventRow } from './event-row';
import { takeTurn } from './sink/rate';
import { pauseAfter } from './sink/retry-pace';
import { NotDelivered, reasonOf, type Sink } from './sink/sink';
import { createSinkRoom, type SinkRoom } from './sink/sink-room';

/** What became of an attempt. */
export type DeliveryOutcome = 'delivered' | 'retried' | 'failed' | 'rate_limited';

export interface DeliverEventsParts {
  readonly db: Database;
  readonly clock: Clock;
  readonly sinks: ReadonlyMap<string, Sink>;
  readonly onAttempt: (sink: string, outcome: DeliveryOutcome) => void;
}

/** What a run needs beside. */
interface LineParts extends DeliverEventsParts {
  readonly room: SinkRoom;
}

/** Deliveries that one run makes, so that it ends; what is left is due again. */
const RUN_SIZE = 50;
/** While an attempt is made nobody else makes it; then whoever made it has died. */
const CLAIM_MS = 60_000;
/** A sink that this process does not know may be known to others, whose configuration is newer or older. */
const UNKNOWN_SINK_PAUSE_MS = 60_000;
/** One that finds no room comes back after five to ten seconds. */
const NO_ROOM_PAUSE_MS = [5_000, 10_000] as const;

/**
 * Hands events to sinks: for each sink, a user's events one after another, in order. What fails waits, and what comes after it
 * waits with it; what failed for good is left behind, to be seen and had tried again (`billing events deliveries`, `retry`). A
 * subject is `sink:user`.
 */
export function deliverEvents(parts: DeliverEventsParts, concurrency: number): QueuedJob {
  const room = createSinkRoom(concurrency, parts.sinks.size);
  return {
    name: 'deliver-events',
    concurrency,
    findDue: (most) => findDueLines(parts.db, parts.clock.now(), most),
    oldestDue: async () => {
      const row = await readOnly(parts.db, (reader) =>
        EventDeliveryRow.query(reader)
          .where('state', 'pending')
          .where('nextAttemptTime', '<=', parts.clock.now())
          .orderBy('nextAttemptTime')
          .first(),
      );
      return row?.nextAttemptTime ?? undefined;
    },
    run: (subject, signal) => deliverLine({ ...parts, room }, subject, signal),
  };
}

async function deliverLine(parts: LineParts, subject: string, signal: AbortSignal): Promise<void> {
  const [sink = '', ...rest] = subject.split(':');
  const line = { sink, userId: rest.join(':') };
  for (let made = 0; made < RUN_SIZE && !signal.aborted; made += 1) {
    const head = await headOf(parts.db, line);
    const now = parts.clock.now();
    if (head === undefined || head.nextAttemptTime === null) return;
    // What stood behind the one before was put off because of it.
    const isNext = made > 0 && head.attempts === 0;
    if (!isNext && head.nextAttemptTime > now) return;
    if (!(await deliverHead(parts, head, now, signal))) return;
  }
  const left = await headOf(parts.db, line);
  if (left?.attempts === 0) await change(parts.db, left, { nextAttemptTime: parts.clock.now() });
}

async function headOf(db: Database, line: { readonly sink: string; readonly userId: string }) {
  return readOnly(db, (reader) =>
    EventDeliveryRow.query(reader)
      .where({ ...line, state: 'pending' })
      .orderBy('id')
      .first(),
  );
}

/** Makes one attempt, if it may be made now. Returns whether the line can go on. */
async function deliverHead(parts: LineParts, head: EventDeliveryRow, now: Date, signal: AbortSignal): Promise<boolean> {
  const { db, sinks, room } = parts;
  const sink = sinks.get(head.sink);
  if (sink === undefined) return leaveUnknown(db, head, now);
  if (!room.enter(head.sink)) {
    await change(db, head, { nextAttemptTime: addMs(now, randomInt(...NO_ROOM_PAUSE_MS)) });
    return false;
  }
  try {
    return await deliverTo(sink, parts, head, now, signal);
  } finally {
    room.leave(head.sink);
  }
}

async function deliverTo(
  sink: Sink,
  { db, clock, room, onAttempt }: LineParts,
  head: EventDeliveryRow,
  now: Date,
  signal: AbortSignal,
): Promise<boolean> {
  const comeBack = await takeTurn(db, head.sink, sink.perMinute, now);
  if (comeBack !== undefined) {
    onAttempt(head.sink, 'rate_limited');
    await change(db, head, { nextAttemptTime: comeBack });
    return false;
  }
  const attempts = head.attempts + 1;
  if (!(await change(db, head, { attempts, nextAttemptTime: addMs(now, CLAIM_MS) }))) return false;
  const claimed = { ...head, attempts };
  const failure = await attempt(db, head, (event) => room.timed(head.sink, () => sink.deliver(event, signal)));
  const outcome = await settle(db, claimed, failure, clock.now());
  onAttempt(head.sink, outcome);
  return outcome !== 'retried';
}

/** Why it was not delivered, and whether it can be some time. */
interface Failure {
  readonly reason: string;
  readonly isFinal: boolean;
}

/** Undefined: it is delivered. */
async function attempt(
  db: Database,
  { outboxId, eventId }: EventDeliveryRow,
  handOver: (event: CloudEvent) => Promise<void>,
): Promise<Failure | undefined> {
  try {
    const event = await readEvent(db, outboxId, eventId);
    if (event === undefined) throw new NotDelivered('the event is not kept any more', true);
    await handOver(event);
    return undefined;
  } catch (error) {
    return { reason: reasonOf(error), isFinal: error instanceof NotDelivered && error.isFinal };
  }
}

async function readEvent(db: Database, outboxId: number, eventId: string): Promise<CloudEvent | undefined> {
  const row = await readOnly(db, (reader) => reader('outbox').where('id', outboxId).first<EventRow | undefined>());
  return row === undefined ? undefined : envelopesOf(row).find(({ id }) => id === eventId);
}

async function settle(
  db: Database,
  claimed: Pick<EventDeliveryRow, 'id' | 'attempts'>,
  failure: Failure | undefined,
  now: Date,
): Promise<Exclude<DeliveryOutcome, 'rate_limited'>> {
  const over = { nextAttemptTime: null, endTime: now };
  if (failure === undefined) {
    await change(db, claimed, { state: 'delivered', lastError: '', ...over });
    return 'delivered';
  }
  const { reason: lastError, isFinal } = failure;
  const pauseMs = isFinal ? undefined : pauseAfter(claimed.attempts);
  if (pauseMs === undefined) {
    await change(db, claimed, { state: 'failed', lastError, ...over });
    return 'failed';
  }
  await change(db, claimed, { lastError, nextAttemptTime: addMs(now, pauseMs) });
  return 'retried';
}

/** A sink that nobody has had configured for a day does not come back: what waits for it has failed. */
async function leaveUnknown(db: Database, head: EventDeliveryRow, now: Date): Promise<boolean> {
  if (addMs(head.createTime, MS_PER_DAY) > now) {
    await change(db, head, { nextAttemptTime: addMs(now, UNKNOWN_SINK_PAUSE_MS) });
    return false;
  }
  const over = {
    state: 'failed',
    lastError: 'the sink is not configured',
    nextAttemptTime: null,
    endTime: now,
  } as const;
  return change(db, head, over);
}

/** Changes a delivery that nobody else has tried meanwhile; false when somebody has. */
async function change(
  db: Database,
  { id, attempts }: Pick<EventDeliveryRow, 'id' | 'attempts'>,
  patch: Partial<EventDeliveryRow>,
): Promise<boolean> {
  return withTx(db, { name: 'MoveEventDelivery' }, async (tx) => {
    return (await EventDeliveryRow.query(tx).where({ id, attempts, state: 'pending' }).patch(patch)) === 1;
  });
}
