const GRPC_PREFIX_BYTES = 5;
const SEQUENCE_DIGITS = 8;
const USER_DIGITS = 7;
/** Tag of field 1, repeated messages: the items of a batch. */
const ITEM_TAG = 0x0a;

/** A message as it is encoded, and the ids in it that end with the digits of a number. */
export interface Template {
  readonly message: Uint8Array;
  /** Ends with the sequence, wherever it stands in the message. */
  readonly requestId: string;
  /** Ends with the user's number. */
  readonly userId: string;
}

function writeDigits(out: Buffer, end: number, digits: number, value: number): void {
  let rest = value;
  for (let at = end - 1; at >= end - digits; at -= 1) {
    out[at] = 48 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
}

/** Where a text ends in a message, every time that it is there. */
function endsOf(message: Buffer, text: string): readonly number[] {
  const ends: number[] = [];
  for (let at = message.indexOf(text); at >= 0; at = message.indexOf(text, at + 1)) ends.push(at + text.length);
  return ends;
}

/**
 * The bytes of a caller's call, made once: a request for which only the digits change costs no encoding and no memory.
 * All numbers have a fixed width.
 */
export class PreparedRequest {
  readonly bytes: Buffer;
  private readonly itemBytes: number;
  private readonly firstItemAt: number;
  private readonly sequenceEnds: readonly number[];
  private readonly userEnds: readonly number[];

  /** `batchSize` 0 is the message itself, otherwise a batch of so many. */
  constructor({ message, requestId, userId }: Template, batchSize: number) {
    const item = Buffer.from(message);
    if (item.length > 127) throw new Error('the length of an item must fit into one byte');
    const body = batchSize === 0 ? item : Buffer.concat(new Array<Buffer>(batchSize).fill(withItemHeader(item)));
    const prefix = Buffer.alloc(GRPC_PREFIX_BYTES);
    prefix.writeUInt32BE(body.length, 1);
    this.bytes = Buffer.concat([prefix, body]);
    const headerBytes = batchSize === 0 ? 0 : 2;
    this.itemBytes = item.length + headerBytes;
    this.firstItemAt = GRPC_PREFIX_BYTES + headerBytes;
    this.sequenceEnds = endsOf(item, requestId);
    this.userEnds = endsOf(item, userId);
  }

  /** Makes an item of the call the command of this number, for this user. */
  set(index: number, sequence: number, user: number): void {
    const at = this.firstItemAt + index * this.itemBytes;
    for (const end of this.sequenceEnds) writeDigits(this.bytes, at + end, SEQUENCE_DIGITS, sequence);
    for (const end of this.userEnds) writeDigits(this.bytes, at + end, USER_DIGITS, user);
  }
}

function withItemHeader(item: Buffer): Buffer {
  return Buffer.concat([Buffer.from([ITEM_TAG, item.length]), item]);
}
