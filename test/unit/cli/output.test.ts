import { createOutput, type Output } from '../../../src/cli/output';

/** What `show` writes to standard output. */
function written(show: (output: Output) => void, isJson: boolean): string {
  const write = jest.spyOn(process.stdout, 'write').mockReturnValue(true);
  try {
    show(createOutput(isJson));
    return write.mock.calls.map(([text]) => String(text)).join('');
  } finally {
    write.mockRestore();
  }
}

const expires = new Date('2026-02-01T00:00:00Z');
const showQuota = (output: Output): void =>
  output.recordWithRows({ user_id: 'alice', quota_remaining: 7 }, 'grants', ['grant', 'expires'], [[1, expires]]);

describe('the command line prints one JSON document with --json, so that a program can read it', () => {
  test('a thing with its rows is one object that holds the rows by name', () => {
    expect(JSON.parse(written(showQuota, true))).toEqual({
      user_id: 'alice',
      quota_remaining: 7,
      grants: [{ grant: 1, expires: '2026-02-01T00:00:00.000Z' }],
    });
  });

  test('rows are an array, and none is an empty one', () => {
    const headings = ['order', 'final fen'];
    const rows = (cells: (string | number)[][]) => written((output) => output.rows(headings, cells), true);
    expect(JSON.parse(rows([['o-1', 9900]]))).toEqual([{ order: 'o-1', final_fen: 9900 }]);
    expect(JSON.parse(rows([]))).toEqual([]);
  });
});

test('for people the same is two tables', () => {
  const text = written(showQuota, false);
  expect(text).toContain('alice');
  expect(text).toContain('2026-02-01T00:00:00.000Z');
});
