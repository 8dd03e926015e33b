import { deliverEvents, openSinks, wantsOf } from '../../src/event';
import { makeBatch } from '../../src/event/relay-batches';
import { acquireRelay, type Ownership } from '../../src/event/relay-lease';
import { loadConfig } from '../../src/platform/config';
import type { Database } from '../../src/platform/db/database';
import { appendEvents, type OutboxEvent } from '../../src/platform/db/outbox';
import { withTx } from '../../src/platform/db/tx';
import type { QueuedJob } from '../../src/platform/jobs/queued-job';
import type { Logger } from '../../src/platform/log';
import { openTestDatabase, type Row, type TestDatabase } from './database';
import { startHttpReceiver, type HttpReceiver } from './http-receiver';
import { readInfra } from './infra';
import { openServiceDatabase } from './service-database';
import { requiredSettings } from './settings';
import { TestClock } from './test-clock';

/** Sinks that are open, and the job that delivers to them. */
export interface OpenedSinks {
  readonly job: QueuedJob;
  readonly wants: ReturnType<typeof wantsOf>;
  /** What became of attempts: `sink outcome`. */
  readonly outcomes: string[];
  close(): Promise<void>;
}

/** A database and a receiver for tests of deliveries. */
export interface SinkStage {
  readonly database: TestDatabase;
  readonly db: Database;
  readonly http: HttpReceiver;
  /** An empty database, a new clock, and the relay's lease. */
  begin(): Promise<TestClock>;
  /** A webhook at the receiver. */
  webhook(fields?: object): object;
  /** Opens sinks as they are configured. */
  open(sinks: readonly object[], concurrency?: number): OpenedSinks;
  /** Tells events, as a transaction and the relay do. */
  tell(sinks: Pick<OpenedSinks, 'wants'>, events: readonly OutboxEvent[]): Promise<void>;
  deliveries(): Promise<Row[]>;
  /** The relay's lease. */
  owned(): Ownership;
  close(): Promise<void>;
}

/** What `EVENT_SINKS` makes of a list. */
function sinkSettings(sinks: readonly object[]) {
  return loadConfig({ ...requiredSettings(), BILLING_ENV: 'development', EVENT_SINKS: JSON.stringify(sinks) })
    .EVENT_SINKS;
}

/** Opens a stage. */
export async function openSinkStage(parts: {
  readonly connections: number;
  readonly log: Logger;
  readonly timeoutMs: number;
  readonly secrets: readonly string[];
}): Promise<SinkStage> {
  const { connections, log, timeoutMs, secrets } = parts;
  const infra = readInfra();
  const database = await openTestDatabase(infra);
  const db = openServiceDatabase(infra, database, { pool: { size: connections, multipleStatements: true } });
  const http = await startHttpReceiver();
  let clock = new TestClock();
  let lease: Ownership | undefined;
  const owned = (): Ownership => {
    if (lease === undefined) throw new Error('the lease is taken');
    return lease;
  };
  return {
    ...{ database, db, http, owned },
    begin: async () => {
      for (const table of ['event_relay', 'outbox', 'event_deliveries', 'event_sinks']) {
        await database.query(`TRUNCATE TABLE ${table}`);
      }
      clock = new TestClock();
      http.received.length = 0;
      http.answer = { status: 200, body: '{"errcode":0}' };
      lease = await acquireRelay(db, 'test', 0);
      return clock;
    },
    webhook: (fields = {}) => ({
      ...{ name: 'crm', kind: 'webhook', url: `${http.url}/hook`, secrets, rate_per_minute: 100_000 },
      ...fields,
    }),
    open: (sinks, concurrency = 8) => {
      const settings = sinkSettings(sinks);
      const outcomes: string[] = [];
      const opened = openSinks(settings, { clock, log, timeoutMs });
      const onAttempt = (sink: string, outcome: string): void => void outcomes.push(`${sink} ${outcome}`);
      return {
        job: deliverEvents({ db, clock, sinks: opened.byName, onAttempt }, concurrency),
        wants: wantsOf(settings),
        outcomes,
        close: () => opened.close(),
      };
    },
    tell: async ({ wants }, events) => {
      await withTx(db, { name: 'test' }, (tx) => appendEvents(tx, events, clock.now()));
      const made = await makeBatch(db, owned(), wants, clock.now());
      if (made.outcome !== 'made') throw new Error(`no batch was made: ${made.outcome}`);
      lease = { ...owned(), lastBatch: made.batches.lastBatch };
    },
    deliveries: () => database.query('SELECT * FROM event_deliveries ORDER BY id'),
    close: async () => {
      await http.close();
      await db.knex.destroy();
      await database.close();
    },
  };
}
