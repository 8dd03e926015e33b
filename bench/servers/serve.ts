import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Server, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import {
  QuotaServiceService,
  type ConsumeQuotaRequest,
  type ConsumeQuotaResponse,
} from '../../src/gen/billing/v1/quota_service.pb';
import { MutualTlsCredentials } from '../../src/platform/rpc/credentials';

/** What a server of the benchmark is told, as JSON in its only argument. */
export interface ServerSettings {
  readonly tlsDir: string;
  /** Empty for a server that needs none. */
  readonly databaseUrl: string;
  readonly poolSize: number;
}

export function readServerSettings(): ServerSettings {
  return JSON.parse(process.argv[2] ?? '{}') as ServerSettings;
}

/** Answers a request, at once or later. Whatever it throws becomes the status UNKNOWN, as grpc-js does it. */
type Consume = (request: ConsumeQuotaRequest) => ConsumeQuotaResponse | Promise<ConsumeQuotaResponse>;

async function answerLater(
  response: Promise<ConsumeQuotaResponse>,
  callback: sendUnaryData<ConsumeQuotaResponse>,
): Promise<void> {
  try {
    callback(null, await response);
  } catch (error) {
    process.stderr.write(`${String(error)}\n`);
    callback(error instanceof Error ? error : new Error(String(error)));
  }
}

/**
 * Serves ConsumeQuota as everybody would: a plain grpc-js server with the generated code, nothing of our own adapter,
 * and the TLS settings of the service. Says `{"port":…}` on standard output when it listens.
 */
export function serveConsume(settings: ServerSettings, consume: Consume): void {
  const read = (file: string): string => readFileSync(join(settings.tlsDir, file), 'utf8');
  const tls = { ca: read('ca.crt'), cert: read('server.crt'), key: read('server.key') };
  const server = new Server();
  const definition = { consumeQuota: QuotaServiceService.consumeQuota };
  server.addService(definition, {
    consumeQuota: (
      call: ServerUnaryCall<ConsumeQuotaRequest, ConsumeQuotaResponse>,
      callback: sendUnaryData<ConsumeQuotaResponse>,
    ) => {
      const response = consume(call.request);
      if (response instanceof Promise) void answerLater(response, callback);
      else callback(null, response);
    },
  });
  server.bindAsync('127.0.0.1:0', new MutualTlsCredentials(tls), (error, port) => {
    if (error !== null) throw error;
    process.stdout.write(`${JSON.stringify({ port })}\n`);
  });
  process.once('SIGTERM', () => process.exit(0));
}
