import { firstAttemptTime } from '../../../src/payment/open-refund';
import { nextAttemptAfter } from '../../../src/refund/refund-pace';

const at = (seconds: number): Date => new Date(Date.UTC(2026, 0, 1) + seconds * 1_000);

/** WeChat Pay wants a minute between two refunds of one order, and hears of the first a little later. */
describe('a refund is first sent', () => {
  test.each([
    ['at once when it is the only one', [], 0, 0],
    ['at once when the one before was opened long enough ago', [0], 65, 65],
    ['a minute and a little after the one before', [0], 10, 65],
    ['after all that wait before it, as far apart', [0, 1, 2], 3, 195],
    ['that long after the last, however long the first are gone', [0, 600], 610, 665],
  ])('%s', (_title, earlier, now, first) => {
    expect(firstAttemptTime(earlier.map(at), at(now))).toEqual(at(first));
  });
});

describe('a refund whose outcome is not known is asked about again', () => {
  test.each([
    [0, 15],
    [1, 15],
    [2, 30],
    [3, 60],
    [8, 1_920],
    [9, 3_600],
    [10, 3_600],
    [1_000, 3_600],
  ])('after %i attempts in %i s', (attempts, seconds) => {
    expect(nextAttemptAfter(attempts, at(0))).toEqual(at(seconds));
  });
});
