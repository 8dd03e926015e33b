import type { RowDataPacket } from 'mysql2/promise';
import { verifyLedgerOf } from '../../../src/cli/verify-ledger';
import { RefundDecision, RefundStatus } from '../../../src/gen/billing/v1/order_service.pb';
import { monotonicMs } from '../../../src/platform/clock';
import { mustSucceed, type Identity, type Reply } from '../../support/clients';
import { consume, newId, registerMember, registerUser, startHarness, until, type Harness } from '../../support/harness';
import { brokenInvariants, INVARIANTS } from '../../support/invariants';
import { createOrderCall } from '../../support/order-calls';
import { getQuota } from '../../support/quota-calls';
import {
  approveRefundCall,
  listProposedCall,
  quoteRefundCall,
  readAlertWords,
  readRefundRows,
  refundOf,
  refundOrderCall,
  rejectRefundCall,
  untilRefunds,
} from '../../support/refund-calls';
import { openPlan, upgradeCall } from '../../support/upgrade-calls';
import { expectBalanced, readUserRows } from '../../support/user-rows';

/** Issue 7, R7: money that goes back by hand needs a second person beyond ¥100 of an order, or ¥2 000 of one's day. */

const DAY_MS = 86_400_000;
const DEAR = 19_900;

let h: Harness;
beforeAll(async () => {
  const limits = { REFUND_SECOND_PERSON_FEN: '10000', REFUNDS_ALONE_PER_DAY_FEN: '200000' };
  h = await startHarness(limits);
});
afterAll(() => h.stop());

/** A member of a plan that costs ¥199: 1 510 units. */
async function dearMember(): Promise<{ userId: string; orderId: string }> {
  const userId = await registerUser(h);
  const planId = await openPlan(h, { price: DEAR });
  const { order } = await mustSucceed(createOrderCall(h, { userId, planId }));
  const orderId = order?.orderId ?? '';
  await h.control('/_control/pay', { order_id: orderId });
  return { userId, orderId };
}

async function propose(as: Identity = 'finance') {
  const member = await dearMember();
  const answer = await mustSucceed(refundOrderCall(h, member, as));
  expect(answer.refund?.status).toBe(RefundStatus.PROPOSED);
  return { ...member, refundId: answer.refund?.refundId ?? '' };
}

/** What WeChat Pay has given back of an order. */
const givenBack = async (orderId: string): Promise<number> => {
  const answer = await fetch(`${h.simulatorUrl}/_control/orders/${orderId}`);
  return ((await answer.json()) as { refunded_amount: number }).refunded_amount;
};
/** All that is written about a refund, its order and its user, and what WeChat Pay knows. */
const stateOf = async ({ userId, orderId, refundId }: Record<'userId' | 'orderId' | 'refundId', string>) => ({
  rows: await readUserRows(h.db, userId),
  quota: await getQuota(h, userId),
  alerts: await readAlertWords(h, refundId),
  events: await eventsOf(refundId),
  givenBack: await givenBack(orderId),
});
const actionsOf = async (refundId: string): Promise<string[]> => {
  const sql = 'SELECT action, actor FROM audit_logs WHERE subject_id = ? ORDER BY id';
  const rows = await h.db.query(sql, [refundId]);
  return rows.map(({ action, actor }) => `${String(action)} ${String(actor).split('/').slice(-2).join('/')}`);
};
const eventsOf = async (refundId: string): Promise<string[]> => {
  const rows = await h.db.query('SELECT type FROM outbox WHERE payload LIKE ? ORDER BY id', [`%${refundId}%`]);
  return rows.map(({ type }) => String(type)).filter((type) => type.startsWith('refund.'));
};
const reasonOf = (reply: Reply<unknown>): string => (reply.ok ? 'ok' : reply.reason);

describe('a refund that one person may make alone', () => {
  test('of a month for ¥99 is sent at once, as ever', async () => {
    const member = await registerMember(h);
    const refund = await refundOf(h, member);
    expect(refund).toMatchObject({ amount: 9_900, approveDeadline: undefined, decision: RefundDecision.UNSPECIFIED });
    await untilRefunds(h, member.orderId, ['succeeded']);
    expect(await actionsOf(refund.refundId)).not.toContain('ApproveRefund finance/finance-2');
  });

  test('is bounded by its order, also when all of it is asked for at once by two people (lesson 39)', async () => {
    const member = await dearMember();
    const ask = (as: Identity) => refundOrderCall(h, { ...member, amount: 4_000 }, as);
    await Promise.all(Array.from({ length: 6 }, (_, i) => ask(i % 2 === 0 ? 'finance' : 'finance-2')));
    // Whoever did not get his turn on a busy machine asks again.
    await until('nothing is left', async () => reasonOf(await ask('finance')) === 'ORDER_NOT_REFUNDABLE');
    // Four are all of ¥199; two of them are within ¥100, whoever asked.
    expect(await readRefundRows(h, member.orderId)).toHaveLength(4);
    await until('two are given back, one after the other', async () => {
      h.clock.advanceMs(1_000);
      return (await givenBack(member.orderId)) === 8_000;
    });
    const statuses = (await readRefundRows(h, member.orderId)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 'proposed')).toHaveLength(2);
  });

  test('is bounded by its order: parts that come to more than ¥100 are proposed from there on', async () => {
    const member = await dearMember();
    expect(await refundOf(h, { ...member, amount: 6_000 })).toMatchObject({ approveDeadline: undefined });
    await untilRefunds(h, member.orderId, ['succeeded']);
    expect(await refundOf(h, { ...member, amount: 4_001 })).toMatchObject({ status: RefundStatus.PROPOSED });
    // Nor does somebody else begin anew; what is left of the ¥100 is free.
    const others = await mustSucceed(refundOrderCall(h, { ...member, amount: 4_001 }, 'finance-2'));
    expect(others.refund).toMatchObject({ status: RefundStatus.PROPOSED });
    expect(await refundOf(h, { ...member, amount: 4_000 })).toMatchObject({ approveDeadline: undefined });
  });
});

describe('a refund beyond that', () => {
  test('is proposed: what it ends is set aside, nothing is sent, and people are told', async () => {
    const { userId, orderId } = await dearMember();
    await mustSucceed(consume(h, { requestId: 'c', userId, amount: 110 }));
    const asked = { userId, orderId, requestId: 'r' };
    const answer = await mustSucceed(refundOrderCall(h, asked));
    const { refundId = '' } = answer.refund ?? {};
    expect(answer.refund).toMatchObject({
      ...{ status: RefundStatus.PROPOSED, amount: DEAR, frozenUnits: 1_400, wechatpayRefundId: '' },
      ...{ decision: RefundDecision.UNSPECIFIED, decidedBy: '', decideTime: undefined },
    });
    expect(answer.refund?.requestedBy).toMatch(/\/finance\//);
    const waitMs = (answer.refund?.approveDeadline?.getTime() ?? 0) - (answer.refund?.createTime?.getTime() ?? 0);
    expect(waitMs).toBe(7 * DAY_MS);
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 0, quotaHeld: 1_400 });
    expect(await givenBack(orderId)).toBe(0);
    expect(await readRefundRows(h, orderId)).toMatchObject([{ status: 'proposed', next_attempt_time: null }]);
    expect(await readAlertWords(h, refundId)).toEqual(['refund_proposed open']);
    expect(await eventsOf(refundId)).toEqual(['refund.proposed']);
    expect((await mustSucceed(listProposedCall(h))).refunds.map((one) => one.refundId)).toContain(refundId);

    // It is taken: neither a second one nor an upgrade may count on the same money.
    expect(await quoteRefundCall(h, { userId, orderId })).toMatchObject({ metadata: { why: 'nothing_left' } });
    const upgrade = await upgradeCall(h, { userId, planId: await openPlan(h, { price: 29_900 }) });
    expect(upgrade).toMatchObject({ reason: 'UPGRADE_NOT_POSSIBLE', metadata: { why: 'refund_open' } });
    const before = await readUserRows(h.db, userId);
    expect(await mustSucceed(refundOrderCall(h, asked))).toMatchObject({ replayed: true, refund: { refundId } });
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });

  test.each<[string, Identity, string]>([
    ['who asked for it', 'finance', 'SECOND_PERSON_REQUIRED'],
    ['operations', 'operations', 'CALLER_NOT_ALLOWED'],
    ['an auditor', 'auditor', 'CALLER_NOT_ALLOWED'],
    ['the order service', 'order-service', 'CALLER_NOT_ALLOWED'],
  ])('is not approved by %s, which changes nothing (lesson 1)', async (_who, as, reason) => {
    const proposed = await propose();
    const before = await stateOf(proposed);
    const asked = { refundId: proposed.refundId, requestId: newId('a') };
    for (let times = 0; times < 2; times += 1) {
      expect(await approveRefundCall(h, asked, as)).toMatchObject({ code: 'PERMISSION_DENIED', reason });
    }
    expect(await stateOf(proposed)).toEqual(before);
    // Nor is the refusal kept: whoever may is judged afresh under the same request (lesson 5).
    expect(await mustSucceed(approveRefundCall(h, asked))).toMatchObject({ replayed: false });
    await untilRefunds(h, proposed.orderId, ['succeeded']);
    expect(await givenBack(proposed.orderId)).toBe(DEAR);
  });

  test('is sent once another person approves it, and ends like any other', async () => {
    const { userId, orderId, refundId } = await propose('finance-2');
    const asked = { refundId, requestId: newId('a') };
    const answer = await mustSucceed(approveRefundCall(h, asked, 'finance'));
    expect(answer).toMatchObject({ replayed: false, refund: { refundId, decision: RefundDecision.APPROVED } });
    expect(answer.refund?.decidedBy).toMatch(/\/finance\//);
    expect(answer.refund?.decidedBy).not.toBe(answer.refund?.requestedBy);
    await untilRefunds(h, orderId, ['succeeded']);
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 10, quotaHeld: 0 });
    expect(await readAlertWords(h, refundId)).toEqual(['refund_proposed refund_approved']);
    expect((await actionsOf(refundId)).slice(0, 2)).toEqual([
      'RefundOrder finance/finance-2',
      'ApproveRefund finance/finance',
    ]);
    expect((await eventsOf(refundId)).slice(0, 2)).toEqual(['refund.proposed', 'refund.requested']);
    await expectBalanced(h.db, userId);

    const before = await readUserRows(h.db, userId);
    const replay = await mustSucceed(approveRefundCall(h, asked, 'finance'));
    expect(replay).toMatchObject({ replayed: true, refund: { status: RefundStatus.SUCCEEDED } });
    const again = { reason: 'REFUND_NOT_PROPOSED', metadata: { status: 'approved' } };
    expect(await approveRefundCall(h, { refundId }, 'finance')).toMatchObject(again);
    expect(await rejectRefundCall(h, { refundId }, 'finance')).toMatchObject(again);
    expect(await readUserRows(h.db, userId)).toEqual(before);
  });

  test.each<[string, Identity]>([
    ['is rejected by another person', 'finance-2'],
    ['is taken back by who asked for it', 'finance'],
  ])('%s: everything thaws, nothing was sent, and it may be asked for anew', async (_how, as) => {
    const { userId, orderId, refundId } = await propose();
    const answer = await mustSucceed(rejectRefundCall(h, { refundId, reason: '金额有误' }, as));
    expect(answer).toMatchObject({
      refund: { status: RefundStatus.CLOSED, decision: RefundDecision.REJECTED, decisionReason: '金额有误' },
    });
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 1_510, quotaHeld: 0 });
    expect(await givenBack(orderId)).toBe(0);
    expect(await readAlertWords(h, refundId)).toEqual(['refund_proposed refund_rejected']);
    expect(await actionsOf(refundId)).toEqual(['RefundOrder finance/finance', `RejectRefund finance/${as}`]);
    expect(await eventsOf(refundId)).toEqual(['refund.proposed', 'refund.closed']);
    const late = await approveRefundCall(h, { refundId });
    expect(late).toMatchObject({ reason: 'REFUND_NOT_PROPOSED', metadata: { status: 'rejected' } });
    const anew = await refundOf(h, { userId, orderId });
    expect(anew).toMatchObject({ status: RefundStatus.PROPOSED, frozenUnits: 1_500 });
    await expectBalanced(h.db, userId);
  });

  test('of an unknown number, or one that nobody has to approve, is refused', async () => {
    expect(await approveRefundCall(h, { refundId: 'none' })).toMatchObject({ reason: 'REFUND_NOT_FOUND' });
    expect(await rejectRefundCall(h, { refundId: 'none' })).toMatchObject({ reason: 'REFUND_NOT_FOUND' });
    const member = await registerMember(h);
    const { refundId } = await refundOf(h, member);
    await untilRefunds(h, member.orderId, ['succeeded']);
    const refusal = { reason: 'REFUND_NOT_PROPOSED', metadata: { status: 'succeeded' } };
    expect(await approveRefundCall(h, { refundId })).toMatchObject(refusal);
  });

  test('is not approved for more than is left after somebody gave back in the merchant portal', async () => {
    const { userId, orderId, refundId } = await propose();
    await h.control('/_control/refund', { order_id: orderId, amount: 5_000, out_refund_no: newId('p').slice(0, 30) });
    await until('it was booked', async () => (await readRefundRows(h, orderId)).length === 2);
    await untilRefunds(h, orderId, ['proposed', 'succeeded']);
    const before = await readUserRows(h.db, userId);
    expect(await approveRefundCall(h, { refundId })).toMatchObject({
      ...{ reason: 'ORDER_NOT_REFUNDABLE', metadata: { why: 'exceeds_paid', refundable: '14900' } },
    });
    expect(await readUserRows(h.db, userId)).toEqual(before);
    await mustSucceed(rejectRefundCall(h, { refundId }));
  });

  test('takes the sum of all: of many proposed at once only what was paid, and no more is approved (lessons 39, 16)', async () => {
    const member = await dearMember();
    const amount = 10_001;
    const replies = await Promise.all(
      Array.from({ length: 8 }, (_, i) => {
        return refundOrderCall(h, { ...member, amount }, i % 2 === 0 ? 'finance' : 'finance-2');
      }),
    );
    expect(replies.filter(({ ok }) => ok)).toHaveLength(1);
    expect(await refundOrderCall(h, { ...member, amount })).toMatchObject({ metadata: { why: 'exceeds_paid' } });
    const [row, ...more] = await readRefundRows(h, member.orderId);
    expect([row, more]).toMatchObject([{ status: 'proposed', amount }, []]);
    const refundId = String(row?.['id']);
    const by = String(row?.['requested_by']).endsWith('finance-2') ? 'finance' : 'finance-2';
    const approvals = await Promise.all(
      Array.from({ length: 6 }, () => approveRefundCall(h, { refundId, requestId: 'the same' }, by)),
    );
    expect(approvals.filter((reply) => reply.ok && !reply.response.replayed)).toHaveLength(1);
    await untilRefunds(h, member.orderId, ['succeeded']);
    expect(await givenBack(member.orderId)).toBe(amount);
    const [order] = await h.db.query('SELECT refunded_amount FROM orders WHERE id = ?', [member.orderId]);
    expect(order).toEqual({ refunded_amount: amount });
    await expectBalanced(h.db, member.userId);
  });

  test('is decided once, however many decide at the same moment (lesson 9)', async () => {
    const { userId, orderId, refundId } = await propose();
    const replies = await Promise.all([
      ...Array.from({ length: 4 }, () => approveRefundCall(h, { refundId })),
      ...Array.from({ length: 4 }, () => rejectRefundCall(h, { refundId })),
    ]);
    expect(replies.filter(({ ok }) => ok)).toHaveLength(1);
    expect(new Set(replies.map(reasonOf))).toEqual(new Set(['ok', 'REFUND_NOT_PROPOSED']));
    const [row] = await readRefundRows(h, orderId);
    const isApproved = row?.['decision'] === 'approved';
    await untilRefunds(h, orderId, [isApproved ? 'succeeded' : 'closed']);
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: isApproved ? 10 : 1_510, quotaHeld: 0 });
    expect(await givenBack(orderId)).toBe(isApproved ? DEAR : 0);
    await expectBalanced(h.db, userId);
  });
});

describe('what a person gives back alone in a day', () => {
  const countedOf = async (): Promise<number[]> => {
    const sql = "SELECT amount FROM refund_alone_days WHERE person = 'finance-2' ORDER BY business_day";
    return (await h.db.query(sql)).map(({ amount }) => Number(amount));
  };

  test('is bounded, also when all of it is asked for at once (lesson 32); another person and the next day are free', async () => {
    h.clock.advanceMs(DAY_MS);
    // The first of the day, and then as if many had been made: three times ¥99 are left.
    await mustSucceed(refundOrderCall(h, await registerMember(h), 'finance-2'));
    await h.db.query("UPDATE refund_alone_days SET amount = 160500 WHERE person = 'finance-2' AND amount = 9900");
    const members = await Promise.all(Array.from({ length: 6 }, () => registerMember(h)));
    const answers = await Promise.all(members.map((member) => mustSucceed(refundOrderCall(h, member, 'finance-2'))));
    const proposed = answers.filter(({ refund }) => refund?.status === RefundStatus.PROPOSED);
    expect(proposed).toHaveLength(3);
    expect((await countedOf()).at(-1)).toBe(160_500 + 3 * 9_900);
    // What is proposed and approved is nobody's alone; nor does another person's day know of it.
    await mustSucceed(approveRefundCall(h, { refundId: proposed[0]?.refund?.refundId ?? '' }, 'finance'));
    expect((await countedOf()).at(-1)).toBe(160_500 + 3 * 9_900);
    expect(await refundOf(h, await registerMember(h))).toMatchObject({ approveDeadline: undefined });

    h.clock.advanceMs(DAY_MS);
    const next = await mustSucceed(refundOrderCall(h, await registerMember(h), 'finance-2'));
    expect(next.refund).toMatchObject({ approveDeadline: undefined });
    expect((await countedOf()).at(-1)).toBe(9_900);
  });
});

describe('a proposal that nobody approves in seven days', () => {
  test('ends by itself (lesson 12): everything thaws, and an approval comes too late from the instant on', async () => {
    const { userId, orderId, refundId } = await propose();
    h.clock.advanceMs(7 * DAY_MS);
    expect(await approveRefundCall(h, { refundId })).toMatchObject({
      ...{ reason: 'REFUND_NOT_PROPOSED', metadata: { status: 'expired' } },
    });
    const [row] = await untilRefunds(h, orderId, ['closed']);
    expect(row).toMatchObject({ decision: 'expired', decided_by: 'spiffe://billing/system/billing-guard' });
    expect(await getQuota(h, userId)).toMatchObject({ quotaRemaining: 1_510, quotaHeld: 0 });
    expect(await givenBack(orderId)).toBe(0);
    expect(await readAlertWords(h, refundId)).toEqual(['refund_proposed refund_expired']);
    expect(await actionsOf(refundId)).toEqual(['RefundOrder finance/finance', 'ExpireRefund system/billing-guard']);
    await expectBalanced(h.db, userId);
  });
});

describe('units that expired while their refund was proposed', () => {
  test('are gone when who proposed it takes it back alone, and come back with a grace when another person or its time ends it', async () => {
    const members = [await dearMember(), await dearMember(), await dearMember()] as const;
    // A month is over while they are frozen.
    h.clock.advanceMs(26 * DAY_MS);
    const proposed: { userId: string; orderId: string; refundId: string }[] = [];
    for (const member of members) {
      const { refund } = await mustSucceed(refundOrderCall(h, member));
      expect(refund).toMatchObject({ status: RefundStatus.PROPOSED, frozenUnits: 1_500 });
      proposed.push({ ...member, refundId: refund?.refundId ?? '' });
    }
    h.clock.advanceMs(6 * DAY_MS);
    const [own, others, forgotten] = proposed;
    if (own === undefined || others === undefined || forgotten === undefined) throw new Error('nothing was proposed');
    await mustSucceed(rejectRefundCall(h, own, 'finance'));
    await mustSucceed(rejectRefundCall(h, others, 'finance-2'));
    h.clock.advanceMs(DAY_MS);
    await untilRefunds(h, forgotten.orderId, ['closed']);

    const compensationOf = async (userId: string): Promise<number> => {
      const { grants } = await getQuota(h, userId);
      return grants
        .filter(({ source }) => source === 'compensation')
        .reduce((sum, { remaining }) => sum + remaining, 0);
    };
    const toldOf = async (refundId: string): Promise<unknown> => {
      const sql =
        "SELECT after_state FROM audit_logs WHERE subject_id = ? AND JSON_VALUE(after_state, '$.status') = 'closed'";
      const [row] = await h.db.query(sql, [refundId]);
      return (JSON.parse(String(row?.['after_state'])) as { expired_units?: number }).expired_units;
    };
    const outcomes = await Promise.all(
      proposed.map(async ({ userId, refundId }) => [await compensationOf(userId), await toldOf(refundId)]),
    );
    expect(outcomes).toEqual([
      [0, 1_500],
      [1_500, undefined],
      [1_500, undefined],
    ]);
    for (const { userId } of proposed) {
      expect((await verifyLedgerOf(h.db.url, userId, monotonicMs)).fault).toBeUndefined();
      await expectBalanced(h.db, userId);
    }
  });
});

describe('the invariants', () => {
  test('hold for proposals in every state, and find one that somebody decided on without a trace', async () => {
    const { refundId } = await propose();
    expect(await brokenInvariants(h.db)).toEqual([]);
    const root = await h.db.connect('root');
    try {
      await root.beginTransaction();
      const forged = { status: 'closed', decision: 'rejected', decided_by: 'spiffe://billing/finance/finance-2' };
      await root.query('UPDATE refunds SET ?, decide_time = NOW(3), apply_time = NOW(3) WHERE id = ?', [
        forged,
        refundId,
      ]);
      const { sql = '' } = INVARIANTS.find(({ id }) => id === 'INV-36') ?? {};
      const [found] = await root.query<RowDataPacket[]>(sql);
      expect(found.map(({ subject }) => String(subject))).toContain(refundId);
    } finally {
      await root.rollback();
      await root.end();
    }
  });
});
