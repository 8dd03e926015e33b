import { platformErrors } from '../../../src/platform/errors';
import { createLogger } from '../../../src/platform/log';

/** A log line is JSON, says which role wrote it, and holds no secret and no statement. */

function capture() {
  const lines: string[] = [];
  const log = createLogger({ level: 'info', role: 'rpc', destination: { write: (line) => void lines.push(line) } });
  return { log, last: () => JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown>, lines };
}

test('a line names level, service, role and time', () => {
  const { log, last, lines } = capture();
  log.debug('not written');
  log.info({ orderId: 'o-1' }, 'paid');
  expect(lines).toHaveLength(1);
  expect(last()).toMatchObject({ level: 'info', service: 'billing-guard', role: 'rpc', orderId: 'o-1', msg: 'paid' });
  expect(last()['time']).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
});

test.each(['authorization', 'password', 'key', 'apiv3Key', 'openid', 'body', 'token', 'databaseUrl'])(
  '%s is redacted, at the top and at any depth, in lists and in what children are bound to',
  (name) => {
    const { log, last } = capture();
    const child = log.child({ rpc: 'x' }).child({ [name]: 'hush-0' });
    const deep = { one: { two: { three: { four: { [name]: 'hush-4' } } } } };
    child.info({ [name]: 'hush-1', config: { [name]: 'hush-2' }, list: [{ [name]: 'hush-3' }], deep, kept: { a: 1 } });
    expect(JSON.stringify(last())).not.toContain('hush');
    expect(last()).toMatchObject({ rpc: 'x', kept: { a: 1 }, config: { [name]: '[redacted]' } });
  },
);

test('an error tells name, reason, code, frames and its causes', () => {
  const { log, last } = capture();
  const cause = Object.assign(new Error('connection lost'), { code: 'ECONNRESET' });
  log.error({ err: platformErrors.DATABASE_UNAVAILABLE({ cause }) });
  const err = last()['err'] as Record<string, unknown>;
  expect(err).toMatchObject({ name: 'DomainError', reason: 'DATABASE_UNAVAILABLE', code: 'UNAVAILABLE' });
  expect(err['cause']).toMatchObject({ message: 'connection lost', code: 'ECONNRESET' });
  expect(err['stack']).toMatch(/^\s+at /);
});

test("a database error's statement and its values stay out, in message, stack and fields", () => {
  const { log, last } = capture();
  const statement = "insert into users (openid) values ('o-secret')";
  const error = Object.assign(new Error(`${statement} - Duplicate entry`), {
    code: 'ER_DUP_ENTRY',
    sql: statement,
    sqlMessage: 'Duplicate entry for key uk_user',
  });
  log.error({ err: error });
  expect(JSON.stringify(last())).not.toContain('o-secret');
  expect(last()['err']).toMatchObject({ code: 'ER_DUP_ENTRY', message: 'Duplicate entry for key uk_user' });
});

test('what is thrown without being an Error is not printed', () => {
  const { log, last } = capture();
  log.error({ err: 'a secret string' });
  expect(JSON.stringify(last())).not.toContain('secret');
});
