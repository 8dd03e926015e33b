import { randomBytes } from 'node:crypto';
import { createBlindIndex } from '../../../src/platform/crypto/blind-index';

const KEY = Buffer.from(Array.from({ length: 32 }, (_, i) => i));
const indexOf = createBlindIndex(KEY, 'user_identities');

/** R1.3, R12: a value is found again by its index, and the index tells nothing without the key. */
describe('a blind index', () => {
  test('is the documented function of key, purpose and value: computed apart with HKDF and HMAC of Python', () => {
    expect(indexOf('a value').toString('hex')).toBe('66c47a217c4b8fed1feb8631aeb091004763302d48fcb3b0b42f1f63ea763229');
    expect(indexOf('手机').toString('hex')).toBe('a693695557bfac430b3468cdef41334e8b89875438d704c799783075c9003f75');
  });

  test('of the same value is the same, of another is another, and always has 32 bytes', () => {
    const again = createBlindIndex(Buffer.from(KEY), 'user_identities');
    const values = ['', ' ', 'a', 'A', 'a ', 'x'.repeat(1_000)];
    expect(values.map((value) => again(value))).toEqual(values.map((value) => indexOf(value)));
    expect(new Set(values.map((value) => indexOf(value).toString('hex'))).size).toBe(values.length);
    expect(new Set(values.map((value) => indexOf(value).length))).toEqual(new Set([32]));
  });

  test('of another purpose or under another key can not be compared', () => {
    const others = [createBlindIndex(KEY, 'other'), createBlindIndex(randomBytes(32), 'user_identities')];
    for (const other of others) expect(other('a value')).not.toEqual(indexOf('a value'));
  });

  test('is not made with a key of another length, nor for a purpose that is no name', () => {
    expect(() => createBlindIndex(randomBytes(31), 'user_identities')).toThrow(/32 bytes/);
    expect(() => createBlindIndex(KEY, '')).toThrow(/plain name/);
    expect(() => createBlindIndex(KEY, 'a: b')).toThrow(/plain name/);
  });
});
