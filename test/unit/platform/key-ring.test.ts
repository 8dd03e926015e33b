import { randomBytes } from 'node:crypto';
import { createFieldCipher, keyIdOf } from '../../../src/platform/crypto/field-cipher';
import { createKeyRing } from '../../../src/platform/crypto/key-ring';

const k1 = { id: 'k1', key: randomBytes(32) };
const k2 = { id: 'k2', key: randomBytes(32) };
const place = { table: 'order_payers', column: 'sealed_payer', primaryKey: '1' };

/** R11.2: keys change while the process runs, for every cipher of it at once. */
describe('the ring of data keys', () => {
  test('that was replaced is used by ciphers that were made before', () => {
    const ring = createKeyRing([k1]);
    const [writer, reader] = [createFieldCipher(ring), createFieldCipher(ring)];
    const before = writer.encrypt('payer', place);
    ring.replace([k2, k1]);
    const after = writer.encrypt('payer', place);
    expect([keyIdOf(before), keyIdOf(after)]).toEqual(['k1', 'k2']);
    expect([reader.decrypt(before, place), reader.decrypt(after, place)]).toEqual(['payer', 'payer']);
    expect(ring.ids()).toEqual(['k2', 'k1']);
  });

  test('no longer opens what a key sealed that was taken out', () => {
    const ring = createKeyRing([k1]);
    const cipher = createFieldCipher(ring);
    const sealed = cipher.encrypt('payer', place);
    ring.replace([k2]);
    expect(() => cipher.decrypt(sealed, place)).toThrow('key_unknown');
  });

  test('looks at its source before it gives a key up: another process may seal with a newer ring already', () => {
    const ring = createKeyRing([k1]);
    let looks = 0;
    ring.refreshFrom(() => {
      looks += 1;
      ring.replace([k2, k1]);
    });
    const sealed = createFieldCipher([k2, k1]).encrypt('payer', place);
    expect(createFieldCipher(ring).decrypt(sealed, place)).toBe('payer');
    expect(looks).toBe(1);
    expect(ring.find('k3')).toBeUndefined();
    expect(looks).toBe(2);
  });

  test.each([
    ['no key', []],
    ['an id twice', [k1, { ...k2, id: 'k1' }]],
    ['a key twice', [k1, { ...k1, id: 'k2' }]],
    ['a short key', [{ id: 'k1', key: randomBytes(31) }]],
    ['an id that is none', [{ ...k1, id: 'K 1' }]],
  ])('refuses %s, and stays as it was', (_what, keys) => {
    const ring = createKeyRing([k1]);
    expect(() => ring.replace(keys)).toThrow();
    expect(ring.ids()).toEqual(['k1']);
    expect(() => createKeyRing(keys)).toThrow();
  });

  test.each([
    ['that is in it', [{ id: 'k1', key: randomBytes(32) }]],
    ['that was taken out', [k2, { id: 'k0', key: randomBytes(32) }]],
  ])('refuses other bytes under an id %s, and stays as it was', (_where, keys) => {
    const k0 = { id: 'k0', key: randomBytes(32) };
    const ring = createKeyRing([k1, k0]);
    const cipher = createFieldCipher(ring);
    const sealed = cipher.encrypt('payer', place);
    ring.replace([k2, k1]);
    expect(() => ring.replace(keys)).toThrow('has other bytes than before: a new key needs a new id');
    expect(ring.ids()).toEqual(['k2', 'k1']);
    expect(cipher.decrypt(sealed, place)).toBe('payer');
    ring.replace([k1, k0]);
    expect(ring.ids()).toEqual(['k1', 'k0']);
  });

  test('names no key of what is no sealed value', () => {
    expect(keyIdOf(Buffer.from('forged'))).toBe('');
    expect(keyIdOf(Buffer.alloc(0))).toBe('');
  });
});
