import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { createFieldCipher } from '../../../src/platform/crypto/field-cipher';

const first = { id: 'k1', key: randomBytes(32) };
const second = { id: 'k2', key: randomBytes(32) };
const place = { table: 'payment_inbox', column: 'body', primaryKey: '42' };

test('every text is read back, and never sealed to the same bytes twice', () => {
  const cipher = createFieldCipher([first]);
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string(), (plaintext, primaryKey) => {
      const sealed = cipher.encrypt(plaintext, { ...place, primaryKey });
      expect(cipher.decrypt(sealed, { ...place, primaryKey })).toBe(plaintext);
      expect(cipher.encrypt(plaintext, { ...place, primaryKey }).equals(sealed)).toBe(false);
    }),
  );
});

test('the layout is the documented one: 48 bytes for 16 digits under a key id of 2', () => {
  const sealed = createFieldCipher([first]).encrypt('6225888888888888', place);
  expect(sealed).toHaveLength(1 + 1 + 2 + 12 + 16 + 16);
  expect([...sealed.subarray(0, 4)]).toEqual([1, 2, ...Buffer.from('k1')]);
});

test('any flipped bit is refused', () => {
  const cipher = createFieldCipher([first, second]);
  const sealed = cipher.encrypt('openid-of-somebody', place);
  for (let bit = 0; bit < sealed.length * 8; bit += 1) {
    const altered = Buffer.from(sealed);
    altered[bit >> 3] = altered[bit >> 3]! ^ (1 << (bit & 7));
    expect(() => cipher.decrypt(altered, place)).toThrow(/can not be opened/);
  }
});

test('every shortened value is refused', () => {
  const cipher = createFieldCipher([first]);
  const sealed = cipher.encrypt('x', place);
  for (let length = 0; length < sealed.length; length += 1) {
    expect(() => cipher.decrypt(sealed.subarray(0, length), place)).toThrow(/can not be opened/);
  }
});

test.each([
  ['another table', { table: 'orders' }],
  ['another column', { column: 'head' }],
  ['another row', { primaryKey: '43' }],
])('a value moved to %s does not open', (_, change) => {
  const cipher = createFieldCipher([first]);
  const sealed = cipher.encrypt('text', place);
  expect(() => cipher.decrypt(sealed, { ...place, ...change })).toThrow(
    expect.objectContaining({ fault: 'authentication' }),
  );
});

test('rotation: a new first key seals, the old one still opens, a key that left the ring does not', () => {
  const old = createFieldCipher([first]).encrypt('text', place);
  const rotated = createFieldCipher([second, first]);
  expect(rotated.decrypt(old, place)).toBe('text');
  const fresh = rotated.encrypt('text', place);
  expect(fresh.toString('latin1', 2, 4)).toBe('k2');
  expect(() => createFieldCipher([first]).decrypt(fresh, place)).toThrow(
    expect.objectContaining({ fault: 'key_unknown' }),
  );
});

test('a ring is refused that is empty, repeats an id or a key, or holds a malformed one', () => {
  expect(() => createFieldCipher([])).toThrow(/empty/);
  expect(() => createFieldCipher([first, { ...second, id: 'k1' }])).toThrow(/id is given twice/);
  expect(() => createFieldCipher([first, { ...first, id: 'k2' }])).toThrow(/key is given twice/);
  expect(() => createFieldCipher([{ id: 'k1', key: randomBytes(16) }])).toThrow(/not well-formed/);
  expect(() => createFieldCipher([{ ...first, id: 'K1' }])).toThrow(/not well-formed/);
});
