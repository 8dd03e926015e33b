import { callerOf } from '../../../src/platform/rpc/identity';
import { LazyAbort } from '../../../src/platform/rpc/handler-context';
import { platformErrors } from '../../../src/platform/errors';

/** What a call keeps for later: a caller for its connection and for nothing else, and an abort until someone asks. */

function callWith(inner: object, names: readonly string[]) {
  const reads: string[] = [];
  const call = {
    ...inner,
    getPeer: () => '10.0.0.1:5000',
    getAuthContext: () => {
      const name = names[reads.length] ?? 'none';
      reads.push(name);
      return { sslPeerCertificate: { subjectaltname: `URI:spiffe://billing/finance/${name}` } };
    },
  };
  return { call, reads };
}

test.each([
  ['has no private field', {}],
  ['has no stream', { call: {} }],
  ['has a stream without a session', { call: { stream: {} } }],
  ['has a session that is no object', { call: { stream: { session: '10.0.0.1:5000' } } }],
  ['has a session without a TLS socket', { call: { stream: { session: { socket: {} } } } }],
])('when a call %s, the certificate is read each time', (_how, inner) => {
  const { call, reads } = callWith(inner, ['alice', 'bob']);
  expect(callerOf(call).name).toBe('alice');
  expect(callerOf(call).name).toBe('bob');
  expect(reads).toEqual(['alice', 'bob']);
});

test('a signal that is asked for after the call was stopped is aborted with the same reason', () => {
  const reason = platformErrors.CANCELLED();
  const abort = new LazyAbort();
  expect(abort.aborted).toBe(false);
  abort.abort(reason);
  abort.abort(platformErrors.DEADLINE_EXCEEDED());
  expect([abort.aborted, abort.reason]).toEqual([true, reason]);
  expect(abort.signal.aborted).toBe(true);
  expect(abort.signal.reason).toBe(reason);
  expect(abort.signal).toBe(abort.signal);
});
