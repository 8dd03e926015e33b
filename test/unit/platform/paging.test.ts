import { DomainError } from '../../../src/platform/errors';
import { cutPage, POSITION_KEY, readPageToken } from '../../../src/platform/paging';

const FILTERS = { userId: 'u-1', type: 'CONSUME', startTime: undefined, endTime: undefined };
const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);
const tokenAfter = (key: string): string => cutPage([1, 2], 1, FILTERS, () => key).nextPageToken;

function refusalOf(token: string, filters: Readonly<Record<string, unknown>> = FILTERS): unknown {
  try {
    return readPageToken(token, filters);
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return { reason: error.reason, fields: error.fieldViolations.map(({ field }) => field) };
  }
}

const REFUSED = { reason: 'INVALID_REQUEST', fields: ['page_token'] };

describe('a page', () => {
  test('names its last row, and the token gives that row back under the same filters', () => {
    const page = cutPage(numbers(4), 3, FILTERS, String);
    expect(page.rows).toEqual([1, 2, 3]);
    expect(readPageToken(page.nextPageToken, FILTERS)).toBe('3');
  });

  test('that has no row after it has no token', () => {
    expect(cutPage(numbers(3), 3, FILTERS, String)).toEqual({ rows: [1, 2, 3], nextPageToken: '' });
    expect(cutPage([], 3, FILTERS, String)).toEqual({ rows: [], nextPageToken: '' });
  });
});

describe('a page token', () => {
  test('that is empty means the first page', () => {
    expect(readPageToken('', FILTERS)).toBeUndefined();
  });

  test.each([
    ['another user', { ...FILTERS, userId: 'u-2' }],
    ['another type', { ...FILTERS, type: 'REFUND' }],
    ['a time', { ...FILTERS, startTime: new Date(0) }],
    ['another list', { list: 'plans' }],
  ])('of a list is refused by the list with %s', (_what, filters) => {
    expect(refusalOf(tokenAfter('7'), filters)).toEqual(REFUSED);
  });

  test.each([
    ['is not base64', '!!!'],
    ['is base64 of something else', Buffer.from('hello').toString('base64url')],
    ['has lost its end', tokenAfter('7').slice(0, -3)],
    ['names no row', tokenAfter('')],
    ['names a row that is not printable ASCII', tokenAfter('7\u0000')],
    ['names a row in another script', tokenAfter('订单')],
    ['names a row longer than any key', tokenAfter('7'.repeat(65))],
  ])('that %s is refused', (_what, token) => {
    expect(refusalOf(token)).toEqual(REFUSED);
  });

  test.each(['a', '-1', '0', '1.5', '1e3', '9'.repeat(16), 'NaN', ''])('of a log never names the row %j', (key) => {
    expect(() => readPageToken(tokenAfter(key), FILTERS, POSITION_KEY)).toThrow(DomainError);
    expect(readPageToken(tokenAfter('12'), FILTERS, POSITION_KEY)).toBe('12');
  });
});
