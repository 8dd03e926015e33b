import { insertRows, literal, valuesTable } from '../../../src/platform/db/sql-text';

/** What every value of a hand-made statement goes through; the round trip is in test/integration/platform/sql-text. */
describe('a value as SQL text', () => {
  test.each([
    ['a plain word', 'task-1', "'task-1'"],
    ['a quote', "it's", String.raw`'it\'s'`],
    ['a backslash', 'a\\', String.raw`'a\\'`],
    ['a backslash and a quote', "\\'", String.raw`'\\\''`],
    ['a double quote', '"', String.raw`'\"'`],
    ['a line break', 'a\nb', String.raw`'a\nb'`],
    ['a trailing line break', 'a\n', String.raw`'a\n'`],
    ['a zero byte', 'a\0b', String.raw`'a\0b'`],
    ['an end of file', 'a\x1ab', String.raw`'a\Zb'`],
    ['an emoji', '👕', "'👕'"],
    ['nothing', '', "''"],
    ['a comment', '-- x', "'-- x'"],
    ['a question mark', '?', "'?'"],
    ['null', null, 'NULL'],
    ['a number', -7, '-7'],
    ['the largest number', Number.MAX_SAFE_INTEGER, '9007199254740991'],
    ['an instant', new Date('2026-01-10T04:00:00.007Z'), "'2026-01-10 04:00:00.007'"],
    ['bytes', Buffer.from([0, 39, 92, 255]), "X'00275cff'"],
  ])('%s is quoted', (_what, value, sql) => {
    expect(literal(value)).toBe(sql);
  });

  test.each([Number.MAX_SAFE_INTEGER + 1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])(
    '%p is refused: it is no integer that a number holds',
    (value) => {
      expect(() => literal(value)).toThrow(RangeError);
      expect(() => valuesTable({ n: 'integer' }, [[value]])).toThrow(RangeError);
    },
  );

  test('an instant that is none is refused', () => {
    expect(() => literal(new Date(Number.NaN))).toThrow(RangeError);
  });
});

describe('statements of many rows', () => {
  test('name their columns in the order of the values', () => {
    const rows = [
      ['a', 1],
      ["b'", null],
    ] as const;
    expect(insertRows('t', ['id', 'n'], rows)).toBe(String.raw`INSERT INTO t (id,n) VALUES ('a',1),('b\'',NULL)`);
  });

  test('as a table of values quote the JSON as a whole', () => {
    const row = ['x\'"\\', 1] as const;
    const sql = valuesTable({ id: 'id', n: 'integer' }, [row, row]);
    const json = String.raw`[\"x\'\\\"\\\\\",1]`;
    expect(sql).toContain(`JSON_TABLE('[${json},${json}]'`);
    expect(sql).toContain("n BIGINT PATH '$[1]'");
  });

  test('as a table of one row are constants of the types of their columns', () => {
    const row = ['x\'"\\', 1, Buffer.from([10]), new Date('2026-01-02T03:04:05.006Z'), null];
    const columns = { id: 'id', n: 'integer', hash: 'hash', time: 'instant', none: 'word' } as const;
    expect(valuesTable(columns, [row])).toBe(
      String.raw`(SELECT _ascii'x\'\"\\' AS id, 1 AS n, _ascii'0a' AS hash, '2026-01-02 03:04:05.006' AS time, NULL AS none) k`,
    );
  });
});
