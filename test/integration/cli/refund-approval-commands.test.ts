import type { Identity } from '../../support/clients';
import { billingAs } from '../../support/command';
import { registerMember, startHarness, type Harness } from '../../support/harness';
import { untilRefunds } from '../../support/refund-calls';

/** Issue 7: two people of finance give money back by the command line. */

let h: Harness;
beforeAll(async () => {
  h = await startHarness({ REFUND_SECOND_PERSON_FEN: '9000' });
});
afterAll(() => h.stop());

const run = (identity: Identity, ...words: string[]) => billingAs(h, identity, ['--json', 'refund', ...words]);

async function json(identity: Identity, ...words: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await run(identity, ...words);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Record<string, unknown>;
}

async function propose(): Promise<{ userId: string; orderId: string; refundId: string }> {
  const member = await registerMember(h);
  const made = await json('finance', 'create', member.userId, member.orderId, '--reason', '客户投诉');
  expect(made).toMatchObject({ status: 'PROPOSED', decision: '', requested_by: 'spiffe://billing/finance/finance' });
  return { ...member, refundId: String(made['refund_id']) };
}

test('billing refund pending shows what waits, and approve has it sent, by another person only', async () => {
  const { userId, orderId, refundId } = await propose();
  expect(await json('auditor', 'pending')).toMatchObject([
    { refund: refundId, user: userId, order: orderId, amount_fen: 9_900, reason: '客户投诉' },
  ]);
  const own = await run('finance', 'approve', refundId);
  expect(own.code).toBe(1);
  expect(JSON.parse(own.stderr)).toMatchObject({ reason: 'SECOND_PERSON_REQUIRED' });
  const words = ['approve', refundId, '--request-id', 'a-1'];
  expect(await json('finance-2', ...words)).toMatchObject({
    ...{ request_id: 'a-1', replayed: false, refund_id: refundId, decision: 'APPROVED', order_id: orderId },
  });
  await untilRefunds(h, orderId, ['succeeded']);
  expect(await json('finance-2', ...words)).toMatchObject({
    replayed: true,
    status: 'SUCCEEDED',
    refunded_amount: 9_900,
  });
  expect(await json('auditor', 'pending')).toEqual([]);
});

test('billing refund reject says why, and needs a reason', async () => {
  const { refundId } = await propose();
  expect((await run('finance-2', 'reject', refundId)).code).toBe(1);
  expect(await json('finance-2', 'reject', refundId, '--reason', '金额有误')).toMatchObject({
    ...{ status: 'CLOSED', decision: 'REJECTED', decision_reason: '金额有误', order_status: 'PAID' },
  });
});
