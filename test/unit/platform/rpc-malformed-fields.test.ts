import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { DescMessage } from '@bufbuild/protobuf';
import { protoRegistry } from '../../../src/platform/rpc/descriptors';
import { findMalformedFields } from '../../../src/platform/rpc/malformed-fields';

/** Whatever keeps a message from being decoded is found where it is, and finding it never fails. */

function messageType(name: string): DescMessage {
  const found = protoRegistry.getMessage(name);
  if (found === undefined) throw new Error(`no message ${name}`);
  return found;
}

const unsafe = 2n ** 60n;
const notUtf8 = Buffer.from([0xff]);

test('inside repeated messages, by index', () => {
  const sound = new BinaryWriter().tag(3, WireType.Varint).int64(7n).finish();
  const broken = new BinaryWriter()
    .tag(3, WireType.Varint)
    .int64(unsafe)
    .tag(2, WireType.LengthDelimited)
    .bytes(notUtf8);
  const bytes = new BinaryWriter()
    .tag(3, WireType.LengthDelimited)
    .bytes(sound)
    .tag(3, WireType.LengthDelimited)
    .bytes(broken.finish())
    .tag(2, WireType.Varint)
    .int64(-unsafe)
    .finish();
  const fields = findMalformedFields(messageType('billing.v1.GetQuotaResponse'), bytes).map(({ field }) => field);
  expect(fields).toEqual(['grants[1].amount', 'grants[1].source', 'quota_held']);
});

test('inside maps and repeated strings', () => {
  const entry = new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .string('k')
    .tag(2, WireType.LengthDelimited)
    .bytes(notUtf8);
  const map = new BinaryWriter().tag(3, WireType.LengthDelimited).bytes(entry.finish()).finish();
  expect(findMalformedFields(messageType('google.rpc.ErrorInfo'), map)).toMatchObject([{ field: 'metadata' }]);

  const list = new BinaryWriter()
    .tag(6, WireType.LengthDelimited)
    .string('fine')
    .tag(6, WireType.LengthDelimited)
    .bytes(notUtf8)
    .finish();
  expect(findMalformedFields(messageType('billing.v1.Membership'), list)).toMatchObject([{ field: 'features[1]' }]);
});

test('a value of another wire type than its field is skipped, as the decoder skips it', () => {
  const bytes = new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .bytes(notUtf8)
    .tag(2, WireType.Bit32)
    .fixed32(1)
    .finish();
  expect(findMalformedFields(messageType('billing.v1.GetQuotaResponse'), bytes)).toEqual([]);
});

test('the list of a hostile message is bounded', () => {
  const writer = new BinaryWriter();
  for (let count = 0; count < 1_000; count += 1) writer.tag(6, WireType.LengthDelimited).bytes(notUtf8);
  expect(findMalformedFields(messageType('billing.v1.Membership'), writer.finish())).toHaveLength(16);
});

test('what was found before the bytes derail is still told', () => {
  const found = new BinaryWriter().tag(1, WireType.Varint).int64(unsafe).finish();
  const bytes = Buffer.concat([found, Buffer.from([0x0a, 0x7f])]);
  expect(findMalformedFields(messageType('billing.v1.GetQuotaResponse'), bytes)).toMatchObject([
    { field: 'quota_remaining' },
  ]);
});
