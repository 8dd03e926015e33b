import { setTimeout as pause } from 'node:timers/promises';
import { watchCertificates } from './composition/certificates';
import { buildEdge } from './composition/edge-role';
import { startRelay } from './composition/event-parts';
import { buildLanes, observe, openWechatpay, type Closable, type Foundation } from './composition/foundation';
import { buildRpc } from './composition/rpc-role';
import { openSecrets, refuseOtherKeys } from './composition/secrets';
import { openTls } from './composition/tls-parts';
import { startWorker } from './composition/worker-role';
import { fileOffsetClock, systemClock, type Clock } from './platform/clock';
import type { Config } from './platform/config';
import { openDatabase, readDatabaseTime } from './platform/db/database';
import { createInternalServer, type ReadinessCheck } from './platform/http/internal-server';
import type { Logger } from './platform/log';
import { createMetrics } from './platform/metrics';

/**
 * Starts the roles that BILLING_ROLE asks for, put together by composition/; what it starts it stops, in the order that loses
 * nothing.
 */

/** The ports a service listens on; 0 for a role that this process does not play. */
export interface ServicePorts {
  readonly grpcPort: number;
  readonly edgePort: number;
  readonly internalPort: number;
}

/** A running service. */
export interface Service {
  readonly ports: ServicePorts;
  /** Health says NOT_SERVING, new calls are refused, calls in flight finish; then everything is closed. */
  stop(): Promise<void>;
}

/** Time kept back from the drain for closing connections. */
const CLOSE_RESERVE_MS = 2_000;
const CLOSE_GRACE_MS = 500;

function clockOf(config: Config): Clock {
  return config.DEV_CLOCK_FILE === undefined ? systemClock : fileOffsetClock(config.DEV_CLOCK_FILE);
}

/** Ready means: the schema is there, and our clock and the database's agree. Redis is not asked: no call needs it. */
function readinessChecks({ config, clock, db }: Foundation): Record<string, ReadinessCheck> {
  return {
    database: async () => {
      await db.knex('users').select(db.knex.raw('1')).limit(1);
    },
    clock: async () => {
      const skewMs = Math.abs((await readDatabaseTime(db)).getTime() - clock.machineNow().getTime());
      if (skewMs > config.CLOCK_SKEW_MAX_MS) throw new Error(`clock and database differ by ${skewMs} ms`);
    },
  };
}

/** Builds, connects and starts. Throws when a port is taken or a key is unusable; nothing is left running then. */
export async function startService(config: Config, log: Logger, clock = clockOf(config)): Promise<Service> {
  const metrics = createMetrics();
  const db = openDatabase(config, observe(metrics));
  const plays = (role: Config['BILLING_ROLE']): boolean =>
    config.BILLING_ROLE === 'all' || config.BILLING_ROLE === role;
  // Closed last to first, so what others stand on goes at the end.
  const closables: Closable[] = [{ name: 'database', close: () => db.knex.destroy() }];
  const lanes = buildLanes({ config, log, clock, metrics, db }, closables);
  const wechatpay = openWechatpay({ config, clock, log }, closables);
  const tls = openTls({ config, log, clock, metrics, db }, closables);
  const secrets = openSecrets({ config, log, metrics }, closables);
  const foundation: Foundation = { config, log, clock, metrics, db, ...lanes, wechatpay, tls, ...secrets };
  const closeAll = async (): Promise<void> => {
    for (const { name, close } of [...closables].reverse()) {
      await close().catch((error: unknown) => log.error({ err: error, part: name }, 'could not be closed'));
    }
  };
  try {
    await refuseOtherKeys(foundation);
  } catch (error) {
    await closeAll();
    throw error;
  }
  watchCertificates(foundation, closables);

  const draining = { isDraining: false };
  const checks = {
    ...readinessChecks(foundation),
    serving: () => (draining.isDraining ? Promise.reject(new Error('shutting down')) : Promise.resolve()),
  };
  const internal = createInternalServer({ metrics, checks, log });
  closables.push({ name: 'internal', close: () => internal.close(CLOSE_GRACE_MS) });
  const rpc = plays('rpc') ? buildRpc(foundation, closables) : undefined;
  const edge = plays('edge') ? buildEdge(foundation) : undefined;
  const queues = plays('worker') ? startWorker(foundation, closables) : undefined;
  if (plays('worker')) startRelay(foundation, closables);
  if (rpc !== undefined) closables.push({ name: 'rpc', close: () => rpc.shutdown(CLOSE_GRACE_MS) });

  try {
    const ports = {
      grpcPort: (await rpc?.listen(config.GRPC_HOST, config.GRPC_PORT)) ?? 0,
      edgePort: (await edge?.listen(config.EDGE_HOST, config.EDGE_PORT)) ?? 0,
      internalPort: await internal.listen(config.INTERNAL_HOST, config.INTERNAL_PORT),
    };
    rpc?.setServing(true);
    const stop = async (): Promise<void> => {
      draining.isDraining = true;
      rpc?.setServing(false);
      rpc?.beginDrain();
      const drainMs = config.DRAIN_TIMEOUT_MS - CLOSE_RESERVE_MS;
      // A notification that is being applied is answered: WeChat Pay need not send it again.
      const edgeMs = Math.min(drainMs, config.NOTIFICATION_APPLY_TIMEOUT_MS + CLOSE_GRACE_MS);
      const ends = [rpc?.drained(drainMs), edge?.close(edgeMs), queues?.stop(drainMs)];
      await Promise.all([pause(config.DRAIN_NOTICE_MS), ...ends]);
      await closeAll();
    };
    return { ports, stop };
  } catch (error) {
    await edge?.close(CLOSE_GRACE_MS);
    await closeAll();
    throw error;
  }
}
