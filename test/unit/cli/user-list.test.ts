import { parseUserList } from '../../../src/cli/user-list';

/** A wrong line is told before anybody gets anything. */
describe('a list of users', () => {
  test('names each once, in its order, whatever ends its lines', () => {
    expect(parseUserList('\ufeffu-1\r\nu-2\n\nu 3\nu-1\n')).toEqual({
      userIds: ['u-1', 'u-2', 'u 3'],
      faultyLines: [],
    });
    expect(parseUserList('')).toEqual({ userIds: [], faultyLines: [] });
    expect(parseUserList('u-1')).toEqual({ userIds: ['u-1'], faultyLines: [] });
  });

  test('tells which lines hold no id', () => {
    const text = ['u-1', ' u-2', 'u-3 ', '用户', 'x'.repeat(65), 'x'.repeat(64), 'a\tb'].join('\n');
    expect(parseUserList(text)).toEqual({ userIds: ['u-1', 'x'.repeat(64)], faultyLines: [2, 3, 4, 5, 7] });
  });
});
