import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  Server,
  type handleUnaryCall,
  type sendUnaryData,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import {
  QuotaServiceService,
  type ConsumeQuotaRequest,
  type ConsumeQuotaResponse,
} from '../../src/gen/billing/v1/quota_service.pb';
import { MutualTlsCredentials } from '../../src/platform/rpc/credentials';
import type { PlainWechatpay } from './plain-prepay';

/** What a server of the benchmark is told, as JSON in its only argument. */
export interface ServerSettings {
  readonly tlsDir: string;
  /** Empty for a server that needs none. */
  readonly databaseUrl: string;
  readonly poolSize: number;
  /** For the one server that opens payments. */
  readonly wechatpay?: PlainWechatpay;
}

export function readServerSettings(): ServerSettings {
  return JSON.parse(process.argv[2] ?? '{}') as ServerSettings;
}

/** Answers a request, at once or later. Whatever it throws becomes the status UNKNOWN, as grpc-js does it. */
type Answer<Request, Response> = (request: Request) => Response | Promise<Response>;

async function answerLater<Response>(response: Promise<Response>, callback: sendUnaryData<Response>): Promise<void> {
  try {
    callback(null, await response);
  } catch (error) {
    process.stderr.write(`${String(error)}\n`);
    callback(error instanceof Error ? error : new Error(String(error)));
  }
}

/** Makes a handler for grpc-js. */
export function unary<Request, Response>(answer: Answer<Request, Response>): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    const response = answer(call.request);
    if (response instanceof Promise) void answerLater(response, callback);
    else callback(null, response);
  };
}

/**
 * Serves RPCs as everybody would: a plain grpc-js server with the generated code, nothing of our own adapter, and the
 * TLS settings of the service. Says `{"port":…}` on standard output when it listens.
 */
export function serve(
  settings: ServerSettings,
  definition: ServiceDefinition,
  implementation: UntypedServiceImplementation,
): void {
  const read = (file: string): string => readFileSync(join(settings.tlsDir, file), 'utf8');
  const tls = { ca: read('ca.crt'), cert: read('server.crt'), key: read('server.key') };
  const server = new Server();
  server.addService(definition, implementation);
  server.bindAsync('127.0.0.1:0', new MutualTlsCredentials(tls), (error, port) => {
    if (error !== null) throw error;
    process.stdout.write(`${JSON.stringify({ port })}\n`);
  });
  process.once('SIGTERM', () => process.exit(0));
}

/** Serves ConsumeQuota and nothing else. */
export function serveConsume(
  settings: ServerSettings,
  consume: Answer<ConsumeQuotaRequest, ConsumeQuotaResponse>,
): void {
  serve(settings, { consumeQuota: QuotaServiceService.consumeQuota }, { consumeQuota: unary(consume) });
}
