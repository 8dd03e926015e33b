import { ConsumeQuotaRequest } from '../../src/gen/billing/v1/quota_service.pb';
import { requestIdOf, userIdOf } from './settings';

const GRPC_PREFIX_BYTES = 5;
const SEQUENCE_DIGITS = 8;
const USER_DIGITS = 7;
/** Tag of field 1, repeated messages: the items of a batch. */
const ITEM_TAG = 0x0a;

function writeDigits(out: Buffer, end: number, digits: number, value: number): void {
  let rest = value;
  for (let at = end - 1; at >= end - digits; at -= 1) {
    out[at] = 48 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
}

/**
 * The bytes of a caller's call, made once: a request for which only the digits change costs no encoding and no memory.
 * All numbers have a fixed width.
 */
export class ConsumeRequest {
  readonly bytes: Buffer;
  private readonly itemBytes: number;
  private readonly firstItemAt: number;
  private readonly requestIdEnd: number;
  private readonly taskIdEnd: number;
  private readonly userIdEnd: number;

  /** `batchSize` 0 is a plain ConsumeQuotaRequest, otherwise a batch of so many. */
  constructor(tag: string, caller: number, batchSize: number) {
    const requestId = requestIdOf(tag, caller, 0);
    const taskId = `task-${requestId}`;
    const userId = userIdOf(0);
    const fields = { requestId, userId, amount: 1, taskId, taskType: 'image', description: 'try-on' };
    const item = Buffer.from(ConsumeQuotaRequest.encode(ConsumeQuotaRequest.fromPartial(fields)).finish());
    if (item.length > 127) throw new Error('the length of an item must fit into one byte');
    const framed = batchSize === 0 ? [item] : new Array<Buffer>(batchSize).fill(withItemHeader(item));
    const message = Buffer.concat(framed);
    const prefix = Buffer.alloc(GRPC_PREFIX_BYTES);
    prefix.writeUInt32BE(message.length, 1);
    this.bytes = Buffer.concat([prefix, message]);
    const headerBytes = batchSize === 0 ? 0 : 2;
    this.itemBytes = item.length + headerBytes;
    this.firstItemAt = GRPC_PREFIX_BYTES + headerBytes;
    this.requestIdEnd = item.indexOf(requestId) + requestId.length;
    this.userIdEnd = item.indexOf(userId) + userId.length;
    this.taskIdEnd = item.indexOf(taskId) + taskId.length;
  }

  /** Makes an item of the call this consume. */
  set(index: number, sequence: number, user: number): void {
    const at = this.firstItemAt + index * this.itemBytes;
    writeDigits(this.bytes, at + this.requestIdEnd, SEQUENCE_DIGITS, sequence);
    writeDigits(this.bytes, at + this.taskIdEnd, SEQUENCE_DIGITS, sequence);
    writeDigits(this.bytes, at + this.userIdEnd, USER_DIGITS, user);
  }
}

function withItemHeader(item: Buffer): Buffer {
  return Buffer.concat([Buffer.from([ITEM_TAG, item.length]), item]);
}
