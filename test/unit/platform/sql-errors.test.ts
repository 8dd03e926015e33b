import {
  isDatabaseUnavailable,
  isDuplicateKey,
  isPoolExhausted,
  retryableErrno,
} from '../../../src/platform/db/sql-errors';

/** Lesson 54: what may be run again is told apart from what may not. */
describe('what a driver error means', () => {
  test.each([
    ['a deadlock', 1213],
    ['a lock wait time-out', 1205],
    ['a changed snapshot', 1020],
  ])('%s (%i) may run again, as itself or wrapped by Objection', (_what, errno) => {
    expect(retryableErrno({ errno })).toBe(errno);
    expect(retryableErrno({ nativeError: { errno } })).toBe(errno);
    expect(isDatabaseUnavailable({ errno })).toBe(false);
  });

  test('a duplicate key is not run again and is not an outage', () => {
    const error = { nativeError: { errno: 1062 } };
    expect(isDuplicateKey(error)).toBe(true);
    expect(retryableErrno(error)).toBeUndefined();
    expect(isDatabaseUnavailable(error)).toBe(false);
  });

  test.each([
    ['a refused connection', { code: 'ECONNREFUSED' }],
    ['a lost connection', { code: 'PROTOCOL_CONNECTION_LOST' }],
    ['a fatal error of any kind', { errno: 1, fatal: true }],
    ['a killed query', { errno: 1317 }],
    ['a statement time-out of MariaDB', { errno: 1969 }],
    ['a statement time-out of MySQL', { errno: 3024 }],
    ['too many connections', { errno: 1040 }],
    ['a server going down', { errno: 1053 }],
    ['a read-only server', { errno: 1290 }],
  ])('%s is an outage', (_what, error) => {
    expect(isDatabaseUnavailable(error)).toBe(true);
  });

  test.each([
    ['a broken check', { errno: 4025 }],
    ['a trigger that refused', { errno: 1644 }],
    ['a missing privilege', { errno: 1142 }],
    ['a fault of ours', new TypeError('x')],
    ['nothing', undefined],
    ['a text', 'ECONNREFUSED'],
  ])('%s is neither an outage nor to be run again', (_what, error) => {
    expect(isDatabaseUnavailable(error)).toBe(false);
    expect(retryableErrno(error)).toBeUndefined();
    expect(isDuplicateKey(error)).toBe(false);
  });

  test("knex's time-out without a free connection is known by its name", () => {
    expect(isPoolExhausted(Object.assign(new Error('x'), { name: 'KnexTimeoutError' }))).toBe(true);
    expect(isPoolExhausted(new Error('x'))).toBe(false);
  });
});
