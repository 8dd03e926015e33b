import { Server, type ServerOptions } from '@grpc/grpc-js';
import type { Logger } from '../log';
import type { Metrics } from '../metrics';
import { createAccessCheck, type AccessMatrix } from './access';
import type { AccessLog } from './access-log';
import type { CallLimits } from './call-limits';
import { CallRecorder } from './call-record';
import { MutualTlsCredentials, type TlsMaterial } from './credentials';
import { createHealth } from './health';
import { InflightGate } from './inflight';
import { createReflection, reflectionDefinition } from './reflection';
import { wireDefinition, type RpcService } from './service';
import { StandardServices } from './standard-services';
import { adaptUnary, type CallFrame } from './unary';

/** Names of the standard services, as reflection lists them beside ours. */
const STANDARD_SERVICE_NAMES = ['grpc.health.v1.Health', 'grpc.reflection.v1.ServerReflection'];

/**
 * A silent peer is asked after 30 s and dropped 10 s later; connections are renewed so that clients rebalance, each after the
 * age that is named here give or take a tenth, as grpc-js draws it.
 * Channelz records stay on, though no channelz service is served: with 'grpc.enable_channelz' 0 grpc-js 1.14.7 forgets
 * its sessions, and forceShutdown leaves every connection open.
 */
const CONNECTION_OPTIONS: ServerOptions = {
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.max_connection_age_ms': 600_000,
  // Longer than the longest deadline, so that no call is cut by the renewal.
  'grpc.max_connection_age_grace_ms': 40_000,
  'grpc.max_concurrent_streams': 1_000,
};

export interface RpcServerOptions {
  readonly tls: TlsMaterial;
  readonly services: readonly RpcService[];
  readonly access: AccessMatrix;
  readonly accessLog: AccessLog;
  /** Health is not counted; of reflection each question is. */
  readonly callLimits: CallLimits;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Calls whose handlers may run at once; more are refused with OVERLOADED. */
  readonly inflightMax: number;
  /** A longer request is refused by gRPC with RESOURCE_EXHAUSTED. */
  readonly messageBytesMax: number;
  readonly deadlineDefaultMs: number;
  readonly deadlineMaxMs: number;
}

/**
 * The public gRPC server. Shutdown goes in this order: setServing(false), so that balancers look elsewhere; after they
 * had time to see it, beginDrain(), from when new billing calls get SHUTTING_DOWN while health still answers; drained();
 * shutdown().
 */
export interface RpcServer {
  /** Resolves with the port, which is the one asked for unless that was 0. */
  listen(host: string, port: number): Promise<number>;
  setServing(isServing: boolean): void;
  /** New handshakes use this material; connections that are open go on, until they are renewed (at most 11 minutes). */
  renewTls(tls: TlsMaterial): void;
  beginDrain(): void;
  /** Resolves true when every handler has ended, false when some have not after `timeoutMs`. */
  drained(timeoutMs: number): Promise<boolean>;
  /** Stops listening and closes connections, by force what is still open after `graceMs`. Twice is harmless. */
  shutdown(graceMs: number): Promise<void>;
}

/** Makes the server with mutual TLS; it serves the given services, health and reflection. Health is NOT_SERVING. */
export function createRpcServer(options: RpcServerOptions): RpcServer {
  const { log, metrics, accessLog, callLimits, deadlineDefaultMs, deadlineMaxMs } = options;
  const gate = new InflightGate(options.inflightMax, metrics.rpcInflight);
  const checkAccess = createAccessCheck(options.access);
  const recorder = new CallRecorder(log, metrics);
  const frame: CallFrame = {
    ...{ checkAccess, accessLog, callLimits, gate, log, recorder },
    ...{ deadlineDefaultMs, deadlineMaxMs },
  };
  const credentials = new MutualTlsCredentials(options.tls);
  const server = new Server({ ...CONNECTION_OPTIONS, 'grpc.max_receive_message_length': options.messageBytesMax });
  for (const service of options.services) {
    const handlers = service.methods.map((method) => [method.rpc, adaptUnary(frame, method)] as const);
    server.addService(wireDefinition(service), Object.fromEntries(handlers));
  }

  const names = options.services.map(({ name }) => name);
  const standard = new StandardServices(log, callLimits);
  const health = createHealth(names);
  server.addService(health.definition, standard.guard(health.definition, health.implementation));
  const reflection = createReflection([...names, ...STANDARD_SERVICE_NAMES], (call) => standard.spend(call));
  server.addService(reflectionDefinition, standard.guard(reflectionDefinition, reflection));

  // A second tryShutdown would never call back.
  let closed: Promise<void> | undefined;
  return {
    listen: (host, port) => bind(server, `${host.includes(':') ? `[${host}]` : host}:${port}`, credentials),
    renewTls: (tls) => credentials.renew(tls),
    setServing: (isServing) => health.setServing(isServing),
    beginDrain: () => gate.beginDrain(),
    drained: (timeoutMs) => gate.drained(timeoutMs),
    shutdown: (graceMs) => {
      gate.beginDrain();
      standard.endStreams();
      closed ??= close(server, graceMs);
      return closed;
    },
  };
}

function bind(server: Server, address: string, credentials: MutualTlsCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}

/** tryShutdown never returns while a stream is open, so a timer forces the end. */
function close(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      server.forceShutdown();
      resolve();
    }, graceMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
