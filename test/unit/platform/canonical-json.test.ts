import { canonicalJson } from '../../../src/platform/canonical-json';

/** What is signed must be one text, whoever writes it. */
describe('canonical JSON', () => {
  test('is one text for one value, whatever the order of keys', () => {
    const text = '{"10":1,"9":2,"A":[true,null,""],"a":{"b":"\\"","é":-1}}';
    expect(canonicalJson({ a: { é: -1, b: '"' }, A: [true, null, ''], 9: 2, 10: 1 })).toBe(text);
    expect(canonicalJson(JSON.parse(text) as never)).toBe(text);
  });

  test('writes no number that JSON would read differently', () => {
    expect(canonicalJson(Number.MAX_SAFE_INTEGER)).toBe('9007199254740991');
    for (const number of [0.1, Number.NaN, Infinity, 2 ** 53]) expect(() => canonicalJson([number])).toThrow();
  });
});
