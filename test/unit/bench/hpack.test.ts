import { HpackDecoder } from '../../../bench/load/hpack/decoder';
import { HpackEncoder } from '../../../bench/load/hpack/encoder';
import { HeaderTable, type Header } from '../../../bench/load/hpack/header-table';
import { decodeHuffman } from '../../../bench/load/hpack/huffman';

/** The load generator of the benchmark reads and writes header blocks by hand. Vectors: RFC 7541, appendix C. */

function bytesOf(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(' ', ''), 'hex');
}

function decode(decoder: HpackDecoder, hex: string): readonly Header[] {
  const bytes = bytesOf(hex);
  const headers: Header[] = [];
  decoder.decode(bytes, 0, bytes.length, (name, value) => headers.push([name, value]));
  return headers;
}

const REQUESTS: readonly (readonly Header[])[] = [
  [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/'],
    [':authority', 'www.example.com'],
  ],
  [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/'],
    [':authority', 'www.example.com'],
    ['cache-control', 'no-cache'],
  ],
  [
    [':method', 'GET'],
    [':scheme', 'https'],
    [':path', '/index.html'],
    [':authority', 'www.example.com'],
    ['custom-key', 'custom-value'],
  ],
];

/** C.3: without Huffman coding, which is how the encoder writes. */
const PLAIN_REQUESTS = [
  '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
  '8286 84be 5808 6e6f 2d63 6163 6865',
  '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
];

/** C.4: the same with Huffman coding. */
const HUFFMAN_REQUESTS = [
  '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
  '8286 84be 5886 a8eb 1064 9cbf',
  '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
];

const RESPONSES: readonly (readonly Header[])[] = [
  [
    [':status', '302'],
    ['cache-control', 'private'],
    ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'],
    ['location', 'https://www.example.com'],
  ],
  [
    [':status', '307'],
    ['cache-control', 'private'],
    ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'],
    ['location', 'https://www.example.com'],
  ],
  [
    [':status', '200'],
    ['cache-control', 'private'],
    ['date', 'Mon, 21 Oct 2013 20:13:22 GMT'],
    ['location', 'https://www.example.com'],
    ['content-encoding', 'gzip'],
    ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'],
  ],
];

/** C.6: Huffman coding, and a table of 256 bytes that must forget. */
const HUFFMAN_RESPONSES = [
  '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
  '4883 640e ffc1 c0bf',
  '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
];

describe('HPACK', () => {
  test('the encoder writes requests as C.3 does', () => {
    const encoder = new HpackEncoder();
    expect(REQUESTS.map((headers) => encoder.encode(headers))).toEqual(PLAIN_REQUESTS.map(bytesOf));
  });

  test('a block that was written before is one byte a field', () => {
    const encoder = new HpackEncoder();
    const headers: Header[] = [
      [':path', '/billing.v1.QuotaService/ConsumeQuota'],
      ['grpc-timeout', '10S'],
    ];
    encoder.encode(headers);
    expect(encoder.encode(headers)).toEqual(Buffer.from([0x80 | 63, 0x80 | 62]));
  });

  test.each([
    ['C.3', PLAIN_REQUESTS],
    ['C.4', HUFFMAN_REQUESTS],
  ])('the decoder reads the requests of %s', (_, blocks) => {
    const decoder = new HpackDecoder();
    expect(blocks.map((block) => decode(decoder, block))).toEqual(REQUESTS);
    expect(decoder.dynamicEntries).toEqual([
      ['custom-key', 'custom-value'],
      ['cache-control', 'no-cache'],
      [':authority', 'www.example.com'],
    ]);
  });

  test('the decoder reads the responses of C.6 and forgets what its table has no room for', () => {
    const decoder = new HpackDecoder(256);
    expect(HUFFMAN_RESPONSES.map((block) => decode(decoder, block))).toEqual(RESPONSES);
    expect(decoder.dynamicEntries.map(([name]) => name)).toEqual(['set-cookie', 'content-encoding', 'date']);
  });

  test('literals that enter no table are read (C.2.2, C.2.3)', () => {
    const decoder = new HpackDecoder();
    expect(decode(decoder, '040c 2f73 616d 706c 652f 7061 7468')).toEqual([[':path', '/sample/path']]);
    expect(decode(decoder, '1008 7061 7373 776f 7264 0673 6563 7265 74')).toEqual([['password', 'secret']]);
    expect(decoder.dynamicEntries).toEqual([]);
  });

  test('the table follows a change of its size, up to what was allowed', () => {
    const decoder = new HpackDecoder();
    decode(decoder, PLAIN_REQUESTS[0] ?? '');
    expect(decode(decoder, '20')).toEqual([]);
    expect(decoder.dynamicEntries).toEqual([]);
    expect(() => decode(decoder, '3fe2 1f')).toThrow('may not become so large');
  });

  test('the static table ends with www-authenticate', () => {
    const table = new HeaderTable();
    expect(table.at(1)).toEqual([':authority', '']);
    expect(table.at(16)).toEqual(['accept-encoding', 'gzip, deflate']);
    expect(table.at(61)).toEqual(['www-authenticate', '']);
    expect(() => table.at(62)).toThrow('there is no field 62');
  });

  test.each([
    ['an index that is not there', 'be', 'there is no field 62'],
    ['a string that goes beyond its block', '0005 61', 'goes beyond its block'],
    ['a block that ends within a number', '3f', 'ends too early'],
    ['padding of zeros', '0081 00', 'wrong padding'],
  ])('%s is refused', (_, block, problem) => {
    expect(() => decode(new HpackDecoder(), block)).toThrow(problem);
  });

  test('the end mark within a string is refused', () => {
    expect(() => decodeHuffman(bytesOf('ffff ffff'), 0, 4)).toThrow('end mark');
  });
});
