import { ConsumeQuotaRequest } from '../../src/gen/billing/v1/quota_service.pb';
import type { Reply } from './clients';
import type { Harness } from './harness';

/** What may be wrong with a field of a kind, as [what, value]. */
export type Faults = readonly (readonly [what: string, value: unknown])[];

export const OPTIONAL_ID: Faults = [
  ['65 characters', 'x'.repeat(65)],
  ['a NUL', 'a\u0000b'],
  ['a line break', 'a\nb'],
  ['DEL', 'a\u007fb'],
  ['a space before', ' a'],
  ['a space behind', 'a '],
  ['a letter beyond ASCII', 'é'],
  ['Chinese', '任务'],
];
const BEYOND_SAFE: Faults = [
  ['2^53', 2 ** 53],
  ['-2^53', -(2 ** 53)],
];

export const ID: Faults = [['nothing', ''], ['a space', ' '], ...OPTIONAL_ID];
export const UNITS: Faults = [['-1', -1], ...BEYOND_SAFE];
export const POSITIVE_UNITS: Faults = [['0', 0], ...UNITS];
export const FREE_TEXT: Faults = [
  ['257 characters', 'x'.repeat(257)],
  ['a bell', 'a\u0007b'],
  ['a line break', 'a\nb'],
  ['a C1 control', 'a\u0085b'],
];
/** WeChat Pay shows it to the payer: 80 bytes. */
export const REFUND_REASON: Faults = [
  ['nothing', ''],
  ['81 bytes', 'x'.repeat(81)],
  ['27 Chinese characters', '退'.repeat(27)],
  ['a bell', 'a\u0007b'],
];
/** For people alone. */
export const REJECT_REASON: Faults = [['nothing', ''], ['spaces', '  '], ...FREE_TEXT];
const ORDER_ID: Faults = [
  ['nothing', ''],
  ['5 characters', 'abcde'],
  ['33 characters', 'a'.repeat(33)],
  ['a space', 'abc def'],
  ['a star', 'abc*def'],
];
export const OPENID: Faults = [
  ['129 characters', 'o'.repeat(129)],
  ['a space', 'o 1'],
  ['a line break', 'o\n'],
  ['Chinese', '微信'],
];
export const CLIENT_IP: Faults = [
  ['three numbers', '192.0.2'],
  ['a number above 255', '192.0.2.256'],
  ['a port', '192.0.2.1:80'],
  ['a zone', 'fe80::1%eth0'],
  ['two gaps', '::1::'],
  ['a name', 'localhost'],
  ['a space behind', '192.0.2.1 '],
];
const PAGE_SIZE: Faults = [['-1', -1]];
const PAGE_TOKEN: Faults = [
  ['no token', 'garbage'],
  ['513 characters', 'x'.repeat(513)],
];
export const TTL: Faults = [
  ['no time', { seconds: 0, nanos: 0 }],
  ['999 ms', { seconds: 0, nanos: 999_999_999 }],
  ['before now', { seconds: -60, nanos: 0 }],
  ['30 days and a second', { seconds: 30 * 86_400 + 1, nanos: 0 }],
];
export const ITEM = { requestId: 'b', userId: 'u', amount: 1 };
export const ITEMS: Faults = [
  ['none', []],
  ['1 001', Array.from({ length: 1_001 }, () => ConsumeQuotaRequest.create(ITEM))],
];
export const IDENTITY_HASHES: Faults = [['11', Array.from({ length: 11 }, (_, i) => `hash-${i}`)]];
export const UNKNOWN_ENUM: Faults = [
  ['99', 99],
  ['-1', -1],
];

export type Fields = Readonly<Record<string, unknown>>;

/** An RPC, a request that it takes, and what may be wrong with each field. */
export interface MalformedCalls {
  readonly rpc: string;
  readonly valid: (userId: string) => Fields;
  readonly faults: Readonly<Record<string, Faults>>;
  readonly send: (h: Harness, fields: Fields) => Promise<Reply<unknown>>;
}

export const order = { userId: ID, orderId: ORDER_ID };
export const paging = { pageSize: PAGE_SIZE, pageToken: PAGE_TOKEN };
export const NO_PROMOTION: Faults = [['nothing', undefined]];
export const anOrder = (userId: string): Fields => ({ userId, orderId: '01ARZ3NDEKTSV4RRFFQ69G5FAV' });

/** A method that keeps its client. */
export function bound<Client extends object, Name extends keyof Client>(client: Client, name: Name): Client[Name] {
  const method = client[name];
  if (typeof method !== 'function') throw new Error(`${String(name)} is not a method`);
  return method.bind(client) as Client[Name];
}
