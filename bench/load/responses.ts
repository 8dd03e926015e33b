/** What the load reads of answers, straight from the bytes: decoding messages would cost more than sending the call. */

/** How one command was answered. */
export const ANSWER = { NEW: 0, REPLAYED: 1, REFUSED: 2 } as const;

/** `replayed` of ConsumeQuotaResponse, of CreateOrderResponse and of ClaimCouponResponse. */
const CONSUME_REPLAYED_FIELD = 3;
const ORDER_REPLAYED_FIELD = 3;
const CLAIM_REPLAYED_FIELD = 2;
/** `results` of BatchConsumeQuotaResponse, and in each the response of one that was done. */
const RESULTS_FIELD = 1;
const RESPONSE_FIELD = 1;

const WIRE_VARINT = 0;
const WIRE_BYTES = 2;

/** Where a walk over the fields of a message stands; one for the whole process, so that walking allocates nothing. */
const cursor = { at: 0 };

function readVarint(bytes: Buffer): number {
  let value = 0;
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes[cursor.at] ?? 0;
    cursor.at += 1;
    value += (byte & 127) * scale;
    if (byte < 128) return value;
  }
}

/** Reads the answer of a ConsumeQuotaResponse. */
export function readConsumeResponse(bytes: Buffer, start: number, end: number): number {
  return readResponse(bytes, start, end, CONSUME_REPLAYED_FIELD);
}

/** Reads the answer of a ClaimCouponResponse. */
export function readClaimResponse(bytes: Buffer, start: number, end: number): number {
  return readResponse(bytes, start, end, CLAIM_REPLAYED_FIELD);
}

/** Reads the answer of a CreateOrderResponse. */
export function readOrderResponse(bytes: Buffer, start: number, end: number): number {
  return readResponse(bytes, start, end, ORDER_REPLAYED_FIELD);
}

function readResponse(bytes: Buffer, start: number, end: number, replayedField: number): number {
  cursor.at = start;
  let answer: number = ANSWER.NEW;
  while (cursor.at < end) {
    const tag = readVarint(bytes);
    const value = readVarint(bytes);
    if ((tag & 7) === WIRE_BYTES) cursor.at += value;
    else if ((tag & 7) !== WIRE_VARINT) throw new Error('an answer has a field that no answer has');
    else if (tag >>> 3 === replayedField && value !== 0) answer = ANSWER.REPLAYED;
  }
  return answer;
}

/** Reads the answers of a batch's items in their order. Returns how many there are. */
export function readBatchResponse(bytes: Buffer, start: number, end: number, answers: Uint8Array): number {
  let at = start;
  let count = 0;
  while (at < end) {
    cursor.at = at;
    const tag = readVarint(bytes);
    const length = readVarint(bytes);
    const itemStart = cursor.at;
    at = itemStart + length;
    if (tag >>> 3 !== RESULTS_FIELD) continue;
    answers[count] = readResult(bytes, itemStart);
    count += 1;
  }
  return count;
}

function readResult(bytes: Buffer, start: number): number {
  cursor.at = start;
  const tag = readVarint(bytes);
  const length = readVarint(bytes);
  if (tag >>> 3 !== RESPONSE_FIELD) return ANSWER.REFUSED;
  return readConsumeResponse(bytes, cursor.at, cursor.at + length);
}
