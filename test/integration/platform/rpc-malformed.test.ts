import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { Metadata, status, type Client } from '@grpc/grpc-js';
import { QuotaServiceService } from '../../../src/gen/billing/v1/quota_service.pb';
import { refusalOfCall, startRpc, type RpcHarness } from './rpc-harness';

/** A request that can not be decoded is the caller's fault, told by field, and never reaches a handler. */

let rpc: RpcHarness;
let client: Client;

beforeAll(async () => {
  rpc = await startRpc({});
  client = rpc.client({}, rpc.ca.issueClient('URI:spiffe://billing/ai-task-service/tasks'));
});
afterAll(() => rpc.stop());

function send(rpcName: 'ConsumeQuota' | 'ListQuotaLogs', bytes: Uint8Array): Promise<unknown> {
  const asBytes = (value: Buffer): Buffer => value;
  const path = `/billing.v1.QuotaService/${rpcName}`;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, asBytes, asBytes, Buffer.from(bytes), new Metadata(), (error, response) => {
      if (error === null) resolve(response);
      else reject(error);
    });
  });
}

const consumeAmount = (amount: bigint) =>
  new BinaryWriter().tag(1, WireType.LengthDelimited).string('r-1').tag(3, WireType.Varint).int64(amount).finish();

test.each([
  ['2^53', 2n ** 53n],
  ['-2^53', -(2n ** 53n)],
  ['the largest int64', 2n ** 63n - 1n],
])('an amount of %s is INVALID_REQUEST with the field path', async (_name, amount) => {
  const refusal = await refusalOfCall(send('ConsumeQuota', consumeAmount(amount)));
  expect(refusal).toMatchObject({ code: status.INVALID_ARGUMENT, reason: 'INVALID_REQUEST', fields: ['amount'] });
});

test('text that is not UTF-8 is INVALID_REQUEST with the field path, however long the text', async () => {
  for (const length of [1, 500]) {
    const bytes = new BinaryWriter().tag(6, WireType.LengthDelimited).bytes(Buffer.alloc(length, 0xff)).finish();
    const refusal = await refusalOfCall(send('ConsumeQuota', bytes));
    expect(refusal).toMatchObject({ reason: 'INVALID_REQUEST', fields: ['description'] });
  }
});

test('every malformed field is named, also inside nested messages', async () => {
  const seconds = new BinaryWriter()
    .tag(1, WireType.Varint)
    .int64(2n ** 60n)
    .finish();
  const bytes = new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .bytes(Buffer.from([0xc3, 0x28]))
    .tag(3, WireType.LengthDelimited)
    .bytes(seconds)
    .finish();
  const refusal = await refusalOfCall(send('ListQuotaLogs', bytes));
  expect(refusal.fields).toEqual(['user_id', 'start_time.seconds']);
});

test('a truncated message is INVALID_REQUEST for the message as a whole', async () => {
  const refusal = await refusalOfCall(send('ConsumeQuota', Buffer.from([0x0a, 0x20, 0x61])));
  expect(refusal).toMatchObject({ code: status.INVALID_ARGUMENT, reason: 'INVALID_REQUEST', fields: [''] });
});

test('a message above the limit is RESOURCE_EXHAUSTED', async () => {
  const refusal = await refusalOfCall(send('ConsumeQuota', Buffer.alloc(70_000)));
  expect(refusal.code).toBe(status.RESOURCE_EXHAUSTED);
});

test('an unknown field of a newer client is ignored by the decoder', () => {
  const bytes = Buffer.from(new BinaryWriter().tag(999, WireType.Varint).int64(5n).finish());
  expect(QuotaServiceService.getQuota.requestDeserialize(bytes)).toEqual({ userId: '' });
});
