import { isUtf8 } from 'node:buffer';
import { ScalarType, type DescField, type DescMessage } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import type { FieldViolation } from '../errors';

/** Enough to mend a request by; a batch of a thousand bad items must not cost a thousand lines. */
const VIOLATIONS_MAX = 16;

type Scalar = Extract<DescField, { fieldKind: 'scalar' }>['scalar'];

/** How each 64-bit integer is read, as a bigint, and the wire type it must arrive with. */
const WIDE_INTEGERS = new Map<Scalar, { wireType: WireType; read: (reader: BinaryReader) => bigint | string }>([
  [ScalarType.INT64, { wireType: WireType.Varint, read: (reader) => reader.int64() }],
  [ScalarType.UINT64, { wireType: WireType.Varint, read: (reader) => reader.uint64() }],
  [ScalarType.SINT64, { wireType: WireType.Varint, read: (reader) => reader.sint64() }],
  [ScalarType.FIXED64, { wireType: WireType.Bit64, read: (reader) => reader.fixed64() }],
  [ScalarType.SFIXED64, { wireType: WireType.Bit64, read: (reader) => reader.sfixed64() }],
]);

/**
 * Names the fields that keep a message from being decoded: 64-bit integers beyond ±(2^53 − 1) and strings that are not
 * UTF-8. Runs only after decoding failed, so it may be slow. Empty when the bytes are broken in another way.
 */
export function findMalformedFields(type: DescMessage, bytes: Uint8Array): FieldViolation[] {
  const found: FieldViolation[] = [];
  try {
    inspectMessage({ reader: new BinaryReader(bytes), found }, type, bytes.length, '');
  } catch {
    // The bytes end or derail here; what was found before still helps the caller.
  }
  return found;
}

interface Inspection {
  readonly reader: BinaryReader;
  readonly found: FieldViolation[];
}

function inspectMessage(inspection: Inspection, type: DescMessage, end: number, parent: string): void {
  const { reader, found } = inspection;
  const timesSeen = new Map<number, number>();
  while (reader.pos < end && found.length < VIOLATIONS_MAX) {
    const [number, wireType] = reader.tag();
    const field = type.fields.find((candidate) => candidate.number === number);
    if (field === undefined) {
      reader.skip(wireType, number);
      continue;
    }
    const index = timesSeen.get(number) ?? 0;
    timesSeen.set(number, index + 1);
    const name = parent === '' ? field.name : `${parent}.${field.name}`;
    inspectField(inspection, field, wireType, field.fieldKind === 'list' ? `${name}[${index}]` : name);
  }
}

function inspectField(inspection: Inspection, field: DescField, wireType: WireType, path: string): void {
  const { reader } = inspection;
  if (field.fieldKind === 'map' && wireType === WireType.LengthDelimited) {
    inspectMapEntry(inspection, field, path);
  } else if (field.message !== undefined && wireType === WireType.LengthDelimited) {
    const length = reader.uint32();
    inspectMessage(inspection, field.message, reader.pos + length, path);
  } else if (field.scalar !== undefined) {
    inspectScalars(inspection, field.scalar, wireType, path);
  } else {
    reader.skip(wireType, field.number);
  }
}

/** Reads one value, or the packed values of a repeated number, which arrive as one length-delimited block. */
function inspectScalars(inspection: Inspection, scalar: Scalar, wireType: WireType, path: string): void {
  const { reader } = inspection;
  const integer = WIDE_INTEGERS.get(scalar);
  if (integer === undefined || wireType !== WireType.LengthDelimited) {
    inspectScalar(inspection, scalar, wireType, path);
    return;
  }
  const length = reader.uint32();
  const end = reader.pos + length;
  for (let index = 0; reader.pos < end; index += 1) {
    inspectScalar(inspection, scalar, integer.wireType, path.replace(/\[\d+\]$/, `[${index}]`));
  }
}

function inspectScalar({ reader, found }: Inspection, scalar: Scalar, wireType: WireType, path: string): void {
  const integer = WIDE_INTEGERS.get(scalar);
  if (integer?.wireType === wireType) {
    const value = BigInt(integer.read(reader));
    if (value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER) {
      found.push({ field: path, description: 'must be between -(2^53 - 1) and 2^53 - 1' });
    }
  } else if (scalar === ScalarType.STRING && wireType === WireType.LengthDelimited) {
    if (!isUtf8(reader.bytes())) found.push({ field: path, description: 'must be UTF-8' });
  } else {
    reader.skip(wireType);
  }
}

/** A map arrives as entries of key (1) and value (2); the path names the field, as keys may be anything. */
function inspectMapEntry(inspection: Inspection, field: Extract<DescField, { fieldKind: 'map' }>, path: string): void {
  const { reader } = inspection;
  const length = reader.uint32();
  const end = reader.pos + length;
  while (reader.pos < end) {
    const [number, wireType] = reader.tag();
    if (number === 1) {
      inspectScalar(inspection, field.mapKey, wireType, path);
    } else if (number === 2 && field.mapKind === 'message') {
      const valueLength = reader.uint32();
      inspectMessage(inspection, field.message, reader.pos + valueLength, path);
    } else if (number === 2 && field.mapKind === 'scalar') {
      inspectScalar(inspection, field.scalar, wireType, path);
    } else {
      reader.skip(wireType, number);
    }
  }
}
