import { Client, Metadata, status, type ChannelOptions } from '@grpc/grpc-js';
import { systemClock } from '../clock';
import { addMs } from '../time';
import { clientCredentials, type TlsMaterial } from './credentials';

/**
 * The keepalive asks a silent peer while calls wait, never an idle one: gRPC servers take that for abuse. A peer lost
 * without a word costs the calls of these times, then the connection is made anew.
 */
const CONNECTION_OPTIONS: ChannelOptions = {
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  // By default gRPC leaves a peer that was away for long alone for two minutes.
  'grpc.max_reconnect_backoff_ms': 10_000,
  'grpc.max_receive_message_length': 1_048_576,
};

/** The peer is where the address says: no proxy of the environment, no rules for retries out of DNS. */
const ROUTE_OPTIONS: ChannelOptions = { 'grpc.enable_http_proxy': 0, 'grpc.service_config_disable_resolution': 1 };

export interface RpcClientOptions {
  /** `host:port`; the server's certificate must name the host. */
  readonly address: string;
  /** The CA that the server's certificate must come from, and the service's own certificate, shown to the server. */
  readonly tls: TlsMaterial;
  /** Longest time for one call, connecting included. */
  readonly timeoutMs: number;
}

/** What ts-proto generates for a unary RPC, as far as a caller needs it. */
interface UnaryMethod<Request, Response> {
  readonly path: string;
  readonly requestSerialize: (request: Request) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
}

/** Why a call came to nothing: `code` is gRPC's name for it, such as UNAVAILABLE or DEADLINE_EXCEEDED. */
export interface RpcCallError extends Error {
  readonly code: string;
}

/** Calls another service's unary RPCs. */
export interface RpcClient {
  /**
   * One call, within the time-out or until the signal aborts. Never repeated, but where gRPC knows that the server has
   * not seen it. Rejects with an RpcCallError.
   */
  call<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    signal?: AbortSignal,
  ): Promise<Response>;
  /** Calls from now on go over a connection made with this material; calls in flight end as they would have. */
  renewTls(tls: TlsMaterial): void;
  /** Calls in flight end as they would have; no more may be made. */
  close(): void;
}

/** Makes a client with mutual TLS. Connects at the first call, and again whenever the connection is lost. */
export function createRpcClient(options: RpcClientOptions): RpcClient {
  const { address, timeoutMs } = options;
  const open = (tls: TlsMaterial): Client =>
    new Client(address, clientCredentials(tls), { ...CONNECTION_OPTIONS, ...ROUTE_OPTIONS });
  let client = open(options.tls);
  const call = <Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    signal?: AbortSignal,
  ): Promise<Response> =>
    new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(callError(method.path, status.CANCELLED, 'given up before it began'));
        return;
      }
      const { path, requestSerialize, responseDeserialize } = method;
      const callOptions = { deadline: addMs(systemClock.machineNow(), timeoutMs) };
      const cancel = (): void => pending.cancel();
      const pending = client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        new Metadata(),
        callOptions,
        (error, response) => {
          signal?.removeEventListener('abort', cancel);
          if (error !== null) reject(callError(path, error.code, error.details));
          // Without an error there is always a response, whatever the typings say.
          else resolve(response as Response);
        },
      );
      signal?.addEventListener('abort', cancel, { once: true });
    });
  const renewTls = (tls: TlsMaterial): void => {
    const before = client;
    client = open(tls);
    before.close();
  };
  return { call, renewTls, close: () => client.close() };
}

function callError(path: string, code: status, details: string): RpcCallError {
  const name = status[code];
  return Object.assign(new Error(`${path.slice(1)}: ${name}: ${details}`), { code: name });
}
