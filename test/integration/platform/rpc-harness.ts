import {
  credentials,
  makeGenericClientConstructor,
  Metadata,
  type CallOptions,
  type Client,
  type ServiceDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { BadRequest, ErrorInfo, RetryInfo } from '../../../src/gen/google/rpc/error_details.pb';
import { Status } from '../../../src/gen/google/rpc/status.pb';
import { type QuotaServiceClient, QuotaServiceService } from '../../../src/gen/billing/v1/quota_service.pb';
import { ACCESS_MATRIX } from '../../../src/access-matrix';
import { createLogger } from '../../../src/platform/log';
import { createMetrics, type Metrics } from '../../../src/platform/metrics';
import { createRpcServer, type RpcServer, type RpcServerOptions } from '../../../src/platform/rpc/server';
import { defineService, type Handlers } from '../../../src/platform/rpc/service';
import { createTestCa, type KeyPair, type TestCa } from '../../support/tls';

type QuotaHandlers = Handlers<typeof QuotaServiceService>;
type LogLine = Readonly<Record<string, unknown>>;

/** A real server with mutual TLS on a free port, serving QuotaService by the given handlers. */
export interface RpcHarness {
  readonly server: RpcServer;
  readonly port: number;
  readonly ca: TestCa;
  readonly metrics: Metrics;
  readonly log: readonly LogLine[];
  /** A client of QuotaService; closed by stop(). */
  quotaClient(identity: KeyPair): QuotaServiceClient;
  /** A client of any service; closed by stop(). */
  client<Kind extends Client>(definition: unknown, identity: KeyPair, ca?: string): Kind;
  stop(): Promise<void>;
}

const neverCalled = async (): Promise<never> => {
  throw new Error('this handler must not be called');
};

export async function startRpc(
  handlers: Partial<QuotaHandlers>,
  limits: Partial<RpcServerOptions> = {},
): Promise<RpcHarness> {
  const log: LogLine[] = [];
  const destination = { write: (line: string) => void log.push(JSON.parse(line) as LogLine) };
  const ca = createTestCa();
  const metrics = createMetrics();
  const all = {
    consumeQuota: neverCalled,
    batchConsumeQuota: neverCalled,
    refundQuota: neverCalled,
    holdQuota: neverCalled,
    captureQuota: neverCalled,
    releaseQuota: neverCalled,
    reportTaskOutcome: neverCalled,
    explainRequest: neverCalled,
    listSettlementCases: neverCalled,
    getQuota: neverCalled,
    listQuotaLogs: neverCalled,
    getUsage: neverCalled,
  };
  const server = createRpcServer({
    tls: { ca: ca.ca, ...ca.issueServer() },
    services: [defineService(QuotaServiceService, { ...all, ...handlers })],
    access: ACCESS_MATRIX,
    accessLog: { record: () => undefined },
    callLimits: { spend: () => undefined },
    log: createLogger({ level: 'debug', role: 'rpc', destination }),
    metrics,
    inflightMax: 100,
    messageBytesMax: 65_536,
    deadlineDefaultMs: 5_000,
    deadlineMaxMs: 30_000,
    ...limits,
  });
  const port = await server.listen('127.0.0.1', 0);
  server.setServing(true);
  const clients: Client[] = [];
  const client = <Kind extends Client>(definition: unknown, identity: KeyPair, trusted = ca.ca): Kind => {
    const Constructor = makeGenericClientConstructor(definition as ServiceDefinition, 'test');
    const channel = credentials.createSsl(Buffer.from(trusted), Buffer.from(identity.key), Buffer.from(identity.cert));
    const made = new Constructor(`localhost:${port}`, channel, { 'grpc.use_local_subchannel_pool': 1 });
    clients.push(made);
    return made as unknown as Kind;
  };
  const stop = async (): Promise<void> => {
    for (const open of clients) open.close();
    await server.shutdown(1_000);
  };
  return {
    server,
    port,
    ca,
    metrics,
    log,
    client,
    quotaClient: (identity) => client(QuotaServiceService, identity),
    stop,
  };
}

type Unary<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Response) => void,
) => unknown;

/** Calls one method of a generated client. `deadlineMs` is from now; without it the call has none. */
export function call<Request, Response>(
  client: Client,
  method: Unary<Request, Response>,
  request: Request,
  deadlineMs?: number,
): Promise<Response> {
  const options =
    deadlineMs === undefined ? {} : { deadline: new Date(performance.timeOrigin + performance.now() + deadlineMs) };
  return new Promise((resolve, reject) => {
    method.call(client, request, new Metadata(), options, (error, response) => {
      if (error === null) resolve(response);
      else reject(error);
    });
  });
}

/** A refusal as a client decodes it from the trailer. */
export interface Refusal {
  readonly code: number;
  readonly message: string;
  readonly reason: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly fields: readonly string[];
  readonly retryAfterMs: number | undefined;
}

/** Waits for a call to be refused and decodes why. */
export async function refusalOfCall(pending: Promise<unknown>): Promise<Refusal> {
  const error = (await pending.then(
    () => {
      throw new Error('the call succeeded');
    },
    (rejection: unknown) => rejection,
  )) as ServiceError;
  return decodeRefusal(error);
}

function decodeRefusal(error: ServiceError): Refusal {
  const [bytes] = error.metadata.get('grpc-status-details-bin');
  const details = bytes === undefined ? [] : Status.decode(bytes as Buffer).details;
  const find = (name: string): Buffer | undefined =>
    details.find(({ typeUrl }) => typeUrl === `type.googleapis.com/google.rpc.${name}`)?.value;
  const info = find('ErrorInfo');
  const badRequest = find('BadRequest');
  const retry = find('RetryInfo');
  const errorInfo = info && ErrorInfo.decode(info);
  const delay = retry && RetryInfo.decode(retry).retryDelay;
  return {
    code: error.code,
    message: error.details,
    reason: errorInfo?.reason,
    metadata: errorInfo?.metadata ?? {},
    fields: badRequest ? BadRequest.decode(badRequest).fieldViolations.map(({ field }) => field) : [],
    retryAfterMs: delay ? delay.seconds * 1_000 + delay.nanos / 1_000_000 : undefined,
  };
}

/** Resolves when a condition holds; looks again each turn of the event loop. The test's own timeout is the bound. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
