import { seededChance } from '../../../simulator/wechatpay/chance';
import { mustSucceed } from '../../support/clients';
import { consume, newId, refund, registerMember, startHarness, until, type Harness } from '../../support/harness';
import { brokenInvariants } from '../../support/invariants';
import { severeProblems } from '../../support/severe-problems';
import { createOrderCall } from '../../support/order-calls';
import { capture, hold, release } from '../../support/quota-calls';
import { readRefundRows, refundOrderCall } from '../../support/refund-calls';
import { expectBalanced } from '../../support/user-rows';

/**
 * Refunds, ours and the merchant portal's, that overlap with each other and with the use of what was bought, in an order that
 * nobody thought of: every invariant holds at the end, and WeChat Pay's books say of each order what ours say.
 */
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const SEED = 20_261_126;
const MEMBERS = 6;
const STEPS = 16;
const PAID = 9_900;

let h: Harness;
beforeAll(async () => {
  h = await startHarness();
  await h.control('/_control/refunds', { outcome: 'PROCESSING' });
});
afterAll(() => h.stop());

interface Member {
  readonly userId: string;
  /** The running month, and the next. */
  readonly orderIds: readonly string[];
  readonly consumed: string[];
  readonly held: string[];
}

async function newMember(): Promise<Member> {
  const { userId, orderId } = await registerMember(h);
  const { order } = await mustSucceed(createOrderCall(h, { userId }));
  await h.control('/_control/pay', { order_id: order?.orderId });
  return { userId, orderIds: [orderId, order?.orderId ?? ''], consumed: [], held: [] };
}

/** Control calls of the simulator that it may refuse: what does not fit does not happen. */
async function tryControl(path: string, body: object): Promise<void> {
  await h.control(path, body).catch(() => undefined);
}

/** What may happen next; everything that is refused changes nothing. */
function deeds(chance: () => number) {
  const pick = <T>(items: readonly T[]): T | undefined => items[Math.floor(chance() * items.length)];
  const upTo = (most: number): number => 1 + Math.floor(chance() * most);
  const id = (): string => newId('x');
  const decide = async (orderId: string): Promise<void> => {
    const open = (await readRefundRows(h, orderId)).filter(({ status }) =>
      ['processing', 'abnormal'].includes(String(status)),
    );
    const one = pick(open);
    const outcome = pick(['SUCCESS', 'SUCCESS', 'CLOSED', 'ABNORMAL']);
    if (one !== undefined)
      await tryControl('/_control/refund', { order_id: orderId, out_refund_no: one['id'], outcome });
  };
  return [
    async ({ userId, consumed }: Member) => {
      const requestId = id();
      consumed.push(requestId);
      await consume(h, { userId, requestId, amount: upTo(120) });
    },
    ({ userId, consumed }: Member) =>
      refund(h, { userId, requestId: id(), consumeRequestId: pick(consumed) ?? 'none', amount: upTo(40) }),
    async ({ userId, held }: Member) => {
      const requestId = id();
      held.push(requestId);
      await hold(h, { userId, requestId, amount: upTo(120) });
    },
    ({ userId, held }: Member) => release(h, { userId, requestId: id(), holdId: pick(held) ?? 'none' }),
    ({ userId, held }: Member) => capture(h, { userId, requestId: id(), holdId: pick(held) ?? 'none', amount: 1 }),
    ({ userId, orderIds }: Member) =>
      refundOrderCall(h, {
        userId,
        orderId: pick(orderIds) ?? '',
        amount: pick([0, 1, upTo(PAID), upTo(PAID / 2)]) ?? 0,
      }),
    ({ userId, orderIds }: Member) =>
      refundOrderCall(h, { userId, orderId: pick(orderIds) ?? '', amount: upTo(PAID / 3) }),
    ({ orderIds }: Member) =>
      tryControl('/_control/refund', {
        ...{ order_id: pick(orderIds), amount: upTo(PAID / 2), outcome: pick(['SUCCESS', 'ABNORMAL', 'CLOSED']) },
        ...(chance() < 0.3 ? { drop: true } : {}),
      }),
    ({ orderIds }: Member) => decide(pick(orderIds) ?? ''),
    ({ orderIds }: Member) => decide(pick(orderIds) ?? ''),
    () => Promise.resolve(h.clock.advanceMs(pick([MINUTE_MS, 3 * MINUTE_MS, 2 * DAY_MS]) ?? 0)),
  ];
}

/** Ends whatever is open, one way or the other, until nothing is. */
async function endAll(members: readonly Member[], chance: () => number): Promise<void> {
  for (const orderId of members.flatMap(({ orderIds }) => orderIds)) {
    await until(`the refunds of ${orderId}`, async () => {
      const rows = await readRefundRows(h, orderId);
      const open = rows.filter(({ status }) => ['created', 'processing', 'abnormal'].includes(String(status)));
      for (const { id, status } of open) {
        const outcome = chance() < 0.5 ? 'SUCCESS' : 'CLOSED';
        if (status !== 'created')
          await tryControl('/_control/refund', { order_id: orderId, out_refund_no: id, outcome });
      }
      if (open.length > 0) h.clock.advanceMs(MINUTE_MS);
      return open.length === 0;
    });
  }
}

/** What the portal's lost notifications tell of, told at last. */
async function tellLost(orderId: string): Promise<void> {
  const known = new Set((await readRefundRows(h, orderId)).map(({ id }) => id));
  for (const { out_refund_no: id, status } of (await simulated(orderId)).refunds) {
    if (known.has(id) || status === 'PROCESSING') continue;
    await tryControl('/_control/refund', { order_id: orderId, out_refund_no: id, outcome: status });
  }
}

async function simulated(orderId: string) {
  const answer = await fetch(`${h.simulatorUrl}/_control/orders/${orderId}`);
  return (await answer.json()) as { refunds: { out_refund_no: string; status: string; amount: number }[] };
}

const wentBack = (refunds: readonly { readonly status: string; readonly amount: number }[], done: string): number =>
  refunds.filter(({ status }) => status === done).reduce((sum, { amount }) => sum + amount, 0);

test('refunds of every kind in any order leave every invariant whole, and both books the same', async () => {
  const chance = seededChance(SEED);
  const members = await Promise.all(Array.from({ length: MEMBERS }, newMember));
  const all = deeds(chance);
  for (let step = 0; step < STEPS * MEMBERS; step += 1) {
    const member = members[Math.floor(chance() * members.length)];
    const deed = all[Math.floor(chance() * all.length)];
    if (member !== undefined) await deed?.(member);
  }
  for (const orderId of members.flatMap(({ orderIds }) => orderIds)) await tellLost(orderId);
  await endAll(members, chance);
  // Past the start of every second month: what was paused is given, or never.
  h.clock.advanceMs(40 * DAY_MS);
  await until('every due lot', async () => {
    const due = 'SELECT 1 FROM membership_periods WHERE next_grant_time <= ?';
    return (await h.db.query(due, [h.clock.now()])).length === 0;
  });
  await until('every due check', async () => (await brokenInvariants(h.db)).length === 0);
  expect(await severeProblems(h.db, h.clock)).toEqual([]);
  for (const { userId, orderIds } of members) {
    await expectBalanced(h.db, userId);
    for (const orderId of orderIds) {
      const ours = (await readRefundRows(h, orderId)) as unknown as { status: string; amount: number }[];
      expect(wentBack(ours, 'succeeded')).toBe(wentBack((await simulated(orderId)).refunds, 'SUCCESS'));
    }
  }
}, 120_000);
