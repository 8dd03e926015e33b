import type { DescMessage } from '@bufbuild/protobuf';
import { ACCESS_MATRIX, BILLING_RPCS, SENSITIVE_READS, type BillingRpc } from '../../src/access-matrix';
import { PEOPLE, ROLES } from '../../src/platform/calls';
import { protoRegistry, requestTypeOf } from '../../src/platform/rpc/descriptors';

/** Fields that say whose something is, or which order: whatever names one is somebody's. */
const NAMING = new Set(['user_id', 'order_id', 'openid', 'transaction_id']);

function responseTypeOf(rpc: string): DescMessage | undefined {
  const [service = '', method] = rpc.split('/');
  return protoRegistry.getService(service)?.methods.find(({ name }) => name === method)?.output;
}

/** Whether a message, or one within it, has a field that names a user or an order. */
function namesSomebody(message: DescMessage | undefined, seen = new Set<string>()): boolean {
  if (message === undefined || seen.has(message.typeName)) return false;
  seen.add(message.typeName);
  return message.fields.some(
    (field) => NAMING.has(field.name) || (field.message !== undefined && namesSomebody(field.message, seen)),
  );
}

const changes = (rpc: string): boolean =>
  requestTypeOf(rpc)?.fields.some(({ name }) => name === 'request_id') === true &&
  // Its request_id is the one that is asked about.
  rpc !== 'billing.v1.QuotaService/ExplainRequest';
const mayBeCalledByPeople = (rpc: BillingRpc): boolean => PEOPLE.some((role) => ACCESS_MATRIX[role].includes(rpc));

/** Issue 7: what people look at is written down. The list is compared with the messages themselves, so that no read is forgotten. */
describe('the list of sensitive reads', () => {
  const reads = BILLING_RPCS.filter((rpc) => !changes(rpc) && mayBeCalledByPeople(rpc));

  test('has every read of people that names a user or an order, and all of AuditService', () => {
    const needed = reads.filter(
      (rpc) =>
        rpc.startsWith('billing.v1.AuditService/') ||
        namesSomebody(requestTypeOf(rpc)) ||
        namesSomebody(responseTypeOf(rpc)),
    );
    expect(needed.length).toBeGreaterThan(15);
    expect(Object.keys(SENSITIVE_READS)).toEqual(expect.arrayContaining(needed));
  });

  test('has only reads that people may make', () => {
    expect(Object.keys(SENSITIVE_READS).filter((rpc) => !reads.includes(rpc as BillingRpc))).toEqual([]);
  });

  test.each(Object.entries(SENSITIVE_READS))('%s names its subject by a field of its request', (rpc, read) => {
    expect(read.subjectType).toMatch(/^[a-z_]{1,16}$/);
    const names = requestTypeOf(rpc)?.fields.map(({ localName }) => localName) ?? [];
    if ('subjectField' in read) expect(names).toContain(read.subjectField);
    // A list that can be narrowed to a user says so in the user's column; what has but one order or user names it.
    else expect(names).not.toContain('orderId');
    // The column of the log holds as much.
    expect(rpc.replace('billing.v1.', '').length).toBeLessThanOrEqual(64);
  });

  test('people are the roles that are not services', () => {
    expect(ROLES.filter((role) => !PEOPLE.includes(role))).toEqual(['ai-task-service', 'order-service']);
  });
});
