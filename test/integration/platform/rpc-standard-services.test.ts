import { connect } from 'node:http2';
import { setTimeout as pause } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import {
  HealthCheckResponse_ServingStatus as Serving,
  HealthService,
  type HealthCheckResponse,
  type HealthClient,
} from '../../../src/gen/grpc/health/v1/health.pb';
import {
  ServerReflectionService,
  type ServerReflectionClient,
  ServerReflectionRequest,
  type ServerReflectionResponse,
} from '../../../src/gen/grpc/reflection/v1/reflection.pb';
import type { KeyPair } from '../../support/tls';
import { call, refusalOfCall, startRpc, type RpcHarness } from './rpc-harness';

/** Standard tools work: health tells balancers the truth, reflection gives tools all they need to call us. */

let rpc: RpcHarness;
let identity: KeyPair;
/** Each is counted as it is read. */
let questionsRead = 0;

beforeAll(async () => {
  rpc = await startRpc({}, { callLimits: { spend: () => void (questionsRead += 1) } });
  identity = rpc.ca.issueClient('URI:spiffe://billing/auditor/eve');
});
afterAll(() => rpc.stop());

test('health flips for each service and the whole, and Watch is told', async () => {
  const health = rpc.client<HealthClient>(HealthService, identity);
  const check = async (service: string) => (await call(health, health.check, { service })).status;
  expect(await check('')).toBe(Serving.SERVING);
  expect(await check('billing.v1.QuotaService')).toBe(Serving.SERVING);

  const watch = health.watch({ service: 'billing.v1.QuotaService' });
  watch.on('error', () => undefined);
  const next = () =>
    new Promise<Serving>((resolve) => watch.once('data', (seen: HealthCheckResponse) => resolve(seen.status)));
  expect(await next()).toBe(Serving.SERVING);
  rpc.server.setServing(false);
  expect(await next()).toBe(Serving.NOT_SERVING);
  expect(await check('')).toBe(Serving.NOT_SERVING);
  rpc.server.setServing(true);
  watch.cancel();
});

test('health of a service that is not served is NOT_FOUND', async () => {
  const health = rpc.client<HealthClient>(HealthService, identity);
  const refusal = await refusalOfCall(call(health, health.check, { service: 'billing.v1.NoSuchService' }));
  expect(refusal.code).toBe(status.NOT_FOUND);
});

/** A message as gRPC sends it: a byte that says it is not compressed, its length, itself. */
function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function framesIn(bytes: Buffer): number {
  let frames = 0;
  for (let at = 0; at < bytes.length; at += 5 + bytes.readUInt32BE(at + 1)) frames += 1;
  return frames;
}

describe('reflection', () => {
  type Asked = NonNullable<ServerReflectionRequest['messageRequest']>;
  type Answer = ServerReflectionResponse['messageResponse'];

  function ask(messageRequest: Asked): Promise<Answer> {
    const stream = rpc.client<ServerReflectionClient>(ServerReflectionService, identity).serverReflectionInfo();
    return new Promise((resolve, reject) => {
      stream.on('data', (response: ServerReflectionResponse) => {
        resolve(response.messageResponse);
        stream.end();
      });
      stream.on('error', reject);
      stream.write({ host: '', messageRequest });
    });
  }

  function fileNames(answer: Answer): string[] {
    if (answer?.$case !== 'fileDescriptorResponse') throw new Error(`not a file: ${JSON.stringify(answer)}`);
    return answer.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);
  }

  test('lists the services that are served', async () => {
    const answer = await ask({ $case: 'listServices', value: '*' });
    const names = answer?.$case === 'listServicesResponse' ? answer.value.service.map(({ name }) => name) : [];
    expect(names).toEqual(['billing.v1.QuotaService', 'grpc.health.v1.Health', 'grpc.reflection.v1.ServerReflection']);
  });

  test.each([
    'billing.v1.QuotaService',
    'billing.v1.QuotaService.ConsumeQuota',
    'billing.v1.QuotaLog',
    'billing.v1.QuotaLog.amount',
    'billing.v1.QuotaLogType',
    'billing.v1.QUOTA_LOG_TYPE_GRANT',
  ])('gives the file of %s with everything it imports', async (symbol) => {
    const names = fileNames(await ask({ $case: 'fileContainingSymbol', value: symbol }));
    expect(names[0]).toBe('billing/v1/quota_service.proto');
    expect(new Set(names)).toEqual(
      new Set([
        'billing/v1/quota_service.proto',
        'billing/v1/membership_service.proto',
        'google/protobuf/duration.proto',
        'google/protobuf/timestamp.proto',
      ]),
    );
  });

  test('gives a file by name, and the standard services too', async () => {
    expect(fileNames(await ask({ $case: 'fileByFilename', value: 'google/rpc/status.proto' }))).toContain(
      'google/protobuf/any.proto',
    );
    expect(fileNames(await ask({ $case: 'fileContainingSymbol', value: 'grpc.health.v1.Health' }))).toHaveLength(1);
  });

  test('reads no further while a client does not take its answers, and answers all once it does', async () => {
    const asked = 600;
    // A client of grpc-js takes whatever comes; one that does not is made of HTTP/2 alone.
    const session = connect(`https://localhost:${rpc.port}`, { ca: rpc.ca.ca, ...identity });
    const stream = session.request({
      ':method': 'POST',
      ':path': ServerReflectionService.serverReflectionInfo.path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const messageRequest = { $case: 'fileContainingSymbol', value: 'billing.v1.QuotaService' } as const;
    const question = Buffer.from(ServerReflectionRequest.encode({ host: '', messageRequest }).finish());
    questionsRead = 0;
    for (let n = 0; n < asked; n += 1) stream.write(framed(question));
    stream.end();
    for (let before = -1; before !== questionsRead; await pause(500)) before = questionsRead;
    const readBefore = questionsRead;
    const parts: Buffer[] = [];
    for await (const part of stream) parts.push(part as Buffer);
    session.close();
    expect([framesIn(Buffer.concat(parts)), questionsRead]).toEqual([asked, asked]);
    expect(readBefore).toBeGreaterThan(0);
    expect(readBefore).toBeLessThan(asked / 2);
  });

  test('says NOT_FOUND of what it does not know', async () => {
    const answer = await ask({ $case: 'fileContainingSymbol', value: 'billing.v1.Nothing' });
    expect(answer).toMatchObject({ $case: 'errorResponse', value: { errorCode: status.NOT_FOUND } });
  });
});
