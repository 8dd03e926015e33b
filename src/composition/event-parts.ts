import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { deliverEvents, KEEP_DAYS, openEventStream, openSinks, startEventRelay, wantsOf } from '../event';
import { openDatabase } from '../platform/db/database';
import type { QueuedJob } from '../platform/jobs/queued-job';
import { openRedis } from '../platform/redis';
import { observe, type Closable, type Foundation } from './foundation';

/** One connection for batches, one for what is asked beside them. */
const RELAY_CONNECTIONS = 2;
const MS_PER_SECOND = 1_000;

/** Takes events from the database to the stream, if it is this process's turn: with connections of its own. */
export function startRelay({ config, log, clock, metrics }: Foundation, closables: Closable[]): void {
  const redis = openRedis(config.REDIS_URL, config.EVENTS_REDIS_TIMEOUT_MS, log, {
    whenAway: 'events wait in the database',
  });
  closables.push({ name: 'events redis', close: () => Promise.resolve(redis.disconnect()) });
  const db = openDatabase(config, observe(metrics), { size: RELAY_CONNECTIONS, multipleStatements: true });
  closables.push({ name: 'events database', close: () => db.knex.destroy() });
  const relay = startEventRelay({
    db,
    clock,
    log,
    stream: openEventStream(redis, config.EVENTS_STREAM_KEY),
    owner: `${hostname().slice(0, 24)}-${process.pid}-${randomUUID().slice(0, 8)}`.replaceAll(/[^\x21-\x7e]/g, '-'),
    wants: wantsOf(config.EVENT_SINKS),
    intervalMs: config.EVENTS_INTERVAL_MS,
    keepDays: KEEP_DAYS,
    observer: {
      published: (events, isAgain) => metrics.eventsPublished.inc({ time: isAgain ? 'again' : 'first' }, events),
      lag: (ms) => metrics.eventsLag.set(ms / MS_PER_SECOND),
    },
  });
  closables.push({ name: 'event relay', close: () => relay.stop() });
}

/** Hands events to the sinks that are configured. */
export function eventDeliveries({ config, log, clock, metrics, db }: Foundation, closables: Closable[]): QueuedJob {
  const sinks = openSinks(config.EVENT_SINKS, { clock, log, timeoutMs: config.EVENT_SINK_TIMEOUT_MS });
  closables.push({ name: 'event sinks', close: () => sinks.close() });
  const onAttempt = (sink: string, outcome: string): void => metrics.eventDeliveries.inc({ sink, outcome });
  return deliverEvents({ db, clock, sinks: sinks.byName, onAttempt }, config.JOBS_AT_ONCE_MAX);
}
