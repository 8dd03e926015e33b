import { status } from '@grpc/grpc-js';
import { ErrorInfo } from '../../../src/gen/google/rpc/error_details.pb';
import { Status } from '../../../src/gen/google/rpc/status.pb';
import { platformErrors } from '../../../src/platform/errors';
import { callerFromSubjectAltNames } from '../../../src/platform/rpc/identity';
import { refusalOf, statusOf } from '../../../src/platform/rpc/status';

/** Details of a refusal are exact, and small enough for any client's headers whatever a request held. */

test('a status carries exactly one ErrorInfo, and no more than it needs', () => {
  const { code, metadata } = statusOf(platformErrors.CALLER_NOT_ALLOWED({ metadata: { rpc: 'a.B/C' } }));
  const decoded = Status.decode(metadata.get('grpc-status-details-bin')[0] as Buffer);
  expect(code).toBe(status.PERMISSION_DENIED);
  expect(decoded.code).toBe(status.PERMISSION_DENIED);
  expect(decoded.details.map(({ typeUrl }) => typeUrl)).toEqual(['type.googleapis.com/google.rpc.ErrorInfo']);
  expect(ErrorInfo.decode(decoded.details[0]?.value ?? Buffer.alloc(0))).toEqual({
    reason: 'CALLER_NOT_ALLOWED',
    domain: 'billing-guard',
    metadata: { rpc: 'a.B/C' },
  });
});

test('details stay below 8 KiB of headers', () => {
  const long = 'x'.repeat(10_000);
  const many = Array.from({ length: 1_000 }, (_, index) => ({ field: `items[${index}].${long}`, description: long }));
  const metadata = Object.fromEntries(many.map(({ field }) => [field, long]));
  const refusal = platformErrors.INVALID_REQUEST({ metadata, fieldViolations: many });
  const [bytes] = statusOf(refusal).metadata.get('grpc-status-details-bin');
  expect((bytes as Buffer).toString('base64').length).toBeLessThan(8_192);
});

test('what is no refusal becomes INTERNAL and keeps its cause for the log', () => {
  const fault = new RangeError('bug');
  expect(refusalOf(fault)).toMatchObject({ reason: 'INTERNAL', cause: fault });
});

test.each([
  ['undefined', undefined],
  ['an empty list', ''],
  ['a quoted entry that hides another', 'DNS:"x, URI:spiffe://billing/finance/evil"'],
  ['a quoted URI', 'URI:"spiffe://billing/finance/a,b"'],
  ['a name of 65 characters', `URI:spiffe://billing/finance/${'a'.repeat(65)}`],
  ['an empty name', 'URI:spiffe://billing/finance/'],
  ['a line break after the name', 'URI:spiffe://billing/finance/a\n'],
  ['the system role', 'URI:spiffe://billing/system/billing-guard'],
])('subject alternative names of %s are nobody', (_what, names) => {
  expect(callerFromSubjectAltNames(names)).toBeUndefined();
});
